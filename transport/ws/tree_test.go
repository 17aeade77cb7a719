package ws_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// planted is an endpoint in a supervision tree, between two other children.
type planted struct {
	*server
	top supervisor.Tree
}

// plant starts a program whose endpoint is one of three children: "before", the endpoint,
// "after". It runs in memory.
func plant(t testing.TB, spec supervisor.Spec, backoff supervisor.Backoff, sockets ...ws.Socket) *planted {
	t.Helper()
	endpoint := ws.New(ws.Config{Sockets: sockets})
	idle := func(id string) supervisor.Child {
		return supervisor.Actor(id, actor.Func(func(*actor.Context[int], int) error { return nil }))
	}
	child := endpoint.Child()
	child.Backoff = backoff
	spec.Children = []supervisor.Child{idle("before"), child, idle("after")}
	sys := newSystem()
	top, err := supervisor.Start(sys, spec)
	if err != nil {
		t.Fatal(err)
	}
	l := newPipeListener()
	s := serveEndpoint(t, sys, l, plain, endpoint)
	s.addr, s.dialer = "memory", l.dial
	return &planted{s, top}
}

// often allows as many restarts as a test causes.
var often = supervisor.Spec{Intensity: 1000, Period: time.Second}

// part returns a child of the endpoint's, or the zero PID while there is none.
func (p *planted) part(id string) actor.PID {
	tree, _ := supervisor.TreeOf(p.PID())
	info, _ := tree.Child(context.Background(), id)
	return info.PID
}

// killPart kills a child of the endpoint's as often as it takes for the endpoint to end.
func (p *planted) killPart(id string) {
	for range 2 {
		p.part(id).Exit(actor.Kill)
		synctest.Wait()
	}
}

// sibling returns another child of the program's.
func (p *planted) sibling(t testing.TB, id string) actor.PID {
	t.Helper()
	info, err := p.top.Child(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return info.PID
}

// works checks that clients of both kinds come in, join and hear broadcasts, and that they
// leave nothing when they have gone.
func (p *planted) works(t *testing.T) {
	t.Helper()
	before := p.Stats()
	c, poll := p.connect(t), p.pollClient(t, "")
	c.join("room:a")
	poll.open()
	if got := poll.post(`["1","1","room:a","phx_join",{}]`); got != 200 {
		t.Fatalf("a join by a POST: %d", got)
	}
	poll.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	if err := p.Broadcast("room:a", "news", nil); err != nil {
		t.Fatal(err)
	}
	c.expect(`[null,null,"room:a","news",{}]`)
	poll.expect(`[null,null,"room:a","news",{}]`)
	if got := p.Stats(); got.Connections != before.Connections+2 || got.Channels != before.Channels+2 {
		t.Errorf("%d connections and %d channels more, want 2 and 2",
			got.Connections-before.Connections, got.Channels-before.Channels)
	}
	c.conn.Close(websocket.StatusNormalClosure, "")
	time.Sleep(time.Minute) // virtual: the other one is missed
	if got := p.Stats(); got.Connections != before.Connections || got.Channels != before.Channels {
		t.Errorf("they have left %d connections and %d channels", got.Connections-before.Connections, got.Channels-before.Channels)
	}
}

func TestEndpointComesBack(t *testing.T) {
	damage := []struct {
		name string
		do   func(*testing.T, *planted)
		with supervisor.Strategy
		code websocket.StatusCode // that clients are told
	}{
		{"it is killed", func(_ *testing.T, p *planted) { p.PID().Exit(actor.Kill) }, supervisor.OneForOne, websocket.StatusServiceRestart},
		{"its sockets are killed too often", func(_ *testing.T, p *planted) { p.killPart("sockets") }, supervisor.OneForOne, websocket.StatusInternalError},
		{"what waits for its clients is killed too often", func(_ *testing.T, p *planted) { p.killPart("closing") }, supervisor.OneForOne, websocket.StatusServiceRestart},
		{"it is shut down", func(_ *testing.T, p *planted) { go p.Shutdown(context.Background()) }, supervisor.OneForOne, websocket.StatusServiceRestart},
		{"one before it is killed, rest for one", func(t *testing.T, p *planted) { p.sibling(t, "before").Exit(actor.Kill) }, supervisor.RestForOne, websocket.StatusServiceRestart},
		{"one after it is killed, one for all", func(t *testing.T, p *planted) { p.sibling(t, "after").Exit(actor.Kill) }, supervisor.OneForAll, websocket.StatusServiceRestart},
	}
	for _, d := range damage {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := often
				spec.Strategy = d.with
				p := plant(t, spec, supervisor.Backoff{}, polling(nil))
				p.works(t)
				first, c, poll := p.PID(), p.connect(t), p.pollClient(t, "")
				c.join("room:a")
				poll.open()
				closed := make(chan struct{})
				go func() {
					defer close(closed)
					c.expectClose(d.code)
				}()
				d.do(t, p)
				<-closed
				time.Sleep(time.Second) // virtual
				if now := p.PID(); now == first || !now.Alive() {
					t.Fatalf("it was %v and is %v, alive: %v", first, now, now.Alive())
				}
				if a := poll.poll(); a.Status != 410 || a.Token != "" {
					t.Errorf("the client that polls gets %+v, want 410: its session has gone", a)
				}
				p.works(t)
				time.Sleep(time.Minute)
				if got := p.Stats(); got.Connections != 0 || got.Channels != 0 {
					t.Errorf("%+v are left", got)
				}
			})
		})
	}
}

func TestEndpointThatIsDownSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plant(t, often, supervisor.Backoff{Min: time.Minute}, polling(nil))
		p.works(t)
		p.PID().Exit(actor.Kill)
		synctest.Wait()
		if pid := p.PID(); !pid.IsZero() {
			t.Errorf("it is %v while it is down", pid)
		}
		_, resp, err := p.dial(t, "/socket?vsn=2.0.0", nil)
		if err == nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Errorf("a WebSocket: %v, %v; want 503 with Retry-After", resp, err)
		}
		for _, method := range []string{"GET", "POST"} {
			a, resp := p.pollClient(t, "").do(method, "", "", nil)
			if method == "GET" && (resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "") {
				t.Errorf("a poll: %v, %+v; want 503 with Retry-After", resp, a)
			}
			if resp.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Errorf("%s: no page can see the answer", method)
			}
		}
		if err := p.Broadcast("room:a", "news", nil); err != nil {
			t.Errorf("a broadcast to nobody: %v", err)
		}
		if err := p.Drain(t.Context()); !errors.Is(err, actor.NoProc) {
			t.Errorf("a drain: %v", err)
		}
		time.Sleep(2 * time.Minute) // virtual
		p.works(t)
	})
}

// What a balancer may ask for to know whether a server takes clients: the path of a socket,
// without an upgrade.
func TestPlainGetTellsWhetherTheEndpointTakesClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ask := func(e *ws.Endpoint, want int) {
			t.Helper()
			w := httptest.NewRecorder()
			e.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/socket/websocket", nil))
			if retry := w.Header().Get("Retry-After"); w.Code != want || (retry != "") != (want == 503) {
				t.Errorf("status %d, Retry-After %q; want status %d", w.Code, retry, want)
			}
		}
		ask(ws.New(ws.Config{Sockets: []ws.Socket{rooms(nil)}}), 503) // never started
		p := plant(t, often, supervisor.Backoff{Min: time.Minute}, rooms(nil))
		ask(p.Endpoint, 426)
		p.PID().Exit(actor.Kill)
		synctest.Wait()
		ask(p.Endpoint, 503)
		time.Sleep(2 * time.Minute) // virtual
		ask(p.Endpoint, 426)
		if err := p.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		ask(p.Endpoint, 503)
	})
}

// Only while it is down is the answer an invitation to come back at once.
func TestFullEndpointGivesNoTime(t *testing.T) {
	socket := rooms(nil)
	socket.MaxConnections = 1
	s := serve(t, socket)
	s.connect(t)
	if _, resp, err := s.dial(t, "/socket?vsn=2.0.0", nil); err == nil || resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "" {
		t.Errorf("%v, %v; want 503 without Retry-After", resp, err)
	}
}

func TestEndpointThatWasNeverStarted(t *testing.T) {
	e := ws.New(ws.Config{Sockets: []ws.Socket{polling(nil)}})
	if !e.PID().IsZero() {
		t.Error("it has a PID")
	}
	if err := e.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Broadcast("room:a", "news", nil); err != nil {
		t.Error(err)
	}
}

func TestEndpointRunsOnce(t *testing.T) {
	e := ws.New(ws.Config{Sockets: []ws.Socket{rooms(nil)}})
	spec := supervisor.Spec{Children: []supervisor.Child{e.Child()}}
	here, there := newSystem(), newSystem()
	defer there.Shutdown(context.Background())
	if _, err := supervisor.Start(here, spec); err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Start(there, spec); err == nil || !strings.HasSuffix(err.Error(), "ws: start endpoint: it is running already") {
		t.Errorf("started a second time: %v", err)
	}
	if err := here.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := supervisor.Start(there, spec); err != nil {
		t.Errorf("started again when it had ended: %v", err)
	}
}

// Parts of the tree are killed in any order, while clients come and go. When that is over
// all works, and nothing has been left.
func TestEndpointSurvivesWhateverIsKilled(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(seed, 13))
				spec := often
				spec.Strategy = supervisor.Strategy(rnd.IntN(3))
				p := plant(t, spec, supervisor.Backoff{}, polling(nil))
				var clients []*client
				come := func() {
					c, _, err := p.dial(t, "/socket?vsn=2.0.0", nil)
					if err != nil { // it is just down
						return
					}
					c.conn.Write(context.Background(), websocket.MessageText, []byte(`["1","1","room:a","phx_join",{}]`))
					clients = append(clients, c)
				}
				meet := func(f func()) { // so that it meets what follows at any point
					if rnd.IntN(2) == 0 {
						synctest.Wait()
					}
					f()
				}
				for range 40 {
					switch rnd.IntN(8) {
					case 0:
						meet(func() { p.PID().Exit(actor.Kill) })
					case 1:
						meet(func() { p.part("sockets").Exit(actor.Kill) })
					case 2:
						meet(func() { p.part("closing").Exit(actor.Kill) })
					case 3:
						id := []string{"before", "after"}[rnd.IntN(2)]
						meet(func() { p.sibling(t, id).Exit(actor.Kill) })
					case 4:
						meet(func() { go p.Shutdown(context.Background()) })
					case 5:
						p.pollClient(t, "").poll()
					default:
						come()
					}
					if len(clients) > 0 && rnd.IntN(4) == 0 {
						i := rnd.IntN(len(clients))
						clients[i].conn.CloseNow()
						clients = slices.Delete(clients, i, i+1)
					}
				}
				for _, c := range clients {
					c.conn.CloseNow()
				}
				time.Sleep(2 * time.Minute) // virtual
				p.works(t)
				if got := p.Stats(); got.Connections != 0 || got.Channels != 0 {
					t.Errorf("%+v are left", got)
				}
			})
		})
	}
}
