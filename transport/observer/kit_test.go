package observer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// site is an observer that is served over HTTP, of a system of its own.
type site struct {
	t   testing.TB
	sys *actor.System
	o   *observer.Observer
	url string // of the mount, with a slash at its end
}

func newSite(t *testing.T, cfg observer.Config) *site {
	t.Helper()
	return serve(t, actortest.NewSystem(t, actortest.Silent()), cfg)
}

// serve serves an observer of the system until the end of the test.
func serve(t testing.TB, sys *actor.System, cfg observer.Config) *site {
	t.Helper()
	o, err := observer.Start(sys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/observer/", o)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return &site{t, sys, o, server.URL + "/observer/"}
}

// lets is an Authorize that grants the same to everybody.
func lets(r observer.Rights) func(*http.Request) (observer.Grant, error) {
	return func(*http.Request) (observer.Grant, error) { return observer.Grant{Rights: r, Who: "ann"}, nil }
}

// viewer is a page of the site that somebody has open.
type viewer struct {
	t      testing.TB
	client *wsclient.Client
	room   *wsclient.Channel
	hello  map[string]any // the answer to its join
	pushes map[string]chan json.RawMessage
}

// patience is for what must come.
const patience = time.Minute

// open opens a page.
func (s *site) open() *viewer {
	s.t.Helper()
	v, err := s.tryOpen(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return v
}

func (s *site) tryOpen(header http.Header) (*viewer, error) {
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	client, err := wsclient.Dial(ctx, wsclient.Config{URL: "ws" + strings.TrimPrefix(s.url, "http") + "socket", Header: header})
	if err != nil {
		return nil, err
	}
	s.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		_ = client.Close(ctx)
	})
	v := &viewer{t: s.t, client: client, room: client.Channel("observer", nil), pushes: map[string]chan json.RawMessage{}}
	for _, event := range []string{"changed", "reset", "ended", "traced", "traceEnded"} {
		c := make(chan json.RawMessage, 1000)
		v.pushes[event] = c
		v.room.On(event, func(m wsclient.Message) { c <- m.Payload.Bytes() })
	}
	hello, err := v.room.Join(ctx)
	if err != nil {
		return nil, err
	}
	return v, json.Unmarshal(hello.Bytes(), &v.hello)
}

// ask asks a question that must be answered, and decodes the answer into an A.
func ask[A any](v *viewer, event string, q any) (answer A) {
	v.t.Helper()
	payload, err := v.room.Push(v.t.Context(), event, q)
	if err != nil {
		v.t.Fatalf("%s: %v", event, err)
	}
	if err := json.Unmarshal(payload.Bytes(), &answer); err != nil {
		v.t.Fatalf("%s: %v in %s", event, err, payload.Bytes())
	}
	return answer
}

// await returns the next push of the event, decoded.
func await[P any](v *viewer, event string) (push P) {
	v.t.Helper()
	select {
	case raw := <-v.pushes[event]:
		if err := json.Unmarshal(raw, &push); err != nil {
			v.t.Fatalf("%s: %v in %s", event, err, raw)
		}
		return push
	case <-time.After(patience):
		v.t.Fatalf("no %s has come", event)
	}
	return push
}
