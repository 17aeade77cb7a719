package main

import (
	"encoding/json"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Lobby is one client where all see who is there.
type Lobby struct{ who *presence.Tracker }

// Seen is what a Lobby tells about a client.
type Seen struct {
	OnlineAt int64           `json:"online_at"` // Unix time in seconds
	Status   json.RawMessage `json:"status,omitempty"`
}

// Join lets everybody in. What a join cannot do comes after its answer.
func (l *Lobby) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	c.Continue(func(c *ws.Channel) error {
		if _, err := l.who.Track(c, client(c).user, Seen{OnlineAt: time.Now().Unix()}); err != nil {
			return err
		}
		return l.who.PushState(c)
	})
	return nil, nil
}

// HandleIn changes what the others see.
func (l *Lobby) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	if event != "set_status" {
		return ws.UnknownEvent, nil
	}
	var p struct{ Status json.RawMessage }
	if err := in.Decode(&p); err != nil {
		return ws.Error(ws.Reason("bad payload")), nil
	}
	_, err := presence.Edit(l.who, c, client(c).user, func(s *Seen) { s.Status = p.Status })
	return ws.OK(nil), err
}
