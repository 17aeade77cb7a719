package ws_test

import (
	"errors"
	"testing/synctest"

	"github.com/troupe-go/troupe/transport/ws"
)

// room is the handler that the tests talk to. Its events do what they are named.
type room struct {
	log *record // may be nil
	n   int
	ref ws.ReplyRef
}

// record is what the tests hear from handlers.
type record struct {
	terminated chan error // reasons, one for each Terminate
	entered    chan struct{}
	release    chan struct{}
}

func newRecord() *record {
	return &record{make(chan error, 100), make(chan struct{}, 100), make(chan struct{})}
}

// free ends the handlers that wait, in a bubble, and waits for that: a shutdown tells
// of handlers that still run.
func (r *record) free() {
	close(r.release)
	synctest.Wait()
}

func (r *room) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	switch topic {
	case "room:private":
		return nil, ws.Refuse(ws.Reason("unauthorized"))
	case "room:broken":
		return nil, errSecret
	case "room:crashjoin":
		panic("join")
	case "room:slow":
		r.wait()
	case "room:eager":
		if err := c.Push("x", nil); err != nil {
			return map[string]string{"push": err.Error()}, nil
		}
	case "room:continue":
		c.Continue(func(c *ws.Channel) error { return c.Push("state", map[string]int{"n": 1}) })
	}
	return nil, nil
}

func (r *room) wait() {
	r.log.entered <- struct{}{}
	<-r.log.release
}

func (r *room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "echo":
		return ws.OK(in), nil
	case "fail":
		return ws.Error(ws.Reason("failed")), nil
	case "status":
		return ws.Status("maybe", nil), nil
	case "noreply":
		return ws.NoReply, nil
	case "count":
		r.n++
		return ws.OK(map[string]int{"n": r.n}), nil
	case "shout", "whisper":
		return ws.OK(nil), c.Broadcast(event, in)
	case "shout_others":
		return ws.OK(nil), c.BroadcastFrom(event, in)
	case "push_me":
		return ws.OK(nil), c.Push("pushed", in)
	case "push_text":
		return ws.OK(nil), c.Push("pushed", "text")
	case "crash":
		panic("crash")
	case "stop":
		return ws.OK(nil), ws.Stop
	case "wait":
		r.wait()
		return ws.OK(nil), nil
	case "defer":
		var err error
		r.ref, err = c.ReplyRef()
		return ws.NoReply, err
	case "keep": // the ref of this message, until the test releases it
		ref, err := c.ReplyRef()
		go func() {
			<-r.log.release
			ref.Reply(ws.OK(map[string]bool{"late": true}))
		}()
		return ws.NoReply, err
	case "answer":
		go r.ref.Reply(ws.OK(in))
		return ws.NoReply, nil
	case "listen":
		var p struct{ Topic string }
		if err := in.Decode(&p); err != nil {
			return ws.NoReply, err
		}
		return ws.OK(nil), c.Subscribe(p.Topic)
	case "info":
		c.Ref().Send("hello")
		return ws.NoReply, nil
	}
	return ws.UnknownEvent, nil
}

func (r *room) HandleInfo(c *ws.Channel, msg any) error {
	return c.Push("info", map[string]any{"msg": msg})
}

func (r *room) Intercepts() []string { return []string{"whisper"} }

func (r *room) HandleOut(c *ws.Channel, event string, payload ws.Payload) error {
	if c.SocketID() == "user:deaf" {
		return nil
	}
	return c.Push(event, map[string]any{"for": c.SocketID(), "what": payload})
}

func (r *room) Terminate(_ *ws.Channel, reason error) {
	if r.log != nil {
		r.log.terminated <- reason
	}
}

// rooms is a socket on which all rooms tell log, with middleware around them.
func rooms(log *record, use ...ws.Middleware) ws.Socket {
	return ws.Socket{
		Path: "/socket",
		Connect: func(r *ws.Request) (ws.Identity, error) {
			if r.Params.Get("token") == "bad" || r.AuthToken == "bad" {
				return ws.Identity{}, errBadToken
			}
			if user := r.Params.Get("user"); user != "" {
				return ws.Identity{ID: "user:" + user, Assigns: user}, nil
			}
			return ws.Identity{}, nil
		},
		Channels: ws.Routes{ws.Topic("room:*", func() *room { return &room{log: log} }, nil, use...)},
	}
}

var (
	errBadToken = errors.New("bad token")
	errSecret   = errors.New("the database is at 10.0.0.1")
)
