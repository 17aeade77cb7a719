package pubsub

import (
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
)

// link is how a PubSub reaches those of its name on other nodes, and they it. Adapter and
// codec are users' code: what goes wrong in it must not reach those that broadcast, nor
// the subscribers here.
type link[T any] struct {
	ps      *PubSub[T]
	cluster *Cluster
	name    string // of the PubSub
	codec   Codec[T]
	plain   bool // the codec runs no users' code

	broadcasting, sending, tellingOfTopics foreign.Calls // of the adapter and the codec

	unwanted unwanted
}

const (
	sendFor    = time.Second     // how long the adapter and the codec may take
	deliverFor = 5 * time.Second // how long one Deliver may hold up the adapter

	// topicsMost is how many calls of Follow and Unfollow may be late. They are not made again:
	// a topic whose Follow is left out is not heard on this node, and one pause of the program
	// makes those late that are under way. So only an adapter that hangs for good comes so far.
	topicsMost = 1024
)

func newLink[T any](ps *PubSub[T], c *Cluster, name string, codec Codec[T]) *link[T] {
	l := &link[T]{ps: ps, cluster: c, name: name, codec: codec}
	switch any(codec).(type) { // and not what has their methods by embedding
	case JSON[T]:
		l.plain = isPlain(reflect.TypeFor[T](), nil)
	case Bytes:
		l.plain = true
	}
	for _, calls := range []*foreign.Calls{&l.broadcasting, &l.sending, &l.tellingOfTopics} {
		calls.Limit, calls.Most = sendFor, 1
	}
	l.tellingOfTopics.Most = topicsMost
	return l
}

// errStuck says that an adapter or its codec does not return.
var errStuck = fmt.Errorf("the adapter does not return: %w", ErrOverloaded)

// broadcast sends msg to the other nodes: to all of them, or those that want the topic.
func (l *link[T]) broadcast(topic string, msg T, wide bool) error {
	err := l.call(&l.broadcasting, topic, msg, func(data []byte) error {
		return l.cluster.broadcast(l.name, topic, data, wide)
	})
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to the other nodes: %w", topic, err)
	}
	return nil
}

// send sends msg to one other node.
func (l *link[T]) send(node, topic string, msg T) error {
	return l.call(&l.sending, topic, msg, func(data []byte) error {
		return l.cluster.send(node, l.name, topic, data)
	})
}

// call has msg encoded and sent. What is not users' code is called in place: the goroutine of a
// guard costs more than all the rest.
func (l *link[T]) call(calls *foreign.Calls, topic string, msg T, send func(data []byte) error) (err error) {
	var data []byte
	switch {
	case l.plain && l.cluster.prompt:
		if data, err = l.codec.Encode(topic, msg); err == nil {
			err = send(data)
		}
		return err
	case l.cluster.prompt:
		if data, err = l.encode(calls, topic, msg); err == nil {
			return send(data)
		}
	default:
		err = calls.Do(func() error {
			data, err := l.codec.Encode(topic, msg)
			if err != nil {
				return err
			}
			return send(data)
		})
	}
	if err == foreign.ErrLate || err == foreign.ErrStuck {
		return errStuck
	}
	return err
}

// encode has a guard call the codec.
func (l *link[T]) encode(calls *foreign.Calls, topic string, msg T) ([]byte, error) {
	encoded := new([]byte) // it may be written to after an error
	err := calls.Do(func() (err error) {
		*encoded, err = l.codec.Encode(topic, msg)
		return err
	})
	if err != nil {
		return nil, err
	}
	return *encoded, nil
}

// receive calls the subscribers for another node's broadcast.
func (l *link[T]) receive(m Message, w *worker) {
	ps := l.ps
	// What nobody wants any more, or has come all the same, is not worth decoding.
	if ps.Subscribers(m.Topic) == 0 {
		return
	}
	d := &delivery[T]{ps: ps, topic: m.Topic}
	w.begins(d)
	if msg, ok := l.read(m); ok {
		ps.deliver(actor.PID{}, m.Topic, msg, &d.calling)
	}
}

// delivery is a broadcast of another node on its way to the subscribers.
type delivery[T any] struct {
	ps      *PubSub[T]
	topic   string
	calling atomic.Pointer[subscription[T]] // nil: the codec
}

func (d *delivery[T]) at() any { return d.calling.Load() }
func (d *delivery[T]) giveUp() { d.ps.giveUp(d.topic, d.calling.Load()) }

// read decodes a message. The codec is users' code: if it ends the goroutine, so does read.
func (l *link[T]) read(m Message) (msg T, ok bool) {
	var failure error
	defer func() {
		switch v := recover(); {
		case v != nil:
			failure = actor.Recovered(v)
		case !ok && failure == nil:
			failure = actor.Goexit
		}
		if failure != nil {
			ok = false
			l.ps.logger().Error("broadcast of another node not decoded",
				"topic", m.Topic, "node", l.cluster.node, "from", m.From, "error", failure)
		}
	}()
	msg, err := l.decode(m.From, m.Topic, m.Data)
	if err != nil {
		failure = errors.New(err.Error()) // its methods may fail when it is logged
	}
	return msg, true
}

func (l *link[T]) decode(from, topic string, data []byte) (T, error) {
	if c, ok := l.codec.(OriginCodec[T]); ok {
		return c.DecodeFrom(from, topic, data)
	}
	return l.codec.Decode(topic, data)
}

// attend has subscribers called by work, and goes on without one that does not return. It
// runs on the adapter's goroutine, which has others to serve: so the work has one of its own.
func (ps *PubSub[T]) attend(topic string, work func(calling *atomic.Pointer[subscription[T]])) {
	var calling atomic.Pointer[subscription[T]]
	over := make(chan struct{})
	go func() {
		defer close(over)
		work(&calling)
	}()
	timer := time.NewTimer(deliverFor)
	defer timer.Stop()
	for {
		at := calling.Load()
		select {
		case <-over:
			return
		case <-timer.C:
			timer.Reset(deliverFor)
		}
		if s := calling.Load(); s == at {
			ps.giveUp(topic, s)
			return
		}
	}
}

// giveUp goes on without a subscriber that does not return, or, if that is nil, without
// a codec that does not.
func (ps *PubSub[T]) giveUp(topic string, s *subscription[T]) {
	if s == nil {
		ps.logger().Error("the codec does not return", "topic", topic)
		return
	}
	ps.Unsubscribe(s.owner, topic)
	s.owner.Exit(errDeliver)
	ps.logger().Error("subscriber does not return", "topic", topic, "owner", s.owner)
}

// errDeliver is why the owner of a subscription ends whose Deliver does not return.
var errDeliver = fmt.Errorf("pubsub: Deliver has not returned for %v", deliverFor)
