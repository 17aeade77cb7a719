package room

import (
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/internal/gaps"
)

// GapHandler is a [Handler] that is told when messages of other nodes were lost on their way to
// this one: what is broadcast on the room's topic, or what comes by [SubscribeTo]. It is the
// moment to ask the rooms of the other nodes for what they have, and to show the members the
// present state. After each cut of the node's connection to the others something may have been
// lost that nobody has counted: then all rooms are told of a gap of 0 Messages.
//
// HandleGap is called in the room's turn, behind what was delivered before the gap was noticed,
// and an error means the same as in [InfoHandler]. Gaps that come while the room is busy are
// added up: one waits for each subscription, at most. It may be told of one loss several times;
// see [pubsub.Gap].
type GapHandler interface {
	HandleGap(r *Room, g pubsub.Gap) error
}

// gapEar hears of the gaps of a topic for a room.
type gapEar struct {
	tell    func(*gapEar)
	waiting gaps.Waiting
}

// Deliver implements [pubsub.Subscriber].
func (e *gapEar) Deliver(_ string, g pubsub.Gap) {
	if e.waiting.Add(g) {
		e.tell(e)
	}
}

// hear has the room hear of the gaps of its own topic, once there is an endpoint.
func (o *host[H]) hear() error {
	e := o.room.endpoint()
	if o.hears || e == nil || o.room.newGapEar == nil {
		return nil
	}
	o.hears = true
	return e.SubscribeGaps(o.room.ctx.PID(), o.topic, o.room.newGapEar())
}

// missed tells the handler of a gap.
func (o *host[H]) missed(e *gapEar) error {
	return any(o.handler).(GapHandler).HandleGap(&o.room, e.waiting.Take())
}
