package chat

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"strings"
	"unicode/utf16"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// RoomChannel is one client in one room: that of examples/room, whose members have names
// and see each other.
type RoomChannel struct {
	who  *presence.Tracker
	user string // since the join: what a client says later cannot change it
}

// Visitor is what a client may join with; without a name it is a guest. Anybody may take
// any name here; a program that is to be trusted takes it from what [ws.Socket.Connect]
// has checked.
type Visitor struct {
	User string `json:"user,omitempty"`
}

// Validate keeps out names that the page cannot show.
func (v Visitor) Validate() error {
	if v.User == "" {
		return nil
	}
	return short("user", v.User, maxName)
}

// Join lets everybody in, says under which name, and then shows who is there.
func (r *RoomChannel) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	visitor, err := ws.Decode[Visitor](in)
	if err != nil {
		return nil, err
	}
	r.user = cmp.Or(visitor.User, "guest "+rand.Text()[:6])
	r.who.Enter(c, r.user, nil)
	return Visitor{r.user}, nil
}

// NewMsg is what a client says. The ID is the client's own, to know its message again
// when everybody gets it.
type NewMsg struct {
	Body string `json:"body"`
	ID   string `json:"id,omitempty"`
}

// Message is what everybody gets of it.
type Message struct {
	User string `json:"user"`
	NewMsg
}

// Validate keeps out what the page cannot show.
func (m NewMsg) Validate() error {
	if len(m.ID) > maxID {
		return ws.Invalid("id", fmt.Sprintf("is longer than %d bytes", maxID))
	}
	return short("body", m.Body, maxBody)
}

// In UTF-16 code units, the characters of JavaScript: the page counts them alike.
const (
	maxName = 32
	maxBody = 2000
)

const maxID = 64 // bytes

func short(field, text string, limit int) error {
	units := 0
	for _, r := range text {
		units += utf16.RuneLen(r)
	}
	switch {
	case strings.TrimSpace(text) == "":
		return ws.Invalid(field, "is empty")
	case units > limit:
		return ws.Invalid(field, fmt.Sprintf("is longer than %d characters", limit))
	}
	return nil
}

var roomEvents = ws.Events[*RoomChannel]{
	"new_msg": ws.On((*RoomChannel).NewMsg),
	"crash":   (*RoomChannel).Crash,
}

// NewMsg passes a message on to everybody in the room.
func (r *RoomChannel) NewMsg(c *ws.Channel, m NewMsg) (ws.Reply, error) {
	if err := c.Broadcast("new_msg", Message{r.user, m}); err != nil {
		return ws.NoReply, err // with OK, the client would hear of success first
	}
	return ws.OK(nil), nil
}

// Crash is what the button on the page is for.
func (*RoomChannel) Crash(*ws.Channel, ws.Payload) (ws.Reply, error) {
	panic("somebody pressed the crash button")
}

// rooms returns the endpoint of the rooms, whose members a tracker keeps, and what runs
// for it, in the order of its start. A page that was cut off gets what was said meanwhile, as far as
// it is kept. Of a chat of one node cluster is nil. With origins,
// pages of those may connect.
func rooms(who *presence.Tracker, kept *ws.History, cluster *pubsub.Cluster, origins []string) (*ws.Endpoint, []supervisor.Child) {
	topic := ws.Topic("room:*", func() *RoomChannel { return &RoomChannel{who: who} }, roomEvents)
	topic.History = kept
	endpoint := ws.New(ws.Config{
		Cluster:  cluster,
		Trackers: []ws.Tracker{who},
		Sockets: []ws.Socket{{
			Path:     "/socket",
			Channels: ws.Routes{topic},
			Origins:  origins,
		}},
	})
	return endpoint, []supervisor.Child{who.Child(), endpoint.Child()}
}
