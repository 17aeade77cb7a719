package main

import (
	"encoding/json"
	"maps"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// Room is one client in a room. Its fields are that client's state there.
type Room struct {
	assigns map[string]json.RawMessage
}

// Join lets clients in, but for two topics.
func (r *Room) Join(_ *ws.Channel, topic string, in ws.Payload) (any, error) {
	switch topic {
	case "room:private":
		return nil, ws.Refuse(ws.Reason("unauthorized"))
	case "room:crashjoin":
		panic("crash in join")
	}
	r.assigns = map[string]json.RawMessage{}
	return map[string]any{"joined": topic, "params": in}, nil
}

// HandleIn does what the event says.
func (r *Room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "echo":
		return ws.OK(in), nil
	case "fail":
		return ws.Error(ws.Reason("failed")), nil
	case "noreply":
		return ws.NoReply, nil
	case "shout", "intercepted":
		return ws.OK(nil), c.Broadcast(event, in)
	case "shout_others":
		return ws.OK(nil), c.BroadcastFrom(event, in)
	case "push_me":
		return ws.OK(nil), c.Push("pushed", in)
	case "crash":
		panic("crash in handler")
	case "stop":
		return ws.OK(nil), ws.Stop
	case "later":
		ref, err := c.ReplyRef()
		if err != nil {
			return ws.NoReply, err
		}
		c.Ref().SendAfter(50*time.Millisecond, func() error { return ref.Reply(ws.OK(in)) })
		return ws.NoReply, nil
	case "slow":
		var p struct{ Ms int }
		if err := in.Decode(&p); err != nil {
			return ws.Error(ws.Reason("bad payload")), nil
		}
		time.Sleep(time.Duration(p.Ms) * time.Millisecond)
		return ws.OK(nil), nil
	case "assign":
		var p map[string]json.RawMessage
		if err := in.Decode(&p); err != nil {
			return ws.Error(ws.Reason("bad payload")), nil
		}
		maps.Copy(r.assigns, p)
		return ws.OK(nil), nil
	case "assigns":
		return ws.OK(r.assigns), nil
	case "whoami":
		return ws.OK(map[string]*string{
			"user_id":    orNull(client(c).user),
			"auth_token": orNull(client(c).token),
		}), nil
	case "disconnect_user":
		var p struct {
			UserID string `json:"user_id"`
		}
		if err := in.Decode(&p); err != nil {
			return ws.Error(ws.Reason("bad payload")), nil
		}
		return ws.OK(nil), c.Endpoint().Disconnect(socketID(p.UserID))
	}
	return ws.UnknownEvent, nil
}

// HandleInfo runs the functions that the channel sends itself.
func (r *Room) HandleInfo(_ *ws.Channel, msg any) error {
	if f, ok := msg.(func() error); ok {
		return f()
	}
	return nil
}

// Intercepts names the broadcast that each receiver sees its own way.
func (r *Room) Intercepts() []string { return []string{"intercepted"} }

// HandleOut adds who sees it; the user "muted" sees nothing.
func (r *Room) HandleOut(c *ws.Channel, event string, payload ws.Payload) error {
	if client(c).user == "muted" {
		return nil
	}
	var p map[string]any
	if err := payload.Decode(&p); err != nil {
		return err
	}
	p["seen_by"] = client(c).user
	return c.Push(event, p)
}

func client(c *ws.Channel) Client { return c.Assigns().(Client) }

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
