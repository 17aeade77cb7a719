package pubsub

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
)

// PubSub is a set of topics with their subscribers. T is what is broadcast, usually a
// pointer: all subscribers share it and must not change it.
//
// The zero PubSub is ready to use, on one node; it must not be copied. All methods
// may be called from any goroutine, also from within Deliver; none of them waits for a
// subscriber of another broadcast.
type PubSub[T any] struct {
	// Logger gets what subscribers, codecs and adapters do wrong; slog.Default() if
	// nil. It is used within bounds: long values are cut, and what is logged too
	// often is only counted. It must not be changed once the PubSub is in use.
	Logger *slog.Logger

	shards [shardCount]shard[T]

	// Behind the shards, off the cache lines of their locks.

	log  atomic.Pointer[slog.Logger] // Logger within bounds, once it is in use
	link atomic.Pointer[link[T]]     // nil: not connected
	gaps atomic.Pointer[PubSub[Gap]] // nil: nobody wants to know
	mu   sync.Mutex                  // held while link changes
}

// shardCount is the number of locks that the topics share. It is far above the
// number of cores, so that two topics that are busy at once seldom meet.
const shardCount = 64

// logger returns what is logged through. What subscribers and other nodes cause comes in
// any number, and a handler of package slog is users' code.
func (ps *PubSub[T]) logger() *slog.Logger {
	if log := ps.log.Load(); log != nil {
		return log
	}
	log := boundlog.New(actor.GuardLogger(cmp.Or(ps.Logger, slog.Default())))
	ps.log.CompareAndSwap(nil, log)
	return ps.log.Load()
}

var seed = maphash.MakeSeed()

func (ps *PubSub[T]) shard(topic string) *shard[T] {
	return &ps.shards[maphash.String(seed, topic)%shardCount]
}

// Subscribe has s called for what is broadcast on the topic from now on, until
// owner unsubscribes or ends. At the owner's end the subscription is gone before
// any link or monitor hears of that end. Subscribing twice means to get each
// message twice.
//
// On a node that takes only what it wants, see [Router], the first subscription of a topic
// waits until the network knows of it, a second at most: what another node broadcasts after
// that comes here. It waits for nothing while the node is cut off.
//
// It fails with an error that wraps [actor.NoProc] if owner has ended, and if s is nil
// or a nil pointer.
func (ps *PubSub[T]) Subscribe(owner actor.PID, topic string, s Subscriber[T]) error {
	return ps.subscribe(topic, &subscription[T]{owner: owner, to: s})
}

// SubscribeWide is Subscribe for topics of which there are many, and on which little is said:
// so little that to have the network know of each would cost more. It waits for nothing. What
// other nodes broadcast on the topic comes by [PubSub.BroadcastWide], and may come otherwise.
func (ps *PubSub[T]) SubscribeWide(owner actor.PID, topic string, s Subscriber[T]) error {
	return ps.subscribe(topic, &subscription[T]{owner: owner, to: s, wide: true})
}

func (ps *PubSub[T]) subscribe(topic string, sub *subscription[T]) error {
	if isNil(sub.to) {
		return fmt.Errorf("pubsub: subscribe %v to %q: the subscriber is nil", sub.owner, topic)
	}
	// Owned before it is on the topic: the other way round, an owner that ends in
	// between would be known to be dead and still subscribed.
	if sub.owner.Own(sub) {
		if ok, f, begin := ps.shard(topic).add(ps, topic, sub); ok {
			if begin {
				f.begin(topic, sub.owner)
			}
			f.wait(sub.owner)
			return nil
		}
	}
	return fmt.Errorf("pubsub: subscribe %v to %q: %w", sub.owner, topic, actor.NoProc)
}

// Unsubscribe ends all of owner's subscriptions to the topic, and to its gaps. It does
// nothing if there are none.
func (ps *PubSub[T]) Unsubscribe(owner actor.PID, topic string) {
	if gaps := ps.gaps.Load(); gaps != nil {
		gaps.Unsubscribe(owner, topic)
	}
	sub, over := ps.shard(topic).removeAll(owner, topic)
	over.end(topic)
	for ; sub != nil; sub = sub.sibling {
		owner.Disown(sub)
	}
}

// Broadcast calls the topic's subscribers with msg, one after the other, and
// returns when it has called them all. It allocates nothing for up to 64
// subscribers.
//
// If one panics the others get the message all the same. The panic is logged, and the
// subscription's owner gets an exit signal with an [*actor.PanicError], as if it had
// panicked itself. So it is with runtime.Goexit, and [actor.Goexit]. But subscribers run on
// the broadcaster's goroutine, to save the switch, and Goexit ends that, too, when all have
// been called. A subscriber that blocks holds up this broadcast and no other.
//
// What comes from another node is delivered on a goroutine of its own. Neither a panic nor
// Goexit ends that, and an owner whose function blocks there for five seconds ends as if it
// had panicked.
//
// A connected PubSub hands msg to its [Cluster] first, which takes it to the
// subscribers of the other nodes. The error says that some of these will not get
// it; those here do, whatever it is. It is nil if the PubSub is not connected.
func (ps *PubSub[T]) Broadcast(topic string, msg T) error {
	return ps.broadcast(ps.link.Load(), false, actor.PID{}, topic, msg)
}

// BroadcastFrom is Broadcast to all subscriptions but those that from owns, which
// are on this node.
func (ps *PubSub[T]) BroadcastFrom(from actor.PID, topic string, msg T) error {
	return ps.broadcast(ps.link.Load(), false, from, topic, msg)
}

// BroadcastWide is BroadcastFrom, also to the subscribers by [PubSub.SubscribeWide] on other
// nodes: each node gets the message, whether it has any or not. It leaves out nobody if from is
// the zero PID.
func (ps *PubSub[T]) BroadcastWide(from actor.PID, topic string, msg T) error {
	return ps.broadcast(ps.link.Load(), true, from, topic, msg)
}

// LocalBroadcast is Broadcast to the subscribers of this node only.
func (ps *PubSub[T]) LocalBroadcast(topic string, msg T) {
	_ = ps.broadcast(nil, false, actor.PID{}, topic, msg)
}

// LocalBroadcastFrom is BroadcastFrom to the subscribers of this node only.
func (ps *PubSub[T]) LocalBroadcastFrom(from actor.PID, topic string, msg T) {
	_ = ps.broadcast(nil, false, from, topic, msg)
}

// Subscribers returns the number of subscriptions to the topic on this node.
func (ps *PubSub[T]) Subscribers(topic string) int {
	sh := ps.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.topics.Get(topic); t != nil {
		return int(t.n)
	}
	return 0
}

// Topics returns the number of topics that have subscribers on this node.
func (ps *PubSub[T]) Topics() int {
	n := 0
	for i := range ps.shards {
		ps.shards[i].mu.Lock()
		n += ps.shards[i].topics.Len()
		ps.shards[i].mu.Unlock()
	}
	return n
}
