package ws_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// trail is middleware that notes who was called in which order.
type trail struct {
	mu    sync.Mutex
	steps []string
}

func (t *trail) note(step string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, step)
}

func (t *trail) take() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	defer func() { t.steps = nil }()
	return t.steps
}

func (t *trail) as(name string) ws.Middleware {
	return ws.Middleware{
		Join: func(next ws.JoinFunc) ws.JoinFunc {
			return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
				t.note(name + " join " + topic)
				reply, err := next(c, topic, in)
				t.note(fmt.Sprint(name, " joined ", err == nil))
				return reply, err
			}
		},
		HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
			return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
				t.note(name + " in " + event)
				reply, err := next(c, event, in)
				t.note(name + " out " + reply.Status())
				return reply, err
			}
		},
	}
}

// membersOnly lets clients with an ID in, and only user:ann shout.
var membersOnly = ws.Middleware{
	Join: func(next ws.JoinFunc) ws.JoinFunc {
		return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
			if c.SocketID() == "" {
				return nil, ws.Refuse(ws.Reason("members only"))
			}
			return next(c, topic, in)
		}
	},
	HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
		return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
			if event == "shout" && c.SocketID() != "user:ann" {
				return ws.Error(ws.Reason("forbidden")), nil
			}
			return next(c, event, in)
		}
	},
}

func serveWith(t testing.TB, log *record, use ...ws.Middleware) *server {
	s := rooms(log)
	guarded := ws.Topic("room:guarded:*", func() *room { return &room{log: log} }, nil, use...)
	s.Channels = append(ws.Routes{guarded}, s.Channels...)
	return serve(t, s)
}

func TestMiddlewareGoesAroundTheHandlersOfItsRoute(t *testing.T) {
	var steps trail
	c := serveWith(t, newRecord(), steps.as("outer"), steps.as("inner")).connect(t)
	c.join("room:guarded:1")
	c.send(`["1","2","room:guarded:1","echo",{"n":1}]`)
	c.expect(`["1","2","room:guarded:1","phx_reply",{"status":"ok","response":{"n":1}}]`)
	want := []string{
		"outer join room:guarded:1", "inner join room:guarded:1", "inner joined true", "outer joined true",
		"outer in echo", "inner in echo", "inner out ok", "outer out ok",
	}
	if got := steps.take(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c.join("room:open")
	c.send(`["1","2","room:open","echo",{}]`)
	c.expect(`["1","2","room:open","phx_reply",{"status":"ok","response":{}}]`)
	if got := steps.take(); got != nil {
		t.Errorf("another route's middleware was called: %q", got)
	}
}

// JOIN-4, MSG-5
func TestMiddlewareMayAnswerInTheHandlersPlace(t *testing.T) {
	s := serveWith(t, newRecord(), membersOnly)
	c := s.connect(t)
	c.send(`["1","1","room:guarded:1","phx_join",{}]`)
	c.expect(`["1","1","room:guarded:1","phx_reply",{"status":"error","response":{"reason":"members only"}}]`)
	bob := s.connectWith(t, "user=bob")
	bob.join("room:guarded:1")
	bob.send(`["1","2","room:guarded:1","shout",{}]`)
	bob.expect(`["1","2","room:guarded:1","phx_reply",{"status":"error","response":{"reason":"forbidden"}}]`)
	ann := s.connectWith(t, "user=ann")
	ann.join("room:guarded:1")
	ann.send(`["1","2","room:guarded:1","shout",{}]`)
	ann.expect(`[null,null,"room:guarded:1","shout",{}]`, `["1","2","room:guarded:1","phx_reply",{"status":"ok","response":{}}]`)
}

// The handler's optional methods are found behind any middleware. OUT-4, END-5
func TestMiddlewareLeavesTheOtherMethodsOfAHandlerAlone(t *testing.T) {
	var steps trail
	log := newRecord()
	c := serveWith(t, log, steps.as("a"), ws.Middleware{}, membersOnly).connectWith(t, "user=ann")
	c.join("room:guarded:1")
	c.send(`["1",null,"room:guarded:1","info",{}]`)
	c.expect(`["1",null,"room:guarded:1","info",{"msg":"hello"}]`)
	c.send(`["1",null,"room:guarded:1","whisper",{}]`)
	c.expect(`["1",null,"room:guarded:1","whisper",{"for":"user:ann","what":{}}]`)
	c.send(`["1","2","room:guarded:1","phx_leave",{}]`)
	c.expect(`["1","2","room:guarded:1","phx_reply",{"status":"ok","response":{}}]`, `["1","1","room:guarded:1","phx_close",{}]`)
	if reason := <-log.terminated; reason != ws.Left {
		t.Errorf("terminated with %v", reason)
	}
}

// END-3, JOIN-6
func TestAPanicInMiddlewareIsTheChannelsCrash(t *testing.T) {
	explode := ws.Middleware{HandleIn: func(ws.HandleInFunc) ws.HandleInFunc {
		return func(*ws.Channel, string, ws.Payload) (ws.Reply, error) { panic("middleware") }
	}}
	c := serveWith(t, newRecord(), explode).connect(t)
	c.join("room:guarded:1")
	c.join("room:other")
	c.send(`["1","2","room:guarded:1","echo",{}]`)
	c.expect(`["1","1","room:guarded:1","phx_error",{"reason":"channel_crash"}]`)
	c.send(`["1","2","room:other","echo",{}]`)
	c.expect(`["1","2","room:other","phx_reply",{"status":"ok","response":{}}]`)
}

// counted is a handler with something for middleware to use.
type counted struct {
	room
	calls int
}

func (r *counted) count() int {
	r.calls++
	return r.calls
}

func TestMiddlewareKeepsStateOfAChannelInItsHandler(t *testing.T) {
	limit := ws.Middleware{HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
		return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
			if c.Handler().(interface{ count() int }).count() > 1 {
				return ws.Error(ws.Reason("once is enough")), nil
			}
			return next(c, event, in)
		}
	}}
	socket := rooms(nil)
	socket.Channels = ws.Routes{ws.Topic("room:*", func() *counted { return new(counted) }, nil, limit)}
	c := serve(t, socket).connect(t)
	for _, topic := range []string{"room:1", "room:2"} {
		c.join(topic)
		c.send(fmt.Sprintf(`["1","2",%q,"echo",{}]`, topic))
		c.expect(fmt.Sprintf(`["1","2",%q,"phx_reply",{"status":"ok","response":{}}]`, topic))
		c.send(fmt.Sprintf(`["1","3",%q,"echo",{}]`, topic))
		c.expect(fmt.Sprintf(`["1","3",%q,"phx_reply",{"status":"error","response":{"reason":"once is enough"}}]`, topic))
	}
}

// MSG-8
func TestAssignsAreWhatConnectAssigned(t *testing.T) {
	assigned := make(chan string, 1)
	socket := rooms(nil, ws.Middleware{HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
		return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
			if event == "number" {
				ws.AssignsOf[int](c)
			}
			assigned <- ws.AssignsOf[string](c)
			return next(c, event, in)
		}
	}})
	c := serve(t, socket).connectWith(t, "user=ann")
	c.join("room:1")
	c.send(`["1","2","room:1","echo",{}]`)
	c.expect(`["1","2","room:1","phx_reply",{"status":"ok","response":{}}]`)
	if got := <-assigned; got != "ann" {
		t.Errorf("assigned %q", got)
	}
	c.send(`["1","2","room:1","number",{}]`)
	c.expect(`["1","1","room:1","phx_error",{"reason":"channel_crash"}]`)
}
