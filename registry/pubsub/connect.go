package pubsub

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
)

// Connect joins this PubSub to those of the same name on the other nodes of a cluster:
// from now on a broadcast goes to all of them, and theirs come here. Subscriptions stay
// as they are. It does not wait for the cluster to run, nor for other nodes; for the network
// to know of the topics as [PubSub.Subscribe] does.
//
// It fails if the PubSub is connected already, if another one of this node has the name,
// if the name is empty or has a slash, or if c or codec is nil. Names that begin with
// "troupe." are Troupe's own.
//
// Neither the cluster's adapter nor the codec can hurt those that broadcast, nor their
// subscribers here: a panic, a runtime.Goexit, and a call that takes longer than a second
// make a broadcast return an error.
//
// Phoenix: the option name of Phoenix.PubSub.
func (ps *PubSub[T]) Connect(c *Cluster, name string, codec Codec[T]) error {
	topics, err := ps.connect(c, name, codec)
	if err != nil {
		return fmt.Errorf("pubsub: connect %q: %w", name, err)
	}
	topics.begin()
	return nil
}

func (ps *PubSub[T]) connect(c *Cluster, name string, codec Codec[T]) (begun[T], error) {
	if c == nil || isNil(codec) {
		return nil, errors.New("the cluster or the codec is nil")
	}
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if l := ps.link.Load(); l != nil {
		return nil, fmt.Errorf("already connected as %q", l.name)
	}
	l := newLink(ps, c, name, codec)
	if err := c.register(name, l); err != nil {
		return nil, err
	}
	ps.link.Store(l)
	return ps.followAll(l), nil
}

// Disconnect takes Connect back: broadcasts go on here, and what other nodes broadcast
// comes no more, though a Deliver that is under way may still run. It does nothing if the
// PubSub is not connected.
func (ps *PubSub[T]) Disconnect() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if l := ps.link.Swap(nil); l != nil {
		ps.unfollowAll(l)
		l.cluster.unregister(l.name)
	}
}

// Node returns the name of this node in its cluster, or "" if the PubSub is not
// connected to one.
func (ps *PubSub[T]) Node() string {
	if l := ps.link.Load(); l != nil {
		return l.cluster.node
	}
	return ""
}

// DirectBroadcast is Broadcast to the subscribers of one node only, which may be
// this one. If there is no such node, and the adapter can know, the error wraps
// [ErrNoNode].
//
// Phoenix: Phoenix.PubSub.direct_broadcast/5.
func (ps *PubSub[T]) DirectBroadcast(node, topic string, msg T) error {
	l := ps.link.Load()
	var err error
	switch {
	case l == nil && node == "", l != nil && node == l.cluster.node:
		return ps.broadcast(nil, false, actor.PID{}, topic, msg)
	case l == nil:
		err = ErrNoNode
	default:
		err = l.send(node, topic, msg)
	}
	if err != nil {
		return fmt.Errorf("pubsub: broadcast on %q to node %q: %w", topic, node, err)
	}
	return nil
}
