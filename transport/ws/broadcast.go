package ws

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// eventDisconnect, broadcast to a socket ID, ends the connections of that ID.
const eventDisconnect = "disconnect"

// Broadcast sends an event to all clients that have joined a topic. The payload
// must marshal to a JSON object, or be [Binary]; otherwise the error wraps
// [ErrPayload]. Events that begin with phx_ are the protocol's own, and an error.
// Broadcasts of one goroutine arrive in order. The options are for topics that are
// recorded, see [History].
//
// It may have to wait on a topic that is recorded: for the [History]'s Store, five seconds at most;
// without one, if it is [Idempotent] or the mode is another one than [Stream], and the topic was not
// in use, for the other nodes to know that it is, two seconds at most. See [Within] for less.
func (e *Endpoint) Broadcast(topic, event string, payload any, options ...BroadcastOption) error {
	return e.broadcast(context.Background(), actor.PID{}, topic, event, payload, options)
}

// BroadcastFrom is Broadcast, but skips the subscriptions of the actor from. See also
// [Channel.BroadcastFrom].
func (e *Endpoint) BroadcastFrom(from actor.PID, topic, event string, payload any, options ...BroadcastOption) error {
	return e.broadcast(context.Background(), from, topic, event, payload, options)
}

// LocalBroadcast is Broadcast to the clients that are connected to this endpoint only,
// whatever cluster it is in. It is not recorded.
//
// Phoenix: Phoenix.Endpoint.local_broadcast/3.
func (e *Endpoint) LocalBroadcast(topic, event string, payload any) error {
	return e.localBroadcast(actor.PID{}, topic, event, payload)
}

// LocalBroadcastFrom is BroadcastFrom to the clients that are connected to this
// endpoint only.
//
// Phoenix: Phoenix.Endpoint.local_broadcast_from/4.
func (e *Endpoint) LocalBroadcastFrom(from actor.PID, topic, event string, payload any) error {
	return e.localBroadcast(from, topic, event, payload)
}

func (e *Endpoint) localBroadcast(from actor.PID, topic, event string, payload any) error {
	b, err := e.newBroadcast(topic, event, payload)
	if err != nil {
		return err
	}
	b.from, b.unrecorded = from, true
	e.topics.LocalBroadcastFrom(from, topic, b)
	return nil
}

// Disconnect closes all connections that Connect gave this ID, with code 1001, on
// all nodes. The clients reconnect at once: to keep one out, refuse it in Connect
// from before Disconnect on, since a client whose Connect is running is not met yet.
//
// It goes to the other nodes as a broadcast does, at most once: a node that is cut off then
// keeps its connections, and nobody tells it later. Where that must not be, as for a ban,
// call it again until the clients must have come back, or let channels ask before they do
// what a banned user must not.
func (e *Endpoint) Disconnect(id string) error {
	return e.Broadcast(id, eventDisconnect, nil)
}

func (e *Endpoint) broadcast(ctx context.Context, from actor.PID, topic, event string, payload any, options []BroadcastOption) error {
	b, err := e.newBroadcast(topic, event, payload)
	if err != nil {
		return err
	}
	b.from = from
	if len(options) > 0 {
		var done func()
		ctx, done = b.with(ctx, options)
		defer done()
	}
	if !b.keyed && !e.foreseen { // to look for the topic's route takes time for each route there is
		return e.publish(b)
	}
	switch h := e.historyOf(topic); {
	case h != nil:
		err = e.broadcastRecorded(ctx, h, b)
	case b.keyed:
		err = ErrNoHistory
	default:
		return e.publish(b)
	}
	if err != nil {
		return fmt.Errorf("ws: broadcast %q on %q: %w", event, topic, err)
	}
	return nil
}

// publish sends a broadcast to the subscribers of its topic on all nodes.
func (e *Endpoint) publish(b *broadcast) error {
	if b.Event == eventDisconnect { // no node has the others know of its socket IDs
		return e.topics.BroadcastWide(b.from, b.Topic, b)
	}
	return e.topics.BroadcastFrom(b.from, b.Topic, b)
}

// broadcast is a message to all subscribers of a topic. It is encoded once for
// each encoding in use, however many connections it goes to.
type broadcast struct {
	wire.Message             // its Ref is set by the recorder, before there is a frame
	frames       []onceFrame // one for each of the endpoint's encodings; if it is paired as many again

	// These are for the recorder of its topic, if there is one.
	from       actor.PID  // the channel here that is left out
	sender     string     // the same, of what comes from a History's Store; see Endpoint.senderOf
	stored     bool       // it comes from a store
	unrecorded bool       // it gets no position
	keyed      bool       // it is Idempotent
	key        string     // then
	paired     bool       // its position follows it, as an event of its own: see pair
	position   *broadcast // tells of the position the client that has made it; may be nil
}

type onceFrame struct {
	once  sync.Once
	frame frame.Sealed
	err   error
	told  atomic.Bool // it has been logged that there is none: that is done once, and not for each receiver
}

func (e *Endpoint) newBroadcast(topic, event string, payload any) (*broadcast, error) {
	p, err := sendable(event, payload)
	if err != nil {
		return nil, fmt.Errorf("ws: broadcast %q on %q: %w", event, topic, err)
	}
	e.broadcasts.Add(1)
	return e.sharedAs(wire.Message{Topic: topic, Event: event, Payload: p}), nil
}

// frame returns the broadcast for the clients of an encoding.
func (b *broadcast) frame(e *encoding) (frame.Sealed, error) {
	f := b.made(e)
	return f.frame, f.err
}

// made returns where the frame of an encoding is, which is made once.
func (b *broadcast) made(e *encoding) *onceFrame {
	f := &b.frames[e.index]
	f.once.Do(func() {
		if b.paired {
			f.frame, f.err = b.encodeWithPosition(e)
		} else {
			f.frame, f.err = e.encodeApart(context.Background(), b.Message, 0)
		}
	})
	return f
}

// serializerPatience is how long a serializer may take for a broadcast. It is called
// once for all receivers, on the broadcaster's goroutine. While mostHanging calls of one do not
// return, it is called no more.
const (
	serializerPatience = time.Second
	mostHanging        = 16
)

// encodeApart is encodeInto where a serializer that fails, in whatever way, must cost its
// own clients only, and neither the broadcaster nor those of the others. It has
// serializerPatience, or until ctx is done. The error has its text already, but what asks what it
// is still asks the serializer's own.
func (e *encoding) encodeApart(ctx context.Context, m wire.Message, spare int) (frame.Sealed, error) {
	if !e.foreign {
		return e.encodeInto(m, spare)
	}
	f, err := foreign.Value(ctx, &e.calls, func(context.Context) (frame.Sealed, error) {
		f, err := e.encodeInto(m, spare)
		if err != nil {
			err = fmt.Errorf("%w", err) // takes down the text, in the time that the serializer has
		}
		return f, err
	})
	if err != nil {
		return frame.Sealed{}, fmt.Errorf("%T: %w", e.Serializer, err)
	}
	return f, nil
}

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
// within a second, is subscribed no more, and its owner gets an exit signal. Where a [History]
// has a Store that cannot be read within three seconds, it fails.
func (e *Endpoint) Subscribe(owner actor.PID, topic string, s pubsub.Subscriber[Broadcast]) error {
	err := e.attended(owner, topic, func() error { return e.topics.Subscribe(owner, topic, subscriber{newStranger(e, owner), s}) })
	if err != nil {
		return fmt.Errorf("ws: subscribe to %q: %w", topic, err)
	}
	return nil
}

// Unsubscribe ends all subscriptions of owner to the topic.
func (e *Endpoint) Unsubscribe(owner actor.PID, topic string) {
	e.unsubscribe(owner, topic)
	e.lapses.Unsubscribe(owner, topic)
}

// subscriber is one that is no channel of ours.
type subscriber struct {
	stranger
	to pubsub.Subscriber[Broadcast]
}

// Deliver implements pubsub.Subscriber.
func (s subscriber) Deliver(topic string, b *broadcast) {
	if s.endpoint.isOf(b, s.owner) {
		return
	}
	s.deliver(topic, func() { s.to.Deliver(topic, Broadcast{topic, b.Event, b.Payload}) })
}

// stranger is what is known of a subscription that is no channel of ours. It must not take a
// broadcaster along.
type stranger struct {
	endpoint *Endpoint
	owner    actor.PID
	failed   *atomic.Bool // it is called no more, and about to end
}

func newStranger(e *Endpoint, owner actor.PID) stranger { return stranger{e, owner, new(atomic.Bool)} }

// subscriberPatience is how long it may take.
const subscriberPatience = time.Second

// deliver calls the subscriber. One that fails is ended on another goroutine: that may have to wait
// for a Subscribe of the same owner, and so for the network, of which this goroutine may be a part.
// Its owner is told behind that, so what it then subscribes to anew stays.
func (s stranger) deliver(topic string, call func()) {
	if s.failed.Load() {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), subscriberPatience, errHanging)
	defer cancel()
	err := actor.Guard(ctx, func() error {
		call()
		return nil
	})
	if err == nil || s.failed.Swap(true) {
		return
	}
	go func() {
		s.endpoint.log.Error("subscriber failed", "topic", topic, "owner", s.owner, "error", err)
		s.endpoint.Unsubscribe(s.owner, topic)
		s.owner.Exit(err)
	}()
}

// Subscribe subscribes the channel to one more topic, as long as it lives.
// Broadcasts on it come to its [InfoHandler], each as a [Broadcast], and not to the
// client.
func (c *Channel) Subscribe(topic string) error {
	err := c.line().endpoint.attended(c.PID(), topic, func() error { return c.subscribe(topic, ear{c}) })
	if err != nil {
		return fmt.Errorf("ws: subscribe to %q: %w", topic, err)
	}
	return nil
}

// ear hears the broadcasts of a topic that a channel has subscribed to.
type ear struct{ of *Channel }

// Deliver implements pubsub.Subscriber.
func (e ear) Deliver(_ string, b *broadcast) {
	if e.of.line().endpoint.isOf(b, e.of.PID()) {
		return
	}
	e.of.hand(b, channelMsg{op: opInfo, info: Broadcast{b.Topic, b.Event, b.Payload}})
}
