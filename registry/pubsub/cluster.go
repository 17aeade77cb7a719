package pubsub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
)

// Connect joins this PubSub to the others of a cluster: from now on a broadcast
// goes to all of them, and theirs come here. Subscriptions stay as they are.
//
// It fails if the adapter cannot join, if the PubSub is connected or being connected
// already, or if one of the two is nil. The adapter belongs to the PubSub from then on.
//
// Connect calls the adapter as it is: one whose Join panics or blocks does so to the
// caller. From then on neither the adapter nor the codec can hurt those who broadcast,
// nor their subscribers here: a panic, a runtime.Goexit, and a call that takes longer
// than a second make a broadcast return an error.
func (ps *PubSub[T]) Connect(a Adapter, c Codec[T]) error {
	if isNil(a) || isNil(c) {
		return errors.New("pubsub: connect: the adapter or the codec is nil")
	}
	node := a.Node()
	if err := ps.connect(node, a, c); err != nil {
		return fmt.Errorf("pubsub: connect as %q: %w", node, err)
	}
	return nil
}

func (ps *PubSub[T]) connect(node string, a Adapter, c Codec[T]) error {
	m := &membership[T]{adapter: a, codec: c, node: node}
	if err := ps.begin(); err != nil {
		return err
	}
	joined := false
	defer func() { // even if Join panics
		ps.mu.Lock()
		defer ps.mu.Unlock()
		if ps.connecting = false; joined {
			ps.cluster.Store(m)
		}
	}()
	if err := a.Join(func(topic string, data []byte) { ps.receive(m, topic, data) }); err != nil {
		return err
	}
	joined = true
	return nil
}

// begin claims the PubSub for the one who connects it. No lock is held while its
// adapter joins, however long that takes.
func (ps *PubSub[T]) begin() error {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	switch m := ps.cluster.Load(); {
	case m != nil:
		return fmt.Errorf("already connected as %q", m.node)
	case ps.connecting:
		return errors.New("somebody else is connecting it")
	}
	ps.connecting = true
	return nil
}

// Disconnect leaves the cluster, see [Adapter].Leave. What has been broadcast
// before still goes out, and when it returns nil nothing of the others comes in
// any more. Broadcasts go on here. It does nothing if the PubSub is not connected.
//
// It waits for the subscribers that are being called for another node: it must
// not be called from within Deliver. If ctx is done before, calling it again waits
// again.
func (ps *PubSub[T]) Disconnect(ctx context.Context) error {
	ps.mu.Lock()
	if m := ps.cluster.Swap(nil); m != nil {
		ps.leaving = m
	}
	m := ps.leaving
	ps.mu.Unlock()
	if m == nil {
		return nil
	}
	if err := actor.Guard(ctx, func() error { return m.adapter.Leave(ctx) }); err != nil {
		return fmt.Errorf("pubsub: disconnect %q: %w", m.node, err)
	}
	ps.mu.Lock()
	if ps.leaving == m {
		ps.leaving = nil
	}
	ps.mu.Unlock()
	return nil
}

// Node returns the name of this node in its cluster, or "" if the PubSub is not
// connected to one.
func (ps *PubSub[T]) Node() string {
	if m := ps.cluster.Load(); m != nil {
		return m.node
	}
	return ""
}

// DirectBroadcast is Broadcast to the subscribers of one node only, which may be
// this one. It is Phoenix's direct_broadcast. If there is no such node, and the
// adapter can know, the error wraps [ErrNoNode].
func (ps *PubSub[T]) DirectBroadcast(node, topic string, msg T) error {
	m := ps.cluster.Load()
	var err error
	switch {
	case m == nil && node == "", m != nil && node == m.node:
		return ps.broadcast(nil, actor.PID{}, topic, msg)
	case m == nil:
		err = ErrNoNode
	default:
		err = m.send(topic, msg, func(data []byte) error { return m.adapter.Send(node, topic, data) })
	}
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to node %q: %w", topic, node, err)
	}
	return nil
}

func (ps *PubSub[T]) logger() *slog.Logger {
	if log := ps.bound.Load(); log != nil {
		return log
	}
	ps.bound.CompareAndSwap(nil, boundlog.New(cmp.Or(ps.Logger, slog.Default())))
	return ps.bound.Load()
}

// isNil reports whether v is nil, or a nil pointer or function in an interface: what
// would panic when it is called, which is too late.
func isNil(v any) bool {
	if v == nil {
		return true
	}
	x := reflect.ValueOf(v)
	return (x.Kind() == reflect.Pointer || x.Kind() == reflect.Func) && x.IsNil()
}
