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
	l.who.Enter(c, ws.AssignsOf[Client](c).user, Seen{OnlineAt: time.Now().Unix()})
	return nil, nil
}

var lobbyEvents = ws.Events[*Lobby]{
	"set_status": ws.On((*Lobby).SetStatus),
}

// SetStatus changes what the others see.
func (l *Lobby) SetStatus(c *ws.Channel, in struct {
	Status json.RawMessage `json:"status"`
}) (ws.Reply, error) {
	_, err := presence.Edit(l.who, c, ws.AssignsOf[Client](c).user, func(s *Seen) { s.Status = in.Status })
	return ws.OK(nil), err
}
