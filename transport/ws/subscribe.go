package ws

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Broadcast is a broadcast as a subscriber on the server gets it, in place of a client.
//
// Phoenix: Phoenix.Socket.Broadcast.
type Broadcast struct {
	Topic, Event string
	Payload      Payload
}

// Subscribe has s called for each broadcast on a topic, as long as owner lives: for
// parts of the program that are no channels. See [pubsub.Subscriber] for what s may
// do. The error wraps [actor.NoProc] if owner has ended. Presence diffs and whatever
// else is broadcast on the topic is among them. One that fails, or does not return
// within a second, is subscribed no more, and its owner gets an exit signal.
func (e *Endpoint) Subscribe(owner actor.PID, topic string, s pubsub.Subscriber[Broadcast]) error {
	if err := e.topics.Subscribe(owner, topic, subscriber{e, owner, s}); err != nil {
		return fmt.Errorf("ws: subscribe to %q: %w", topic, err)
	}
	return nil
}

// Unsubscribe ends all subscriptions of owner to the topic.
func (e *Endpoint) Unsubscribe(owner actor.PID, topic string) { e.topics.Unsubscribe(owner, topic) }

// subscriber is one that is no channel of ours. It must not take a broadcaster along.
type subscriber struct {
	endpoint *Endpoint
	owner    actor.PID
	to       pubsub.Subscriber[Broadcast]
}

// subscriberPatience is how long it may take.
const subscriberPatience = time.Second

// Deliver implements pubsub.Subscriber.
func (s subscriber) Deliver(topic string, b *broadcast) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), subscriberPatience, errHanging)
	defer cancel()
	err := actor.Guard(ctx, func() error {
		s.to.Deliver(topic, Broadcast{topic, b.Event, b.Payload})
		return nil
	})
	if err != nil {
		s.endpoint.log.Error("subscriber failed", "topic", topic, "owner", s.owner, "error", err)
		s.endpoint.Unsubscribe(s.owner, topic)
		s.owner.Exit(err)
	}
}

// Subscribe subscribes the channel to one more topic, as long as it lives.
// Broadcasts on it come to its [InfoHandler], each as a [Broadcast], and not to the
// client.
func (c *Channel) Subscribe(topic string) error {
	if err := c.line.endpoint.topics.Subscribe(c.PID(), topic, ear{c}); err != nil {
		return fmt.Errorf("ws: subscribe to %q: %w", topic, err)
	}
	return nil
}

// ear hears the broadcasts of a topic that a channel has subscribed to.
type ear struct{ of *Channel }

// Deliver implements pubsub.Subscriber.
func (e ear) Deliver(_ string, b *broadcast) {
	e.of.hand(opInfo, b, Broadcast{b.Topic, b.Event, b.Payload})
}
