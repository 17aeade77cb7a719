package main

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// RoomChannel is one client in one room.
type RoomChannel struct{ who *presence.Tracker }

// Visitor is what a client joins with.
type Visitor struct {
	User string `json:"user"`
}

// Join lets everybody in, and then shows who is there.
func (r RoomChannel) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	visitor, err := ws.Decode[Visitor](in)
	if err != nil {
		return nil, err
	}
	c.Continue(func(c *ws.Channel) error {
		if _, err := r.who.Track(c, visitor.User, nil); err != nil {
			return err
		}
		return r.who.PushState(c)
	})
	return nil, nil
}

// Message is what somebody says.
type Message struct {
	User string `json:"user"`
	Body string `json:"body"`
}

// Validate keeps out what the page cannot show.
func (m Message) Validate() error {
	switch {
	case m.Body == "":
		return ws.Invalid("body", "is empty")
	case len(m.Body) > 4000:
		return ws.Invalid("body", "is longer than 4000 bytes")
	}
	return nil
}

var roomEvents = ws.Events[RoomChannel]{
	"new_msg": ws.On(RoomChannel.NewMsg),
	"crash":   RoomChannel.Crash,
}

// HandleIn finds the method for what the client sends.
func (r RoomChannel) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	return roomEvents.Handle(r, c, event, in)
}

// NewMsg passes a message on to everybody in the room.
func (RoomChannel) NewMsg(c *ws.Channel, m Message) (ws.Reply, error) {
	return ws.OK(nil), c.Broadcast("new_msg", m)
}

// Crash is what the button on the page is for.
func (RoomChannel) Crash(*ws.Channel, ws.Payload) (ws.Reply, error) {
	panic("somebody pressed the crash button")
}

func newEndpoint(sys *actor.System) (*ws.Endpoint, error) {
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		return nil, err
	}
	return ws.NewEndpoint(sys, ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{{Pattern: "room:*", New: func() ws.Handler { return RoomChannel{who} }}},
	})
}
