package ws_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// traceKey is what a tracer goes by.
type traceKey struct{}

// traced wraps a whole socket, as a tracer does: it takes what the request says, or what the
// parameters of a join say, and goes on with that in the handlers. The identity of the
// client is left to the program.
func traced(s ws.Socket) ws.Socket {
	connect := s.Connect
	s.Connect = func(r *ws.Request) (ws.Identity, error) {
		identity, err := connect(r)
		if parent := r.Header.Get("Traceparent"); parent != "" {
			identity.Values = context.WithValue(context.Background(), traceKey{}, parent)
		}
		return identity, err
	}
	s.Channels = s.Channels.With(ws.Middleware{
		Join: func(next ws.JoinFunc) ws.JoinFunc {
			return func(c *ws.Channel, topic string, in ws.Payload) (reply any, err error) {
				var params struct{ Traceparent string }
				if in.Decode(&params) == nil && params.Traceparent != "" {
					c.KeepValues(context.WithValue(c.Values(), traceKey{}, params.Traceparent))
				}
				c.WithValues(step(c, "join"), func() error { reply, err = next(c, topic, in); return err })
				return reply, err
			}
		},
		HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
			return func(c *ws.Channel, event string, in ws.Payload) (reply ws.Reply, err error) {
				c.WithValues(step(c, event), func() error { reply, err = next(c, event, in); return err })
				return reply, err
			}
		},
	})
	return s
}

// member is a clerk that knows whose events it handles.
type member struct{ clerk }

func (m *member) HandleIn(c *ws.Channel, _ string, _ ws.Payload) (ws.Reply, error) {
	found, err := m.lookUp(c)
	return ws.OK(map[string]string{"for": found, "user": ws.AssignsOf[string](c)}), err
}

// step is a child of what the channel's values say.
func step(c *ws.Channel, name string) context.Context {
	return context.WithValue(c.Values(), traceKey{}, fmt.Sprint(c.Values().Value(traceKey{}), "/", name))
}

// What a request or a join brings reaches the handlers, and those that they call; the
// identity stays that of the program.
func TestValuesGoFromTheRequestToThoseThatHandlersCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Instruments: []actor.Instrument{actor.Carry(traceKey{})}})
		archive, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[actor.Reply[string]], r actor.Reply[string]) error {
			r.Send(fmt.Sprint(c.Value(traceKey{})))
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		handler := func() *member { return &member{clerk{archive}} }
		socket := rooms(nil)
		socket.Channels = ws.Routes{ws.Topic("desk:*", handler, nil)}
		l := newPipeListener()
		s := serveBehind(t, sys, l, plain, traced(socket))
		s.addr, s.dialer = "memory", l.dial

		c, _, err := s.dial(t, "/socket?vsn=2.0.0&user=ann", http.Header{"Traceparent": {"browser"}})
		if err != nil {
			t.Fatal(err)
		}
		c.send(`["1","1","desk:a","phx_join",{}]`)
		c.expect(`["1","1","desk:a","phx_reply",{"status":"ok","response":{"for":"browser/join"}}]`)
		c.send(`["1","2","desk:a","look",{}]`)
		c.expect(`["1","2","desk:a","phx_reply",{"status":"ok","response":{"for":"browser/look","user":"ann"}}]`)
		c.send(`["2","3","desk:b","phx_join",{"traceparent":"page"}]`)
		c.expect(`["2","3","desk:b","phx_reply",{"status":"ok","response":{"for":"page/join"}}]`)
		c.send(`["2","4","desk:b","look",{}]`)
		c.expect(`["2","4","desk:b","phx_reply",{"status":"ok","response":{"for":"page/look","user":"ann"}}]`)
		c.send(`["1","5","desk:a","look",{}]`)
		c.expect(`["1","5","desk:a","phx_reply",{"status":"ok","response":{"for":"browser/look","user":"ann"}}]`)

		bare := s.connectWith(t, "user=bob")
		bare.send(`["1","1","desk:c","phx_join",{}]`)
		bare.expect(`["1","1","desk:c","phx_reply",{"status":"ok","response":{"for":"<nil>/join"}}]`)
	})
}

// The values of the channel's own context would be asked for themselves.
func TestValuesOfTheChannelsOwnContextAreNotTaken(t *testing.T) {
	refused := make(chan any, 2)
	try := func(f func()) {
		defer func() { refused <- recover() }()
		f()
	}
	s := serve(t, rooms(nil, ws.Middleware{Join: func(next ws.JoinFunc) ws.JoinFunc {
		return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
			own := context.WithValue(c.Context(), traceKey{}, 1)
			try(func() { c.KeepValues(own) })
			try(func() { c.WithValues(own, func() error { return nil }) })
			return next(c, topic, in)
		}
	}}))
	s.connect(t).join("room:a")
	for range 2 {
		if got := <-refused; got == nil {
			t.Error("they are taken")
		}
	}
}

// From the frame to the handler, whether the message waits for another handler, at the
// session's door or for flow control.
func TestMiddlewareAndObserversKnowHowLongAMessageHasWaited(t *testing.T) {
	const slow = 3 * time.Second
	synctest.Test(t, func(t *testing.T) {
		var observed []ws.Observation
		received := map[string]time.Duration{}
		take := func(c *ws.Channel, what string) { received[what] = time.Since(c.Received()) }
		socket := ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("desk:*", func() *sleeper { return &sleeper{slow} },
			ws.Events[*sleeper]{"sleep": (*sleeper).Sleep}, ws.Middleware{
				Join: func(next ws.JoinFunc) ws.JoinFunc {
					return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
						take(c, "join")
						c.Continue(func(c *ws.Channel) error {
							if !c.Received().IsZero() {
								t.Error("a continuation has been received from the client")
							}
							return nil
						})
						return next(c, topic, in)
					}
				},
				HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
					return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
						take(c, event)
						return next(c, event, in)
					}
				},
			})}}
		socket.Observe = func(o ws.Observation) {
			switch o := o.(type) {
			case ws.Joined:
				o.Params = ws.Payload{}
				observed = append(observed, o)
			case ws.Handled:
				o.Params = ws.Payload{}
				observed = append(observed, o)
			case ws.Ended:
				observed = append(observed, o)
			}
		}
		c := serveInMemory(t, socket).connect(t)
		c.send(`["1","1","desk:a","phx_join",{}]`) // sleeps
		synctest.Wait()
		c.send(`["1","2","desk:a","sleep",{}]`)
		c.send(`["1","3","desk:a","of the client's choice",{}]`)
		for range 3 {
			c.read()
		}
		c.send(`["1","4","desk:a","phx_leave",{}]`)
		c.read()
		c.read()
		synctest.Wait()
		want := []ws.Observation{
			ws.Joined{Topic: "desk:a", Route: "desk:*", Duration: slow},
			ws.Handled{Topic: "desk:a", Route: "desk:*", Event: "sleep", Known: true, Status: "ok", Waited: slow, Duration: slow},
			ws.Handled{Topic: "desk:a", Route: "desk:*", Event: "of the client's choice", Status: "error", Waited: 2 * slow},
			ws.Ended{Topic: "desk:a", Route: "desk:*", Reason: ws.Left},
		}
		if got, want := fmt.Sprint(observed), fmt.Sprint(want); got != want {
			t.Errorf("observed\n%s\nwant\n%s", got, want)
		}
		if received["join"] != 0 || received["sleep"] != slow || received["of the client's choice"] != 2*slow {
			t.Errorf("middleware has found that they waited %v", received)
		}
	})
}

// sleeper takes its time.
type sleeper struct{ time time.Duration }

func (s *sleeper) Join(*ws.Channel, string, ws.Payload) (any, error) {
	time.Sleep(s.time)
	return nil, nil
}

func (s *sleeper) Sleep(*ws.Channel, ws.Payload) (ws.Reply, error) {
	time.Sleep(s.time)
	return ws.OK(nil), nil
}

// Where nobody asks for it, the clock is not read.
func TestMessagesAreNotTimedWhereNobodyAsks(t *testing.T) {
	times := make(chan time.Time, 1)
	ask := func(c *ws.Channel) { times <- c.Received() }
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{ws.Topic("room:*", func() *asker { return &asker{ask} }, nil)}})
	s.connect(t).join("room:a")
	if got := <-times; !got.IsZero() {
		t.Errorf("it was received at %v", got)
	}
}

// asker asks something of each channel that is joined.
type asker struct{ ask func(*ws.Channel) }

func (a *asker) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	a.ask(c)
	return nil, nil
}
