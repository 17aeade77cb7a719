package wstest_test

import (
	"errors"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// player is a channel whose events do what they are named.
type player struct {
	n          int
	terminated chan<- error // may be nil
}

var (
	errBad  = errors.New("bad token")
	errOops = errors.New("oops")
)

func stageSocket(terminated chan<- error) ws.Socket {
	return ws.Socket{
		Path: "/socket",
		Connect: func(r *ws.Request) (ws.Identity, error) {
			if r.Params.Get("token") == "bad" {
				return ws.Identity{}, errBad
			}
			return ws.Identity{ID: "user:" + r.Params.Get("user"), Assigns: r.Params.Get("user")}, nil
		},
		Channels: ws.Routes{ws.Topic("stage:*", func() *player { return &player{terminated: terminated} }, nil)},
	}
}

func (p *player) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	switch topic {
	case "stage:closed":
		return nil, ws.Refuse(ws.Reason("closed"))
	case "stage:crash":
		panic("join")
	case "stage:fleeting":
		c.Continue(func(*ws.Channel) error { return errOops })
	case "stage:slow":
		time.Sleep(time.Second)
	case "stage:greet":
		c.Continue(func(c *ws.Channel) error { return c.Push("hello", map[string]any{"who": c.Assigns(), "n": 1}) })
	}
	return map[string]any{"joined": topic, "with": in}, nil
}

func (p *player) Resumed(c *ws.Channel, _ ws.Resumption) (any, error) {
	if c.Topic() == "stage:spoilt" {
		panic("resumed")
	}
	return nil, nil
}

func (p *player) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "echo":
		return ws.OK(in), nil
	case "fail":
		return ws.Error(ws.Reason("failed")), nil
	case "silent":
		return ws.NoReply, nil
	case "count":
		p.n++
		return ws.OK(nil), nil
	case "shout", "whisper":
		return ws.OK(nil), c.Broadcast(event, in)
	case "others":
		return ws.OK(nil), c.BroadcastFrom(event, in)
	case "push":
		return ws.NoReply, c.Push("pushed", in)
	case "later":
		ref, err := c.ReplyRef()
		time.AfterFunc(50*time.Millisecond, func() { ref.Reply(ws.OK(in)) })
		return ws.NoReply, err
	case "slow":
		time.Sleep(time.Second)
		return ws.OK(nil), nil
	case "oops":
		return ws.NoReply, errOops
	case "panic":
		panic("on stage")
	case "stop":
		return ws.OK(nil), ws.Stop
	}
	return ws.UnknownEvent, nil
}

func (p *player) HandleInfo(c *ws.Channel, msg any) error { return c.Push("info", msg) }

func (p *player) Intercepts() []string { return []string{"whisper"} }

func (p *player) HandleOut(c *ws.Channel, event string, _ ws.Payload) error {
	return c.Push(event, map[string]any{"seen_by": c.Assigns()})
}

func (p *player) Terminate(_ *ws.Channel, reason error) {
	if p.terminated != nil {
		p.terminated <- reason
	}
}
