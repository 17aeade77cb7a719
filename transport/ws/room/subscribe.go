package room

import "github.com/troupe-go/troupe/registry/pubsub"

// SubscribeTo subscribes a room to a topic: each message comes to its [InfoHandler] as the T
// that it is, until the room ends. It is for [Starter]: a room that crashes is subscribed anew
// by its next start. A PubSub that is connected to other nodes lets the rooms of one topic
// keep each other informed; one that tells them with BroadcastFrom, of its Context's PID, does
// not hear itself. A room that is a [GapHandler] is told of the gaps on the topic as well.
//
// Phoenix: Phoenix.PubSub.subscribe/3, in the init of a room's GenServer.
func SubscribeTo[T any](ps *pubsub.PubSub[T], r *Room, topic string) error {
	if r.newGapEar != nil { // first, so that no gap is missed
		if err := ps.SubscribeGaps(r.ctx.PID(), topic, r.newGapEar()); err != nil {
			return err
		}
	}
	return ps.Subscribe(r.ctx.PID(), topic, subscriber[T]{r.send})
}

// subscriber gives a room what is broadcast.
type subscriber[T any] struct{ send func(msg any) }

// Deliver implements [pubsub.Subscriber].
func (s subscriber[T]) Deliver(_ string, msg T) { s.send(msg) }
