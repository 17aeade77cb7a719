package ws_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Code of the user's can fail in four ways: panic, end its goroutine, return a nil
// pointer in an interface, and not return. These tests have each of its kinds that is
// called here fail in each way, and look at who else notices.

// faults is code of the user's that fails where it is told to.
type faults struct {
	at      atomic.Pointer[string] // where
	fail    func()                 // nil: by a nil pointer
	hits    atomic.Int32           // that it has failed
	release chan struct{}
}

// here is called where it may fail. It reports whether a nil pointer is to be returned.
func (f *faults) here(where string) bool {
	if at := f.at.Load(); at == nil || *at != where {
		return false
	}
	f.hits.Add(1)
	if f.fail == nil {
		return true
	}
	f.fail()
	return false
}

// nothing is a nil pointer with methods that do not expect that.
type nothing struct{ text string }

func (n *nothing) Error() string                { return n.text }
func (n *nothing) Is(error) bool                { return n.text == "" }
func (n *nothing) Unwrap() error                { return errors.New(n.text) }
func (n *nothing) MarshalJSON() ([]byte, error) { return []byte(n.text), nil }

func (f *faults) err(where string) error {
	if f.here(where) {
		return (*nothing)(nil)
	}
	return nil
}

// payload is one that fails when it is marshalled.
type payload struct {
	*faults
	where string
}

func (p payload) MarshalJSON() ([]byte, error) { return []byte("{}"), p.err(p.where) }

// bad is an error whose methods fail.
type bad payload

func (b bad) Error() string        { b.here(b.where); return "bad" }
func (b bad) Is(error) bool        { return b.here(b.where) }
func (b bad) Unwrap() error        { b.here(b.where); return nil }
func (b bad) LogValue() (v string) { b.here(b.where); return "bad" }

// faulty is a handler that fails.
type faulty struct{ *faults }

func (h *faulty) Join(c *ws.Channel, topic string, _ ws.Payload) (any, error) {
	if h.here("Join") {
		return (*nothing)(nil), (*nothing)(nil)
	}
	switch topic {
	case "bad:refused":
		return nil, ws.Refuse(payload{h.faults, "refusal"})
	case "bad:error":
		return nil, bad{h.faults, "error of Join"}
	}
	return payload{h.faults, "reply of Join"}, nil
}

func (h *faulty) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	if h.here("HandleIn") {
		return ws.OK((*nothing)(nil)), (*nothing)(nil)
	}
	switch event {
	case "push":
		return ws.NoReply, c.Push("x", payload{h.faults, "push"})
	case "broadcast":
		return ws.NoReply, c.Broadcast("x", payload{h.faults, "broadcast"})
	case "fail":
		return ws.NoReply, bad{h.faults, "error of HandleIn"}
	case "inform":
		c.Ref().Send(1)
	case "continue":
		c.Continue(func(*ws.Channel) error { return h.err("Continue") })
	}
	return ws.OK(payload{h.faults, "reply of HandleIn"}), nil
}

func (h *faulty) HandleInfo(*ws.Channel, any) error { return h.err("HandleInfo") }

func (h *faulty) Intercepts() []string {
	h.here("Intercepts")
	return []string{"out"}
}

func (h *faulty) HandleOut(*ws.Channel, string, ws.Payload) error { return h.err("HandleOut") }

func (h *faulty) Terminate(*ws.Channel, error) { h.here("Terminate") }

// Deliver implements pubsub.Subscriber.
func (f *faults) Deliver(string, ws.Broadcast) { f.here("Deliver") }

// version3 is a serializer that fails; so do not those of other clients.
type version3 struct {
	wire.V2
	*faults
}

func (version3) Version() string { return "3.0.0" }

func (v version3) Decode(data []byte, binary bool) (wire.Message, error) {
	if err := v.err("Decode"); err != nil {
		return wire.Message{}, err
	}
	return v.V2.Decode(data, binary)
}

func (v version3) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	if err := v.err("Append"); err != nil {
		return nil, false, err
	}
	return v.V2.Append(buf, m)
}

func (v version3) AppendReply(buf []byte, m wire.Message, status string) ([]byte, bool, error) {
	if err := v.err("AppendReply"); err != nil {
		return nil, false, err
	}
	return v.V2.AppendReply(buf, m, status)
}

// socket is one on which all that may fail does.
func (f *faults) socket() ws.Socket {
	socket := rooms(nil)
	socket.Serializers = []wire.Serializer{wire.V1{}, wire.V2{}, version3{faults: f}}
	socket.CheckOrigin = func(*http.Request) bool { return !f.here("CheckOrigin") }
	socket.Connect = func(*ws.Request) (ws.Identity, error) { return ws.Identity{}, f.err("Connect") }
	socket.Observe = func(e ws.Observation) { f.here(fmt.Sprintf("Observe %T", e)) }
	socket.Channels = append(socket.Channels, ws.Topic("bad:*",
		func() *faulty {
			if f.here("New") {
				return nil
			}
			return &faulty{f}
		}, nil, ws.Middleware{
			Join: func(next ws.JoinFunc) ws.JoinFunc {
				return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
					if err := f.err("middleware of Join"); err != nil {
						return nil, err
					}
					return next(c, topic, in)
				}
			},
			HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
				return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
					if err := f.err("middleware of HandleIn"); err != nil {
						return ws.NoReply, err
					}
					return next(c, event, in)
				}
			},
		}))
	return socket
}

// reader is a client that reads all the time, so that nobody takes it for slow.
type reader struct {
	*client
	got chan []byte // closed at the end of the connection
}

func (s *server) reader(t *testing.T, vsn string) reader {
	t.Helper()
	c, _, err := s.dial(t, "/socket?vsn="+vsn, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := reader{c, make(chan []byte, 1000)}
	go func() {
		defer close(r.got)
		for {
			_, data, err := c.conn.Read(context.Background())
			if err != nil {
				return
			}
			r.got <- data
		}
	}()
	return r
}

// await reads until a message comes.
func (r reader) await(want string) {
	r.t.Helper()
	limit := time.After(patience)
	for {
		select {
		case got, ok := <-r.got:
			if !ok {
				r.t.Fatalf("closed; want %s", want)
			}
			if sameJSON(got, want) {
				return
			}
		case <-limit:
			r.t.Fatalf("there came no %s", want)
		}
	}
}

// works checks that a client's channel and its heartbeat do.
func (r reader) works(topic string) {
	r.t.Helper()
	r.send(fmt.Sprintf(`[null,"w",%q,"echo",{}]`, topic))
	r.await(fmt.Sprintf(`["1","w",%q,"phx_reply",{"status":"ok","response":{}}]`, topic))
	r.send(`[null,"h","phoenix","heartbeat",{}]`)
	r.await(`[null,"h","phoenix","phx_reply",{"status":"ok","response":{}}]`)
}

func (r reader) joins(topic string) {
	r.t.Helper()
	r.send(fmt.Sprintf(`["1","j",%q,"phx_join",{}]`, topic))
	r.await(fmt.Sprintf(`["1","j",%q,"phx_reply",{"status":"ok","response":{}}]`, topic))
}

// What a piece of the user's code may cost.
const (
	oneChannel    = iota // and no other channel of the same client
	oneConnection        // and no other client
)

func TestFaultsCostWhatTheyMay(t *testing.T) {
	sends := func(event string) func(*server, reader) {
		return func(_ *server, r reader) { r.send(fmt.Sprintf(`["1","2","bad:1",%q,{}]`, event)) }
	}
	join := func(topic string) func(*server, reader) {
		return func(_ *server, r reader) { r.send(fmt.Sprintf(`["5","5",%q,"phx_join",{}]`, topic)) }
	}
	broadcasts := func(topic, event string) func(*server, reader) {
		return func(s *server, r reader) {
			if err := s.Broadcast(topic, event, nil); err != nil {
				r.t.Error(err)
			}
		}
	}
	dials := func(s *server, r reader) {
		go func() {
			ctx, cancel := context.WithTimeout(r.t.Context(), 5*time.Second)
			defer cancel()
			if conn, _, err := websocket.Dial(ctx, "ws://memory/socket/websocket", &websocket.DialOptions{
				HTTPClient: &http.Client{Transport: &http.Transport{DialContext: s.dialPipe, DisableKeepAlives: true}},
			}); err == nil {
				conn.CloseNow()
			}
		}()
	}
	for _, c := range []struct {
		where   string
		costs   int
		trigger func(*server, reader)
	}{
		{"New", oneChannel, join("bad:2")},
		{"Join", oneChannel, join("bad:2")},
		{"Intercepts", oneChannel, join("bad:2")},
		{"middleware of Join", oneChannel, join("bad:2")},
		{"reply of Join", oneChannel, join("bad:2")},
		{"refusal", oneChannel, join("bad:refused")},
		{"error of Join", oneChannel, join("bad:error")},
		{"HandleIn", oneChannel, sends("go")},
		{"middleware of HandleIn", oneChannel, sends("go")},
		{"reply of HandleIn", oneChannel, sends("go")},
		{"error of HandleIn", oneChannel, sends("fail")},
		{"push", oneChannel, sends("push")},
		{"broadcast", oneChannel, sends("broadcast")},
		{"HandleInfo", oneChannel, sends("inform")},
		{"Continue", oneChannel, sends("continue")},
		{"HandleOut", oneChannel, func(s *server, r reader) {
			r.joins("bad:9")
			broadcasts("bad:9", "out")(s, r)
		}},
		{"Terminate", oneChannel, sends("phx_leave")},
		{"Observe ws.Joined", oneChannel, join("bad:2")},
		{"Observe ws.Handled", oneChannel, sends("go")},
		{"Observe ws.Ended", oneChannel, sends("phx_leave")},
		{"Observe ws.Disconnected", oneConnection, func(_ *server, r reader) { r.conn.CloseNow() }},
		{"Observe ws.Dropped", oneChannel, func(s *server, r reader) {
			if err := s.Broadcast("room:a", "bytes", ws.Binary(nil)); err != nil {
				r.t.Error(err)
			}
		}},
		{"Observe ws.Connected", oneChannel, dials},
		{"Connect", oneChannel, dials},
		{"CheckOrigin", oneChannel, dials},
		{"Deliver", oneChannel, broadcasts("room:a", "x")},
		{"Decode", oneConnection, sends("go")},
		{"AppendReply", oneConnection, sends("go")},
		{"Append", oneConnection, broadcasts("bad:1", "x")},
		{"Append", oneConnection, sends("push")},
	} {
		for name, fail := range map[string]func(*faults) func(){
			"panics":           func(*faults) func() { return func() { panic(http.ErrAbortHandler) } }, // of which net/http makes no fuss
			"exits":            func(*faults) func() { return runtime.Goexit },
			"does not return":  func(f *faults) func() { return func() { <-f.release } },
			"is a nil pointer": func(*faults) func() { return nil },
		} {
			t.Run(c.where+" "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &faults{release: make(chan struct{})}
					defer close(f.release)
					f.fail = fail(f)
					s := serveInMemory(t, f.socket())
					victim, innocent, old := s.reader(t, "3.0.0"), s.reader(t, "2.0.0"), s.reader(t, "1.0.0")
					for _, r := range []reader{victim, innocent} {
						r.joins("room:a")
						r.joins("bad:1")
					}
					old.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
					old.await(`{"topic":"room:a","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}`)
					owner, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
					if err != nil {
						t.Fatal(err)
					}
					if err := s.Subscribe(owner.PID(), "room:a", f); err != nil {
						t.Fatal(err)
					}

					f.at.Store(&c.where)
					start := time.Now()
					c.trigger(s, victim)
					if took := time.Since(start); took > 3*time.Second {
						t.Errorf("the trigger was held up for %v", took)
					}
					time.Sleep(6 * time.Second)
					f.at.Store(nil)
					if f.hits.Load() == 0 {
						t.Error("it has not been called")
					}

					innocent.works("room:a")
					innocent.works("bad:1")
					if c.costs == oneChannel {
						victim.works("room:a")
					}
					for _, topic := range []string{"room:a", "bad:1"} {
						if err := s.Broadcast(topic, "news", nil); err != nil {
							t.Error(err)
						}
						innocent.await(fmt.Sprintf(`[null,null,%q,"news",{}]`, topic))
					}
					s.reader(t, "3.0.0").joins("bad:3")
				})
			})
		}
	}
}
