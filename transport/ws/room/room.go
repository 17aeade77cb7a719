package room

import (
	"iter"
	"maps"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Room is a room as its [Handler] sees it. Only that handler may use it, while one of its
// calls runs.
type Room struct {
	topic    string
	ctx      actor.Self
	endpoint func() *ws.Endpoint // nil: nobody has joined yet
	send     func(msg any)
	after    func(d time.Duration, msg any) *actor.Timer
	every    func(d time.Duration, msg any) *actor.Timer
	members  map[actor.PID]*Member

	newGapEar func() *gapEar // nil: its handler is no GapHandler
}

// Topic returns the room's topic.
func (r *Room) Topic() string { return r.topic }

// Context returns the room's actor: see [ws.Channel.Context]. It is the one to call other
// actors with, to monitor them, and to hand to what takes a context.Context.
func (r *Room) Context() actor.Self { return r.ctx }

// Endpoint returns the endpoint that the members are connected to. Its LocalBroadcast is for
// what this node's members are to get and those of other nodes are not.
func (r *Room) Endpoint() *ws.Endpoint { return r.endpoint() }

// Len returns how many members there are.
func (r *Room) Len() int { return len(r.members) }

// Members returns the members, in no particular order.
func (r *Room) Members() iter.Seq[*Member] { return maps.Values(r.members) }

// Broadcast sends an event to all clients on the topic, those of other nodes included, whose
// rooms do not hear of it. See [ws.Channel.Push] for the payload.
func (r *Room) Broadcast(event string, payload any) error {
	return r.broadcast(actor.PID{}, event, payload)
}

func (r *Room) broadcast(from actor.PID, event string, payload any) error {
	if e := r.endpoint(); e != nil {
		return e.BroadcastFrom(from, r.topic, event, payload)
	}
	return nil
}

// SendAfter gives msg to the room's [InfoHandler] after d, unless the room has ended.
func (r *Room) SendAfter(d time.Duration, msg any) *actor.Timer { return r.after(d, msg) }

// SendEvery gives msg to the room's [InfoHandler] every d, until the timer is stopped or the
// room ends.
func (r *Room) SendEvery(d time.Duration, msg any) *actor.Timer { return r.every(d, msg) }
