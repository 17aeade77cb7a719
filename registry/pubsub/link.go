package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// link is how a PubSub reaches those of its name on other nodes, and they it. Adapter and
// codec are users' code: what goes wrong in it must not reach those that broadcast, nor
// the subscribers here.
type link[T any] struct {
	ps      *PubSub[T]
	cluster *Cluster
	name    string // of the PubSub
	codec   Codec[T]
	stuck   atomic.Int32 // calls that were left alone and have not returned
}

const (
	sendFor    = time.Second     // how long the adapter and the codec may take
	deliverFor = 5 * time.Second // how long one Deliver may hold up the adapter
)

// errStuck says that an adapter or its codec does not return.
var errStuck = fmt.Errorf("the adapter does not return: %w", ErrOverloaded)

// broadcast sends msg to the other nodes.
func (l *link[T]) broadcast(topic string, msg T) error {
	err := l.send(topic, msg, func(data []byte) error { return l.cluster.broadcast(l.name, topic, data) })
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to the other nodes: %w", topic, err)
	}
	return nil
}

// send has msg encoded and sent. While a call does not return there are no others: a
// goroutine for each broadcast would be left behind.
func (l *link[T]) send(topic string, msg T, send func(data []byte) error) error {
	if l.stuck.Load() > 0 {
		return errStuck
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), sendFor, errStuck)
	defer cancel()
	var over atomic.Bool // the call has returned, or was left alone: what comes first
	err := actor.Guard(ctx, func() error {
		defer func() {
			if over.Swap(true) {
				l.stuck.Add(-1)
			}
		}()
		data, err := l.codec.Encode(topic, msg)
		if err == nil {
			err = send(data)
		}
		return sound(err)
	})
	if ctx.Err() != nil {
		l.stuck.Add(1)
		if over.Swap(true) { // it has returned after all
			l.stuck.Add(-1)
		}
	}
	return err
}

// sound returns err if it can be asked what it is. A method that panics, as one of a nil
// pointer does, panics here. Guard asks as well, but too late for the count of calls that
// hang.
func sound(err error) error {
	if err != nil {
		_ = err.Error()
		_ = errors.Is(err, ErrOverloaded)
	}
	return err
}

// receive calls the subscribers for another node's broadcast. It runs on the adapter's
// goroutine, which has others to serve: so the work has one of its own.
func (l *link[T]) receive(topic string, data []byte) {
	ps := l.ps
	// Each node gets everything: what nobody wants is not worth decoding.
	if ps.Subscribers(topic) == 0 {
		return
	}
	var calling atomic.Pointer[subscription[T]]
	over := make(chan struct{})
	go func() {
		defer close(over)
		var msg T
		err := actor.Guard(context.Background(), func() (err error) {
			msg, err = l.codec.Decode(topic, data)
			return err
		})
		if err != nil {
			ps.logger().Error("broadcast of another node not decoded", "topic", topic, "node", l.cluster.node, "error", err)
			return
		}
		ps.deliver(actor.PID{}, topic, msg, &calling)
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
