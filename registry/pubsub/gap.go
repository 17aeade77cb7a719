package pubsub

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// Gap says that messages of other nodes were lost on their way to this one, for want of room
// or of a connection, or may have been: not each loss with a connection can be counted. So over a
// network that delivers at most once, as NATS does, a gap of 0 messages is told on all topics each
// time that the way to other nodes is back, also if nothing was lost. A subscriber does the same in
// both cases. What the messages were is not known any more. There is no order between a gap and the
// messages of its topic, but a gap is told after the last message was lost.
type Gap struct {
	Topic    string
	Anywhere bool   // they may have been on any topic; a Topic does not say that it was that one
	Messages uint64 // how many are known to be lost; 0 if only the way was interrupted
}

// MessagesLost is an event: messages of other nodes were lost on their way to this one. It
// is told at once and then at most every ten seconds.
type MessagesLost struct {
	Node     string // this one
	Messages uint64 // since it was told last
	Total    uint64 // since the node has joined
}

// ActorEvent implements [actor.Event].
func (MessagesLost) ActorEvent() {}

// SubscribeGaps has s told when messages of other nodes on the topic have been lost, or may
// have been: the moment to ask for the present state anew, where it matters. It ends as a
// subscription to the topic does, and fails likewise. What a broadcast of this node reports
// as its error is not a gap here, but on the nodes that have missed it.
func (ps *PubSub[T]) SubscribeGaps(owner actor.PID, topic string, s Subscriber[Gap]) error {
	return ps.gapSubscribers().Subscribe(owner, topic, s)
}

// SubscribeGapsTo is [PubSub.SubscribeGaps] for an actor: each gap, as wrap makes it one of
// the actor's messages, is sent to it, as [SubscribeTo] does.
func SubscribeGapsTo[M, T any](ps *PubSub[T], ref actor.Ref[M], topic string, wrap func(Gap) M) error {
	if wrap == nil {
		panic("pubsub: SubscribeGapsTo: wrap is nil")
	}
	return ps.SubscribeGaps(ref.PID(), topic, To(ref, func(_ string, g Gap) M { return wrap(g) }))
}

func (ps *PubSub[T]) gapSubscribers() *PubSub[Gap] {
	if g := ps.gaps.Load(); g != nil {
		return g
	}
	ps.gaps.CompareAndSwap(nil, &PubSub[Gap]{Logger: ps.Logger})
	return ps.gaps.Load()
}

// missed tells those that want to know of a gap.
func (l *link[T]) missed(g Gap) {
	gaps := l.ps.gaps.Load()
	if gaps == nil {
		return
	}
	if !g.Anywhere {
		tell(gaps, g)
		return
	}
	for g.Topic = range gaps.All() {
		tell(gaps, g)
	}
}

func tell(gaps *PubSub[Gap], g Gap) {
	if gaps.Subscribers(g.Topic) == 0 {
		return
	}
	gaps.attend(g.Topic, func(calling *atomic.Pointer[subscription[Gap]]) {
		gaps.deliver(actor.PID{}, g.Topic, g, calling)
	})
}
