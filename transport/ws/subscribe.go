package ws

import (
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Broadcast is a broadcast as a subscriber on the server gets it, in place of a
// client. It is Phoenix.Socket.Broadcast.
type Broadcast struct {
	Topic, Event string
	Payload      Payload
}

// Subscribe has s called for each broadcast on a topic, as long as owner lives: for
// parts of the program that are no channels. See [pubsub.Subscriber] for what s may
// do. The error wraps [actor.NoProc] if owner has ended. Presence diffs and whatever
// else is broadcast on the topic is among them.
func (e *Endpoint) Subscribe(owner actor.PID, topic string, s pubsub.Subscriber[Broadcast]) error {
	if err := e.topics.Subscribe(owner, topic, subscriber{s}); err != nil {
		return fmt.Errorf("ws: %w", err)
	}
	return nil
}

// Unsubscribe ends all subscriptions of owner to the topic.
func (e *Endpoint) Unsubscribe(owner actor.PID, topic string) { e.topics.Unsubscribe(owner, topic) }

type subscriber struct {
	to pubsub.Subscriber[Broadcast]
}

// Deliver implements pubsub.Subscriber.
func (s subscriber) Deliver(topic string, b *broadcast) {
	s.to.Deliver(topic, Broadcast{topic, b.Event, b.Payload})
}

// Subscribe subscribes the channel to one more topic, as long as it lives.
// Broadcasts on it come to its [InfoHandler], each as a [Broadcast], and not to the
// client.
func (c *Channel) Subscribe(topic string) error {
	if err := c.session.endpoint.topics.Subscribe(c.PID(), topic, ear{c}); err != nil {
		return fmt.Errorf("ws: %w", err)
	}
	return nil
}

// ear hears the broadcasts of a topic that a channel has subscribed to.
type ear struct{ of *Channel }

// Deliver implements pubsub.Subscriber.
func (e ear) Deliver(_ string, b *broadcast) {
	e.of.hand(opInfo, b, Broadcast{b.Topic, b.Event, b.Payload})
}
