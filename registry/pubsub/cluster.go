package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
)

// membership is how a PubSub reaches the other nodes.
type membership[T any] struct {
	adapter Adapter
	codec   Codec[T]
}

// Connect joins this PubSub to the others of a cluster: from now on a broadcast
// goes to all of them, and theirs come here. Subscriptions stay as they are.
//
// It fails if the adapter cannot join, or if the PubSub is connected already. The
// adapter belongs to the PubSub from then on.
func (ps *PubSub[T]) Connect(a Adapter, c Codec[T]) error {
	ps.connecting.Lock()
	defer ps.connecting.Unlock()
	if m := ps.cluster.Load(); m != nil {
		return fmt.Errorf("pubsub: connect as %q: already connected as %q", a.Node(), m.adapter.Node())
	}
	m := &membership[T]{a, c}
	if err := a.Join(func(topic string, data []byte) { ps.receive(m, topic, data) }); err != nil {
		return fmt.Errorf("pubsub: connect as %q: %w", a.Node(), err)
	}
	ps.cluster.Store(m)
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
	ps.connecting.Lock()
	if m := ps.cluster.Swap(nil); m != nil {
		ps.leaving = m
	}
	m := ps.leaving
	ps.connecting.Unlock()
	if m == nil {
		return nil
	}
	if err := m.adapter.Leave(ctx); err != nil {
		return fmt.Errorf("pubsub: disconnect %q: %w", m.adapter.Node(), err)
	}
	ps.connecting.Lock()
	if ps.leaving == m {
		ps.leaving = nil
	}
	ps.connecting.Unlock()
	return nil
}

// Node returns the name of this node in its cluster, or "" if the PubSub is not
// connected to one.
func (ps *PubSub[T]) Node() string {
	if m := ps.cluster.Load(); m != nil {
		return m.adapter.Node()
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
	case m == nil && node == "", m != nil && node == m.adapter.Node():
		return ps.broadcast(nil, actor.PID{}, topic, msg)
	case m == nil:
		err = ErrNoNode
	default:
		var data []byte
		if data, err = m.codec.Encode(topic, msg); err == nil {
			err = m.adapter.Send(node, topic, data)
		}
	}
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to node %q: %w", topic, node, err)
	}
	return nil
}

// broadcast sends msg to the other nodes.
func (m *membership[T]) broadcast(topic string, msg T) error {
	data, err := m.codec.Encode(topic, msg)
	if err == nil {
		err = m.adapter.Broadcast(topic, data)
	}
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to the other nodes: %w", topic, err)
	}
	return nil
}

// receive calls the subscribers for another node's broadcast.
func (ps *PubSub[T]) receive(m *membership[T], topic string, data []byte) {
	// Each node gets everything: what nobody wants is not worth decoding.
	if ps.Subscribers(topic) == 0 {
		return
	}
	msg, err := m.decode(topic, data)
	if err != nil {
		ps.logger().Error("broadcast of another node not decoded",
			"topic", topic, "node", m.adapter.Node(), "error", err)
		return
	}
	_ = ps.broadcast(nil, actor.PID{}, topic, msg)
}

// decode contains panics: it runs on the adapter's goroutine, and must not end
// the program for what another node has sent.
func (m *membership[T]) decode(topic string, data []byte) (msg T, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = errors.Join(err, fmt.Errorf("panic: %v", v))
		}
	}()
	return m.codec.Decode(topic, data)
}

func (ps *PubSub[T]) logger() *slog.Logger {
	if ps.Logger != nil {
		return ps.Logger
	}
	return slog.Default()
}
