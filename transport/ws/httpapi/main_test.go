package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var keys = token.Keys{Current: token.NewKey("0123456789abcdef0123456789abcdef")}

const purpose = "http api"

// all is a grant of everything.
var all = httpapi.Grant{Who: "billing", Publish: []string{"*"}, Disconnect: []string{"*"}, Presence: []string{"*"}, History: []string{"*"}}

// room enters whom it is joined by, by the name that the client gives.
type room struct{ who *presence.Tracker }

func (r room) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	var who struct{ Name string }
	if err := in.Decode(&who); err != nil || who.Name == "" {
		return nil, err
	}
	r.who.Enter(c, who.Name, map[string]string{"from": "test"})
	return nil, nil
}

// stage is an API and what is around it.
type stage struct {
	t        *testing.T
	endpoint *ws.Endpoint
	who      *presence.Tracker
	api      *httpapi.Handler
	log      *bytes.Buffer
}

// start makes a stage, in a bubble.
func start(t *testing.T, with func(cfg *httpapi.Config)) *stage {
	t.Helper()
	s := &stage{t: t, log: new(bytes.Buffer)}
	kept := ws.Topic("kept:*", func() room { return room{s.who} }, nil)
	kept.History = &ws.History{Size: 3}
	s.endpoint = wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
		var err error
		if s.who, err = presence.Start(sys, presence.Config{}); err != nil {
			return nil, err
		}
		return ws.Start(sys, ws.Config{Trackers: []ws.Tracker{s.who}, Sockets: []ws.Socket{{
			Path: "/socket",
			Channels: ws.Routes{
				ws.Topic("room:*", func() room { return room{s.who} }, nil),
				ws.Topic("user:*", func() room { return room{s.who} }, nil),
				kept,
			},
		}}})
	})
	cfg := httpapi.Config{
		Endpoint: s.endpoint,
		Tokens:   token.Signed[httpapi.Grant]{Keys: keys, Purpose: purpose},
		Presence: s.who,
		Logger:   slog.New(slog.NewTextHandler(s.log, nil)),
	}
	if with != nil {
		with(&cfg)
	}
	var err error
	if s.api, err = httpapi.New(cfg); err != nil {
		t.Fatal(err)
	}
	return s
}

// join returns a channel of a client of its own.
func (s *stage) join(topic, id string, params any) *wstest.Channel {
	s.t.Helper()
	c, _ := wstest.NewClient(s.t, s.endpoint, "/socket", ws.Identity{ID: id}).Join(topic, params)
	return c
}

// bearer returns the header of a token with a grant.
func bearer(t testing.TB, g httpapi.Grant) string {
	t.Helper()
	s, err := keys.Sign(purpose, g, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + s
}

// post is a request with everything, which a test may spoil.
func post(t testing.TB, act, body string) *http.Request {
	r := httptest.NewRequest("POST", act, strings.NewReader(body))
	r.Header.Set("Authorization", bearer(t, all))
	r.Header.Set("Content-Type", "application/json")
	return r
}

func get(t testing.TB, target string) *http.Request {
	r := httptest.NewRequest("GET", target, nil)
	r.Header.Set("Authorization", bearer(t, all))
	return r
}

const hello = `{"topic": "room:1", "event": "hello", "payload": {"n": 12345678901234567890}}`

// ask returns the answer to a request: its status, its header, and its body, on one line.
func (s *stage) ask(r *http.Request) (int, http.Header, string) {
	s.t.Helper()
	return ask(s.t, s.api, r)
}

func ask(t testing.TB, api http.Handler, r *http.Request) (int, http.Header, string) {
	t.Helper()
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	if h := w.Header(); h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || !json.Valid(body) {
		t.Errorf("%v %s", h, body)
	}
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("a header of CORS: %s", name)
		}
	}
	return w.Code, w.Header(), strings.TrimSpace(string(body))
}

// is checks an answer. An error is given by its code.
func (s *stage) is(r *http.Request, status int, want string) {
	s.t.Helper()
	got, _, body := s.ask(r)
	if status != http.StatusOK {
		var e struct {
			Error struct{ Code, Message string }
		}
		if err := json.Unmarshal([]byte(body), &e); err != nil || e.Error.Message == "" {
			s.t.Errorf("%s: %v", body, err)
		}
		body = e.Error.Code
	}
	if got != status || body != want {
		s.t.Errorf("%s %s: %d %s, not %d %s", r.Method, r.URL, got, body, status, want)
	}
}
