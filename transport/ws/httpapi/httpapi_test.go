package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestPublishReachesTheClientsInATopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		one, other := s.join("room:1", "", nil), s.join("room:2", "", nil)
		s.is(post(t, "/publish", hello), 200, "{}")
		got := one.AssertPush("hello")
		if text := string(got.Bytes()); text != `{"n": 12345678901234567890}` {
			t.Errorf("%s: not as it came", text)
		}
		other.RefutePush("hello")
		s.is(post(t, "/publish", `{"topic": "room:1", "event": "empty"}`), 200, "{}")
		one.AssertPush("empty", map[string]any{})
	})
}

func TestDisconnectClosesTheConnectionsOfAnID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		ann := wstest.NewClient(t, s.endpoint, "/socket", ws.Identity{ID: "user:ann"})
		bob := s.join("room:1", "user:bob", nil)
		s.is(post(t, "/disconnect", `{"id": "user:ann"}`), 200, "{}")
		if code, _ := ann.AssertDisconnect(); code != 1001 {
			t.Error(code)
		}
		s.is(post(t, "/publish", hello), 200, "{}")
		bob.AssertPush("hello")
	})
}

func TestPresenceSaysWhoIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		s.is(get(t, "/presence?topic=room:1"), 200, `{"total":0,"keys":[]}`)
		for _, name := range []string{"bob", "ann", "ann"} {
			s.join("room:1", "", map[string]string{"name": name})
		}
		synctest.Wait()
		s.is(get(t, "/presence?topic=room:1"), 200, `{"total":2,"keys":[{"key":"ann","count":2},{"key":"bob","count":1}]}`)
		s.is(get(t, "/presence?topic=room:1&limit=1"), 200, `{"total":2,"keys":[{"key":"ann","count":2}]}`)
		s.is(get(t, "/presence?topic=room:1&filter=o"), 200, `{"total":1,"keys":[{"key":"bob","count":1}]}`)
		if _, _, body := s.ask(get(t, "/presence?topic=room:1&key=bob")); !strings.HasPrefix(body, `{"key":"bob","entry":{"metas":[{`) || !strings.Contains(body, `"from":"test"`) {
			t.Error(body)
		}
		s.is(get(t, "/presence?topic=room:1&key=eve"), 404, "not_present")
		for _, query := range []string{"limit=0", "limit=1001", "limit=x", "limit=1&limit=2", "topics=a", "filter=%zz"} {
			s.is(get(t, "/presence?topic=room:1&"+query), 400, "invalid_request")
		}
		s.is(get(t, "/presence"), 400, "invalid_topic")
		s.is(get(t, "/presence?topic=lobby"), 404, "unknown_topic")
	})
}

// A publish with a key is made once, and the history has it once.
func TestHistorySaysWhatWasSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		one := s.join("kept:1", "", nil)
		for range 2 {
			s.is(post(t, "/publish", `{"topic": "kept:1", "event": "paid", "payload": {"n": 17}, "key": "order 17"}`), 200, "{}")
		}
		if err := s.endpoint.Broadcast("kept:1", "pic", ws.Binary([]byte{0, 255})); err != nil {
			t.Fatal(err)
		}
		one.AssertPush("paid", map[string]int{"n": 17})
		one.RefutePush("paid")
		log, err := s.endpoint.Recorded(t.Context(), "kept:1", ws.Position{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		at := func(n int) string { return fmt.Sprint("@", log.To.Epoch, ":", n) }
		answer := func(complete bool, messages ...string) string {
			return fmt.Sprintf(`{"complete":%v,"position":%q,"messages":[%s]}`, complete, at(2), strings.Join(messages, ","))
		}
		paid := fmt.Sprintf(`{"position":%q,"event":"paid","payload":{"n":17}}`, at(1))
		pic := fmt.Sprintf(`{"position":%q,"event":"pic","binary":"AP8="}`, at(2))
		for query, want := range map[string]string{
			"":                   answer(false, paid, pic),
			"&limit=1":           answer(false, paid),
			"&since=" + at(0):    answer(true, paid, pic),
			"&since=" + at(1):    answer(true, pic),
			"&since=" + at(2):    answer(true),
			"&since=@foreign:17": answer(false, paid, pic),
		} {
			s.is(get(t, "/history?topic=kept:1"+query), 200, want)
		}
		for _, query := range []string{"limit=0", "limit=1001", "since=17", "since=%zz", "key=a", "since=@a:1&since=@a:1"} {
			s.is(get(t, "/history?topic=kept:1&"+query), 400, "invalid_request")
		}
		s.is(get(t, "/history"), 400, "invalid_topic")
		s.is(get(t, "/history?topic=lobby"), 404, "unknown_topic")
		s.is(get(t, "/history?topic=room:1"), 404, "not_recorded")
	})
}

func TestWithoutATrackerThereIsNoPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(cfg *httpapi.Config) { cfg.Presence = nil })
		s.is(get(t, "/presence?topic=room:1"), 404, "no_presence")
	})
}

func TestBadRequestsPublishNothing(t *testing.T) {
	long := strings.Repeat("a", 1025)
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		one, user := s.join("room:1", "", nil), s.join("user:17", "user:17", nil)
		for _, c := range []struct {
			act, body string
			status    int
			code      string
		}{
			{"publish", ``, 400, "invalid_request"},
			{"publish", `17`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {}} {}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {}}]`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "paylaod": {}}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": 17}`, 400, "invalid_request"},
			{"publish", `{"Topic": "room:1", "event": "hello", "payload": {}}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {}, "\u212aey": "1"}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {}, "topic": "room:2"}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {}, "t\u006fpic": "room:2"}`, 400, "invalid_request"},
			{"publish", "{\"topic\": \"room:1\", \"event\": \"hello\", \"payload\": {\"a\": \"\xff\"}}", 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": [1]}`, 400, "invalid_payload"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": null}`, 400, "invalid_payload"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": "{}"}`, 400, "invalid_payload"},
			{"publish", `{"topic": "room:1", "event": "hello", "payload": {"a":}}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": ""}`, 400, "invalid_event"},
			{"publish", `{"topic": "room:1", "event": "` + long + `"}`, 400, "invalid_event"},
			{"publish", `{"topic": "room:1", "event": "phx_close"}`, 400, "invalid_event"},
			{"publish", `{"topic": "room:1", "event": "chan_reply_1"}`, 400, "invalid_event"},
			{"publish", `{"topic": "room:1", "event": "presence_diff"}`, 400, "invalid_event"},
			{"publish", `{"topic": "user:17", "event": "disconnect"}`, 400, "invalid_event"},
			{"publish", `{"event": "hello"}`, 400, "invalid_topic"},
			{"publish", `{"topic": "lobby", "event": "hello"}`, 404, "unknown_topic"},
			{"publish", `{"topic": "room:` + long + `", "event": "hello"}`, 404, "unknown_topic"},
			{"publish", `{"topic": "phoenix", "event": "hello"}`, 404, "unknown_topic"},
			{"disconnect", `{}`, 400, "invalid_id"},
			{"disconnect", `{"id": "` + long + `"}`, 400, "invalid_id"},
			{"disconnect", `{"id": "user:17", "topic": "x"}`, 400, "invalid_request"},
			{"publish", `{"topic": "room:1", "event": "hello", "key": "1"}`, 400, "not_recorded"},
			{"publish", `{"topic": "kept:1", "event": "hello", "key": ""}`, 400, "invalid_key"},
			{"publish", `{"topic": "kept:1", "event": "hello", "key": 1}`, 400, "invalid_request"},
			{"publish", `{"topic": "kept:1", "event": "hello", "key": "` + long[:257] + `"}`, 400, "invalid_key"},
			{"history", `{}`, 405, "wrong_method"},
			{"histories", `{}`, 404, "unknown_act"},
			{"", `{}`, 404, "unknown_act"},
			{"publish/", hello, 404, "unknown_act"},
		} {
			s.is(post(t, "/"+c.act, c.body), c.status, c.code)
		}
		s.is(post(t, "/publish", `{"topic": "user:17", "event": "last"}`), 200, "{}")
		user.AssertPush("last") // so it is connected
		s.is(post(t, "/publish", `{"topic": "room:1", "event": "last"}`), 200, "{}")
		one.AssertPush("last")
		one.RefutePush("hello")
	})
}

func TestRequestsHaveAMethodAndAType(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
			r := post(t, "/publish", hello)
			r.Method = method
			if status, h, _ := s.ask(r); status != 405 || h.Get("Allow") != "POST" {
				t.Errorf("%s: %d, Allow %q", method, status, h.Get("Allow"))
			}
		}
		s.is(post(t, "/presence?topic=room:1", ""), 405, "wrong_method")
		for _, media := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json+x", ";"} {
			r := post(t, "/publish", hello)
			r.Header.Set("Content-Type", media)
			s.is(r, 415, "not_json")
		}
		r := post(t, "/publish", hello)
		r.Header.Set("Content-Encoding", "gzip")
		s.is(r, 415, "not_json")
		r = post(t, "/publish", hello)
		r.Header.Set("Content-Type", "Application/JSON; charset=utf-8")
		s.is(r, 200, "{}")
	})
}

func TestBodiesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(cfg *httpapi.Config) { cfg.MaxBody = 100 })
		padded := func(n int) string { return hello + strings.Repeat(" ", n-len(hello)) }
		s.is(post(t, "/publish", padded(100)), 200, "{}")
		s.is(post(t, "/publish", padded(101)), 413, "too_large")
	})
}

// faulty is a body that cannot be read to its end.
type faulty struct{ err error }

func (f faulty) Read(p []byte) (int, error) { return copy(p, `{"topic"`), f.err }

func TestBodiesThatDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, nil)
		for err, want := range map[error]string{
			fmt.Errorf("read tcp: %w", os.ErrDeadlineExceeded): "too_slow",
			io.ErrUnexpectedEOF: "invalid_request",
		} {
			r := post(t, "/publish", hello)
			r.Body = io.NopCloser(faulty{err})
			status := map[string]int{"too_slow": 408, "invalid_request": 400}[want]
			s.is(r, status, want)
		}
	})
}

// deadlines is what is set on a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error  { d.read = at; return nil }
func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

func TestRequestsAreLimitedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(cfg *httpapi.Config) { cfg.Timeout = time.Second })
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		s.api.ServeHTTP(d, post(t, "/publish", hello))
		if d.Code != 200 || !d.read.Equal(time.Now().Add(time.Second)) || d.write.Before(d.read) {
			t.Errorf("%d, read until %v, write until %v", d.Code, d.read, d.write)
		}
		d = &deadlines{ResponseRecorder: httptest.NewRecorder()}
		s.api.ServeHTTP(d, get(t, "/presence?topic=room:1"))
		if d.Code != 200 || !d.read.IsZero() || d.write.IsZero() {
			t.Errorf("%d, read until %v, write until %v", d.Code, d.read, d.write)
		}
	})
}

// A publish to a topic whose Store does not answer ends with its request, and in time.
func TestAPublishEndsWithItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(historytest.Store)
		store.Fail(func(ctx context.Context, operation, _ string) error {
			if operation != "append" {
				return nil
			}
			<-ctx.Done()
			return context.Cause(ctx)
		})
		s := start(t, func(cfg *httpapi.Config) {
			cfg.Timeout = time.Second
			stored := ws.Topic("room:*", func() room { return room{} }, nil)
			stored.History = &ws.History{Store: store}
			cfg.Endpoint = wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
				return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{stored}}}})
			})
		})
		for _, gone := range []time.Duration{time.Second / 10, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), gone)
			began := time.Now()
			s.is(post(t, "/publish", hello).WithContext(ctx), 503, "unavailable")
			if took, want := time.Since(began), min(gone, time.Second); took != want {
				t.Errorf("it took %v, want %v", took, want)
			}
			cancel()
		}
	})
}

func TestRatesAreHeldForEachWho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, func(cfg *httpapi.Config) { cfg.MaxRate = 2 })
		by := func(who string) *http.Request {
			g := all
			g.Who = who
			r := post(t, "/publish", hello)
			r.Header.Set("Authorization", bearer(t, g))
			return r
		}
		for range 20 { // ten seconds' worth
			s.is(by("ann"), 200, "{}")
		}
		status, h, _ := s.ask(by("ann"))
		if status != 429 || h.Get("Retry-After") != "1" {
			t.Errorf("%d, Retry-After %q", status, h.Get("Retry-After"))
		}
		s.is(by("bob"), 200, "{}")
		time.Sleep(500 * time.Millisecond)
		s.is(by("ann"), 200, "{}")
		s.is(by("ann"), 429, "too_many_requests")
		time.Sleep(30 * time.Second) // what was kept of her is let go
		for range 20 {
			s.is(by("ann"), 200, "{}")
		}
		s.is(by("ann"), 429, "too_many_requests")
	})
}

func TestAnEndpointThatIsDown(t *testing.T) {
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{ws.Topic("room:*", func() room { return room{} }, nil)}}}})
	api, err := httpapi.New(httpapi.Config{Endpoint: endpoint, Tokens: token.Signed[httpapi.Grant]{Keys: keys, Purpose: purpose}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	status, h, body := ask(t, api, post(t, "/publish", hello))
	if status != 503 || h.Get("Retry-After") != "1" || !strings.Contains(body, `"unavailable"`) {
		t.Error(status, h, body)
	}
}

func TestConfigsThatMakeNoSense(t *testing.T) {
	verifier := token.Signed[httpapi.Grant]{Keys: keys, Purpose: purpose}
	endpoint := ws.New(ws.Config{})
	for want, cfg := range map[string]httpapi.Config{
		"httpapi: no endpoint":              {Tokens: verifier},
		"httpapi: no verifier of tokens":    {Endpoint: endpoint},
		"httpapi: at most -1 bytes in 0s":   {Endpoint: endpoint, Tokens: verifier, MaxBody: -1},
		"httpapi: at most 0 bytes in -1s":   {Endpoint: endpoint, Tokens: verifier, Timeout: -time.Second},
		"httpapi: at most -1 bytes in 1m0s": {Endpoint: endpoint, Tokens: verifier, MaxBody: -1, Timeout: time.Minute},
	} {
		if api, err := httpapi.New(cfg); err == nil || err.Error() != want || api != nil {
			t.Errorf("%v, not %s", err, want)
		}
	}
}
