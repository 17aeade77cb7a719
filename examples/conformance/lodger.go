package main

import (
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Lodger is one client whose channel outlives its connection. Its fields do so as well.
type Lodger struct {
	who     *presence.Tracker
	user    string
	counted int
}

// Stay is what a client gets when it joins, and when it comes back.
type Stay struct {
	Channel  string `json:"channel"` // the PID
	Counted  int    `json:"counted"`
	Complete bool   `json:"complete"` // nothing is lost to it
}

// Join lets everybody in.
func (l *Lodger) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	l.user = ws.AssignsOf[Client](c).user
	l.who.Enter(c, l.user, nil)
	return Stay{c.PID().String(), l.counted, true}, nil
}

// Resumed comes in place of Join when the client is back: it is as present as before.
func (l *Lodger) Resumed(c *ws.Channel, r ws.Resumption) (any, error) {
	return Stay{c.PID().String(), l.counted, r.Complete}, l.who.PushState(c)
}

var lodgerEvents = ws.Events[*Lodger]{
	"count": (*Lodger).Count,
	"tell":  (*Lodger).Tell,
	"away":  (*Lodger).Away,
}

// Count counts, for this client.
func (l *Lodger) Count(*ws.Channel, ws.Payload) (ws.Reply, error) {
	l.counted++
	return ws.OK(map[string]int{"counted": l.counted}), nil
}

// Tell broadcasts a message as "told", and has each channel push it to its client as "pushed".
func (l *Lodger) Tell(c *ws.Channel, in ws.Payload) (ws.Reply, error) {
	if err := c.Broadcast("told", in); err != nil {
		return ws.NoReply, err
	}
	return okUnless(c.Broadcast("pushed", in))
}

// Away replies with how many clients of the topic are away.
func (l *Lodger) Away(c *ws.Channel, _ ws.Payload) (ws.Reply, error) {
	away := 0
	for channel := range c.Endpoint().ChannelsOn(c.Topic()) {
		if channel.Lingering {
			away++
		}
	}
	return ws.OK(map[string]int{"away": away}), nil
}

// Intercepts names the broadcast that each channel pushes.
func (l *Lodger) Intercepts() []string { return []string{"pushed"} }

// HandleOut pushes a message.
func (l *Lodger) HandleOut(c *ws.Channel, event string, in ws.Payload) error {
	return c.Push(event, in)
}

// Terminate tells the others why.
func (l *Lodger) Terminate(c *ws.Channel, reason error) {
	c.BroadcastFrom("ended", map[string]string{"user": l.user, "reason": reason.Error()})
}
