package httpapi_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
)

func TestEachActTakesItsOwnRight(t *testing.T) {
	const disconnect = `{"id": "user:17"}`
	none := httpapi.Grant{Who: "billing"}
	with := func(set func(g *httpapi.Grant)) httpapi.Grant { g := none; set(&g); return g }
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		for _, c := range []struct {
			what                                  string
			grant                                 httpapi.Grant
			publish, disconnect, present, history int
		}{
			{"nothing", none, 403, 403, 403, 403},
			{"everything", all, 200, 200, 200, 200},
			{"publish", with(func(g *httpapi.Grant) { g.Publish = []string{"*"} }), 200, 403, 403, 403},
			{"disconnect", with(func(g *httpapi.Grant) { g.Disconnect = []string{"*"} }), 403, 200, 403, 403},
			{"presence", with(func(g *httpapi.Grant) { g.Presence = []string{"*"} }), 403, 403, 200, 403},
			{"history", with(func(g *httpapi.Grant) { g.History = []string{"kept:*"} }), 403, 403, 403, 200},
			{"the topic", with(func(g *httpapi.Grant) { g.Publish = []string{"lobby", "room:1"} }), 200, 403, 403, 403},
			{"its prefix", with(func(g *httpapi.Grant) { g.Publish = []string{"room:*"} }), 200, 403, 403, 403},
			{"another topic", with(func(g *httpapi.Grant) { g.Publish = []string{"room:", "room:12", "ROOM:1", "*:1", "room*:1", ""} }), 403, 403, 403, 403},
			{"other IDs", with(func(g *httpapi.Grant) { g.Disconnect = []string{"user:1", "user:170*"} }), 403, 403, 403, 403},
			{"all IDs of users", with(func(g *httpapi.Grant) { g.Disconnect = []string{"user:*"} }), 403, 200, 403, 403},
			{"nobody's grant", with(func(g *httpapi.Grant) { *g = all; g.Who = "" }), 403, 403, 403, 403},
		} {
			for act, want := range map[string]int{"/publish": c.publish, "/disconnect": c.disconnect, "/presence?topic=room:1": c.present, "/history?topic=kept:1": c.history} {
				r, body := get(t, act), map[string]string{"/publish": hello, "/disconnect": disconnect}[act]
				if body != "" {
					r = post(t, act, body)
				}
				r.Header.Set("Authorization", bearer(t, c.grant))
				if got, _, answer := s.ask(r); got != want || want == 403 && !strings.Contains(answer, `"forbidden"`) {
					t.Errorf("%s with %s: %d %s", act, c.what, got, answer)
				}
			}
		}
		// What there is, is not told without the right.
		r := post(t, "/publish", `{"topic": "no such topic", "event": "hello"}`)
		r.Header.Set("Authorization", bearer(t, none))
		s.is(r, 403, "forbidden")
	})
}

func TestTokensThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		another, err := keys.Sign("user socket", all, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		other, err := keys.Sign(purpose, 17, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		good := bearer(t, all)
		for _, c := range []struct {
			headers         []string
			code, challenge string
		}{
			{nil, "no_token", "Bearer"},
			{[]string{""}, "no_token", "Bearer"},
			{[]string{"Bearer"}, "no_token", "Bearer"},
			{[]string{"Bearer "}, "no_token", "Bearer"},
			{[]string{"Basic YTpi"}, "no_token", "Bearer"},
			{[]string{strings.TrimPrefix(good, "Bearer ")}, "no_token", "Bearer"},
			{[]string{good, good}, "no_token", "Bearer"},
			{[]string{"Bearer x"}, "token_invalid", `Bearer error="invalid_token"`},
			{[]string{good + "x"}, "token_invalid", `Bearer error="invalid_token"`},
			{[]string{"Bearer " + another}, "token_invalid", `Bearer error="invalid_token"`},
			{[]string{"Bearer " + other}, "token_invalid", `Bearer error="invalid_token"`},
			{[]string{"Bearer " + strings.Repeat("a", 20000)}, "token_invalid", `Bearer error="invalid_token"`},
		} {
			r := post(t, "/publish", hello)
			r.Header["Authorization"] = c.headers
			s.is(r, 401, c.code)
			r = post(t, "/publish?token="+another+"&access_token="+strings.TrimPrefix(good, "Bearer "), hello)
			r.Header["Authorization"] = c.headers
			if _, h, _ := s.ask(r); h.Get("WWW-Authenticate") != c.challenge {
				t.Errorf("%.40q: %q", c.headers, h.Get("WWW-Authenticate"))
			}
		}
		r := post(t, "/publish", hello)
		r.Header.Set("Authorization", "bearer  "+strings.TrimPrefix(good, "Bearer "))
		s.is(r, 200, "{}")
		time.Sleep(time.Hour + time.Millisecond)
		r = post(t, "/publish", hello)
		r.Header.Set("Authorization", good)
		s.is(r, 401, "token_expired")
	})
}

// hostile is an error whose methods panic.
type hostile struct{}

func (hostile) Error() string { panic("Error") }
func (hostile) Is(error) bool { panic("Is") }

type pointed struct{}

func (*pointed) Error() string { panic("of nil") }

func TestWhateverAVerifierDoesIsAnAnswer(t *testing.T) {
	for what, c := range map[string]struct {
		verify token.VerifierFunc[httpapi.Grant]
		status int
	}{
		"an error of its own": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			return token.Verified[httpapi.Grant]{Claims: all}, errors.New("no keys")
		}, 503},
		"an error about the token": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			return token.Verified[httpapi.Grant]{Claims: all}, errors.Join(errors.New("jwt"), token.ErrExpired)
		}, 401},
		"a grant that is over": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			return token.Verified[httpapi.Grant]{Claims: all, Expires: time.Now().Add(-1)}, nil
		}, 401},
		"a panic": {func(context.Context, string) (token.Verified[httpapi.Grant], error) { panic("verify") }, 503},
		"a Goexit": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			runtime.Goexit()
			return token.Verified[httpapi.Grant]{Claims: all}, nil
		}, 503},
		"a typed nil": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			return token.Verified[httpapi.Grant]{Claims: all}, (*pointed)(nil)
		}, 503},
		"an error that panics": {func(context.Context, string) (token.Verified[httpapi.Grant], error) {
			return token.Verified[httpapi.Grant]{Claims: all}, hostile{}
		}, 503},
		"nothing for long": {func(ctx context.Context, _ string) (token.Verified[httpapi.Grant], error) {
			time.Sleep(6 * time.Second) // whatever its context says
			return token.Verified[httpapi.Grant]{Claims: all}, nil
		}, 503},
		"a nil function": {nil, 503},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := start(t, func(cfg *httpapi.Config) { cfg.Tokens = c.verify })
			one := s.join("room:1", "", nil)
			begun := time.Now()
			status, _, body := s.ask(post(t, "/publish", hello))
			if status != c.status || time.Since(begun) > 5*time.Second {
				t.Errorf("%s: %d %s after %v", what, status, body, time.Since(begun))
			}
			time.Sleep(2 * time.Second)
			one.RefutePush("hello")
		})
	}
}
