package httpapi_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
)

func TestEachRequestHasALineInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		line := func(want ...string) {
			t.Helper()
			got := s.log.String()
			s.log.Reset()
			if strings.Count(got, "\n") != 1 {
				t.Errorf("not one line: %s", got)
			}
			for _, w := range want {
				if !strings.Contains(got, " "+w) {
					t.Errorf("no %s in %s", w, got)
				}
			}
		}
		s.is(post(t, "/publish", hello), 200, "{}")
		line("level=INFO", `msg="http api"`, "act=publish", "who=billing", "target=room:1", "event=hello", "bytes=77", "outcome=done", "remote=192.0.2.1:1234")
		s.is(post(t, "/disconnect", `{"id":"user:17"}`), 200, "{}")
		line("act=disconnect", "who=billing", "target=user:17", "outcome=done")
		s.is(get(t, "/presence?topic=room:1"), 200, `{"total":0,"keys":[]}`)
		line("act=presence", "who=billing", "target=room:1", "outcome=done")
		s.is(post(t, "/publish", `{"topic": "lobby", "event": "hello"}`), 404, "unknown_topic")
		line("act=publish", "who=billing", "target=lobby", "outcome=unknown_topic")
		r := post(t, "/publish", hello)
		r.Header.Del("Authorization")
		s.is(r, 401, "no_token")
		line("act=publish", `who=""`, `target=""`, "outcome=no_token")
		s.is(post(t, "/made-up-by-a-client", hello), 404, "unknown_act")
		line(`act=""`, "outcome=unknown_act")
	})
}

// What is done is logged without bounds, and what anybody can cause within.
func TestRefusalsAreLoggedWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		for range 500 {
			s.is(post(t, "/publish", hello), 200, "{}")
		}
		if n := strings.Count(s.log.String(), "outcome=done"); n != 500 {
			t.Errorf("%d lines", n)
		}
		for range 500 {
			r := post(t, "/publish", hello)
			r.Header.Del("Authorization")
			s.is(r, 401, "no_token")
		}
		if n := strings.Count(s.log.String(), "outcome=no_token"); n == 0 || n > 200 {
			t.Errorf("%d lines", n)
		}
	})
}

func TestNoLineHasATokenOrAPayload(t *testing.T) {
	const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl"
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		failing := start(t, func(cfg *httpapi.Config) {
			cfg.Tokens = token.VerifierFunc[httpapi.Grant](func(_ context.Context, jwt string) (token.Verified[httpapi.Grant], error) {
				_, part, _ := strings.Cut(jwt, ".")
				part, _, _ = strings.Cut(part, ".")
				return token.Verified[httpapi.Grant]{}, errors.New("no key for " + jwt + " with " + part)
			})
		})
		failing.log = s.log
		secrets := []string{jwt, "eyJzdWIiOiI0NzExIn0", "4711-private", "12345678901234567890"}
		for _, body := range []string{
			hello, `{"topic": "room:1", "event": "hello", "payload": "4711-private"}`, `{"4711-private": 1}`,
			`{"topic": "lobby", "event": "hello", "payload": {"a": "4711-private"}}`,
		} {
			for _, header := range []string{bearer(t, all), bearer(t, all) + "x", bearer(t, httpapi.Grant{Who: "a"}), "Bearer " + jwt} {
				r := post(t, "/publish", body)
				r.Header.Set("Authorization", header)
				s.ask(r)
				secrets = append(secrets, header[7:40])
			}
			r := post(t, "/publish", body)
			r.Header.Set("Authorization", "Bearer "+jwt)
			failing.is(r, 503, "unavailable")
		}
		for _, secret := range secrets {
			if strings.Contains(s.log.String(), secret) {
				t.Errorf("%q is in %s", secret, s.log)
			}
		}
	})
	var log strings.Builder
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(cfg *httpapi.Config) {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
			cfg.Tokens = token.VerifierFunc[httpapi.Grant](func(_ context.Context, jwt string) (token.Verified[httpapi.Grant], error) {
				return token.Verified[httpapi.Grant]{}, errors.New("no key for " + jwt + " with " + strings.Split(jwt, ".")[1])
			})
		})
		r := post(t, "/publish", hello)
		r.Header.Set("Authorization", "Bearer "+jwt)
		s.is(r, 503, "unavailable")
	})
	if got := log.String(); !strings.Contains(got, `error="no key for [token] with [token]"`) || strings.Contains(got, "eyJ") {
		t.Error(got)
	}
}

// handler is a log's handler that does what it wants.
type handler struct{ do func() }

func (h handler) Enabled(context.Context, slog.Level) bool { return true }
func (h handler) Handle(context.Context, slog.Record) error {
	h.do()
	return nil
}
func (h handler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h handler) WithGroup(string) slog.Handler      { return h }

func TestWhateverALoggerDoesTheRequestIsAnswered(t *testing.T) {
	for what, do := range map[string]func(end chan struct{}){
		"a panic":  func(chan struct{}) { panic("log") },
		"a Goexit": func(chan struct{}) { runtime.Goexit() },
		"nothing":  func(end chan struct{}) { <-end },
	} {
		synctest.Test(t, func(t *testing.T) {
			end := make(chan struct{})
			defer close(end)
			s := start(t, func(cfg *httpapi.Config) { cfg.Logger = slog.New(handler{func() { do(end) }}) })
			one := s.join("room:1", "", nil)
			for range 20 { // more than may hang
				begun := time.Now()
				s.is(post(t, "/publish", hello), 200, "{}")
				if took := time.Since(begun); took > time.Second {
					t.Errorf("%s: %v", what, took)
				}
				one.AssertPush("hello")
			}
		})
	}
}
