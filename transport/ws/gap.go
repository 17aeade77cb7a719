package ws

import (
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/internal/gaps"
)

// GapHandler is a [Handler] that is told when the channel may have missed something: when
// broadcasts of other nodes were lost on their way to this one, on the channel's topic or on
// one that it has subscribed to. It is the moment to read the present state anew, and to push
// it or have the client ask for it.
//
// A broadcast that nobody has counted may be lost with a connection. So after each cut of the
// node's connection to the others, as soon as that is back, all channels are told of a gap of 0
// Messages, also if nothing was lost.
//
// HandleGap is called as HandleInfo is, in the channel's turn, and an error means the same as
// there. What was delivered before the gap was noticed is handled before it, and is sent to
// the client before what HandleGap pushes. Gaps that come while the channel is busy are added
// up: for each of its topics one waits, at most. A gap with Anywhere set may be on any topic,
// and is told to all, so what HandleGap does costs as much as there are channels; see
// [pubsub.Gap]. What a client misses because it does not read, or is away, is no gap.
type GapHandler interface {
	HandleGap(c *Channel, g pubsub.Gap) error
}

// gapEar hears of the gaps of a topic for a channel.
type gapEar struct {
	of      *Channel
	waiting gaps.Waiting
}

// Deliver implements [pubsub.Subscriber].
func (e *gapEar) Deliver(_ string, g pubsub.Gap) {
	if e.waiting.Add(g) {
		e.of.ctx.Self().Send(channelMsg{op: opGap, info: e})
	}
}

// subscribe subscribes the channel to a topic, and to its gaps if the handler wants them.
// Those first, so that none is missed.
func (c *Channel) subscribe(topic string, s pubsub.Subscriber[*broadcast]) error {
	if err := c.subscribeGaps(topic); err != nil {
		return err
	}
	return c.line().endpoint.topics.Subscribe(c.ctx.PID(), topic, s)
}

// subscribeGaps subscribes the channel to the gaps of a topic, if the handler wants them.
func (c *Channel) subscribeGaps(topic string) error {
	if _, ok := c.handler.(GapHandler); !ok {
		return nil
	}
	return c.line().endpoint.subscribeGaps(c.ctx.PID(), topic, &gapEar{of: c})
}

// missed tells the handler of a gap.
func (a *channelActor) missed(e *gapEar) error {
	return a.outcome(a.handler.(GapHandler).HandleGap(&a.Channel, e.waiting.Take()))
}

// SubscribeGaps has s told when broadcasts of other nodes on a topic have been lost, or may
// have been, as long as owner lives: for parts of the program that are no channels; these
// have [GapHandler]. It is subject to what [Endpoint.Subscribe] says, and [Endpoint.Unsubscribe]
// ends it as well.
func (e *Endpoint) SubscribeGaps(owner actor.PID, topic string, s pubsub.Subscriber[pubsub.Gap]) error {
	if err := e.subscribeGaps(owner, topic, gapSubscriber{newStranger(e, owner), s}); err != nil {
		return fmt.Errorf("ws: subscribe to the gaps of %q: %w", topic, err)
	}
	return nil
}

// subscribeGaps subscribes to the gaps of the network, and to those of a History's Store.
func (e *Endpoint) subscribeGaps(owner actor.PID, topic string, s pubsub.Subscriber[pubsub.Gap]) error {
	if h := e.historyOf(topic); h != nil && h.storage != nil {
		if err := e.lapses.Subscribe(owner, topic, s); err != nil {
			return err
		}
	}
	return e.topics.SubscribeGaps(owner, topic, s)
}

// gapSubscriber is [subscriber] for gaps.
type gapSubscriber struct {
	stranger
	to pubsub.Subscriber[pubsub.Gap]
}

// Deliver implements [pubsub.Subscriber].
func (s gapSubscriber) Deliver(topic string, g pubsub.Gap) {
	s.deliver(topic, func() { s.to.Deliver(topic, g) })
}
