package observer_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// A program that ends with pages open, which watch and trace, ends at once: the pages are
// disconnected, nobody works for them, and what the observer answers is that it does not run.
func TestAProgramEndsWithPagesOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{Logger: actortest.NewSystem(t, actortest.Silent()).Logger()})
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Act)})
		if err != nil {
			t.Fatal(err)
		}
		ref, err := actor.Spawn(sys, idle)
		if err != nil {
			t.Fatal(err)
		}
		var clients []*wstest.Client
		for range long.Rounds(5, 100) {
			client, room := join(t, o)
			room.AssertReply(room.Push("tree", query.TreeRequest{}), "ok")
			room.AssertReply(room.Push("top", query.TopRequest{}), "ok")
			room.AssertReply(room.Push("trace", map[string]any{"pid": ref.String(), "on": true}), "ok")
			clients = append(clients, client)
		}
		start := time.Now()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for _, client := range clients {
			client.AssertDisconnect()
		}
		synctest.Wait()
		if took := time.Since(start); took > time.Second {
			t.Errorf("it has ended after %v", took)
		}
		if sys.Observed() {
			t.Error("the system is still observed")
		}
		for _, g := range goroutines() {
			t.Errorf("this still runs: %s", g)
		}
		w := httptest.NewRecorder()
		o.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("it answers with %d", w.Code)
		}
	})
}

// A server of HTTP that shuts down waits for no page.
func TestAServerShutsDownWithPagesOpen(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	o, err := observer.Start(sys, observer.Config{})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(o)
	defer server.Close()
	s := &site{t, sys, o, server.URL + "/"}
	v := s.open()
	ask[query.Tree](v, "tree", query.TreeRequest{})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	ask[query.Tree](v, "tree", query.TreeRequest{}) // the page goes on until the observer ends
}

// An observer that is killed in the middle of an act leaves the act done or not done, and its
// supervisor can start it again.
func TestAnObserverIsKilledDuringAnAct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Act)})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { <-release; return nil }))
		if err != nil {
			t.Fatal(err)
		}
		ref.Send(1)
		client, room := join(t, o)
		room.Push("act", map[string]string{"pid": ref.String(), "act": "suspend"}) // waits for its turn
		synctest.Wait()
		for pid := range sys.All() {
			if pid.Parent().IsZero() && pid.Label() == "observer" {
				pid.Exit(actor.Kill)
				<-pid.Done()
			}
		}
		client.AssertDisconnect()
		time.Sleep(10 * time.Second) // of the bubble
		for _, g := range goroutines() {
			t.Errorf("this still runs: %s", g)
		}
		close(release)
		synctest.Wait()
		if err := ref.PID().Resume(t.Context()); err != nil {
			t.Error(err)
		}
		actortest.Sync(t, ref.PID())
	})
}

// What a client sends that makes no sense, or is far too much, is refused, and the page goes on.
func TestGarbageIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Act)})
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		many := make([]string, 2000)
		for i := range many {
			many[i] = "<0.1>"
		}
		for _, q := range []struct {
			event string
			with  any
		}{
			{"tree", map[string]any{"open": 7}},
			{"tree", map[string]any{"open": many}},
			{"tree", map[string]any{"at": -1}},
			{"tree", map[string]any{"at": int64(1) << 62}},
			{"tree", map[string]any{"node": "no such node"}},
			{"top", map[string]any{"by": "\x00"}},
			{"top", map[string]any{"limit": "all"}},
			{"actor", map[string]any{"pid": "<0.99999999999999999999999>"}},
			{"actor", map[string]any{}},
			{"trace", map[string]any{"pid": "<>", "on": true}},
			{"trace", map[string]any{"pid": room.PID().String(), "on": true}},
			{"act", map[string]any{"pid": "", "act": ""}},
			{"act", map[string]any{"pid": room.PID().String(), "act": "format"}},
			{"socket", map[string]any{"pid": []any{}}},
			{"topic", map[string]any{"endpoint": "x"}},
			{"table", map[string]any{"name": "\u202e"}},
		} {
			room.AssertReply(room.Push(q.event, q.with), "error")
			time.Sleep(time.Second) // of the bubble: a page may ask so much in a second
		}
		for _, q := range []struct {
			event string
			with  any
		}{
			{"tree", map[string]any{"limit": -1}},
			{"tree", map[string]any{"limit": 1 << 40, "limits": map[string]int{"": 1 << 40, "x": -5}}},
			{"top", map[string]any{"limit": 1 << 40}},
			{"timeline", map[string]any{"from": int64(-1) << 62, "to": int64(1) << 62, "limit": 1 << 40}},
			{"timeline", map[string]any{"from": 9, "to": 3}},
			{"crashes", map[string]any{"limit": -1 << 40}},
		} {
			room.AssertReply(room.Push(q.event, q.with), "ok")
			time.Sleep(time.Second)
		}
	})
}

// A page that asks for a trace of everything has five.
func TestAPageTracesNoMoreThanAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Trace)})
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		for i := range 20 {
			ref, err := actor.Spawn(sys, idle)
			if err != nil {
				t.Fatal(err)
			}
			status := "ok"
			if i >= 5 {
				status = "error"
			}
			room.AssertReply(room.Push("trace", map[string]any{"pid": ref.String(), "on": true}), status)
		}
	})
}
