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

var roomEvents = ws.Events[*Room]{
	"echo":            (*Room).Echo,
	"fail":            (*Room).Fail,
	"noreply":         (*Room).NoReply,
	"push_me":         (*Room).PushMe,
	"crash":           (*Room).Crash,
	"stop":            (*Room).Stop,
	"later":           (*Room).Later,
	"slow":            ws.On((*Room).Slow),
	"assign":          ws.On((*Room).Assign),
	"assigns":         (*Room).Assigns,
	"whoami":          (*Room).WhoAmI,
	"disconnect_user": ws.On((*Room).DisconnectUser),
}

// HandleIn broadcasts what is to be broadcast, under the name that it came with.
func (r *Room) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "shout", "intercepted":
		return okUnless(c.Broadcast(event, in))
	case "shout_others":
		return okUnless(c.BroadcastFrom(event, in))
	}
	return ws.UnknownEvent, nil
}

// okUnless replies unless there is an error. A reply beside it would be sent, and then the
// client would hear of a crash.
func okUnless(err error) (ws.Reply, error) {
	if err != nil {
		return ws.NoReply, err
	}
	return ws.OK(nil), nil
}

// Echo replies with what it got, JSON or bytes.
func (r *Room) Echo(_ *ws.Channel, in ws.Payload) (ws.Reply, error) { return ws.OK(in), nil }

// Fail replies with an error. The channel goes on.
func (r *Room) Fail(*ws.Channel, ws.Payload) (ws.Reply, error) {
	return ws.Error(ws.Reason("failed")), nil
}

// NoReply says nothing.
func (r *Room) NoReply(*ws.Channel, ws.Payload) (ws.Reply, error) { return ws.NoReply, nil }

// PushMe pushes to this client alone, before the reply.
func (r *Room) PushMe(c *ws.Channel, in ws.Payload) (ws.Reply, error) {
	return okUnless(c.Push("pushed", in))
}

// Crash ends the channel; the client hears of it and joins again.
func (r *Room) Crash(*ws.Channel, ws.Payload) (ws.Reply, error) { panic("crash in handler") }

// Stop ends the channel in good order, after the reply.
func (r *Room) Stop(*ws.Channel, ws.Payload) (ws.Reply, error) { return ws.OK(nil), ws.Stop }

// Later replies when the handler has returned.
func (r *Room) Later(c *ws.Channel, in ws.Payload) (ws.Reply, error) {
	ref, err := c.ReplyRef()
	if err != nil {
		return ws.NoReply, err
	}
	c.Ref().SendAfter(50*time.Millisecond, func() error { return ref.Reply(ws.OK(in)) })
	return ws.NoReply, nil
}

// Slow takes its time, and holds up nobody but this channel.
func (r *Room) Slow(_ *ws.Channel, in struct {
	Ms int `json:"ms"`
}) (ws.Reply, error) {
	time.Sleep(time.Duration(in.Ms) * time.Millisecond)
	return ws.OK(nil), nil
}

// Assign changes the state of this channel.
func (r *Room) Assign(_ *ws.Channel, in map[string]json.RawMessage) (ws.Reply, error) {
	maps.Copy(r.assigns, in)
	return ws.OK(nil), nil
}

// Assigns replies with the state.
func (r *Room) Assigns(*ws.Channel, ws.Payload) (ws.Reply, error) { return ws.OK(r.assigns), nil }

// WhoAmI replies with what Connect has assigned to the connection.
func (r *Room) WhoAmI(c *ws.Channel, _ ws.Payload) (ws.Reply, error) {
	client := ws.AssignsOf[Client](c)
	return ws.OK(map[string]*string{
		"user_id":    orNull(client.user),
		"auth_token": orNull(client.token),
	}), nil
}

// DisconnectUser closes all connections of a user.
func (r *Room) DisconnectUser(c *ws.Channel, in struct {
	UserID string `json:"user_id"`
}) (ws.Reply, error) {
	return okUnless(c.Endpoint().Disconnect(socketID(in.UserID)))
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
	user := ws.AssignsOf[Client](c).user
	if user == "muted" {
		return nil
	}
	p := map[string]any{}
	var in map[string]json.RawMessage // so that numbers stay what they are
	if err := payload.Decode(&in); err != nil {
		return err
	}
	for name, value := range in {
		p[name] = value
	}
	p["seen_by"] = orNull(user)
	return c.Push(event, p)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
