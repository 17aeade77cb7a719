package pubsub

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// subscription is one owner's interest in one topic. It is an [actor.Resource] of
// its owner, and a node of the topic's list.
//
// There are millions of them. It has 64 bytes, and must not grow without need.
type subscription[T any] struct {
	owner actor.PID
	to    Subscriber[T]

	// topic is written before state becomes subscribed, and then stays.
	topic *topic[T]
	state atomic.Uint32
	wide  bool // see SubscribeWide; it does not change

	// The rest is guarded by the lock of the topic's shard.

	prev, next *subscription[T]
	sibling    *subscription[T] // the next one of the same owner, see topic.byOwner
}

// The life of a subscription. It moves on, never back. All moves but the one from
// fresh to gone are made under the lock of the topic's shard.
const (
	fresh      uint32 = iota // not on its topic yet
	subscribed               // on its topic
	gone                     // off it for ever
)

// Release ends the subscription at its owner's end. It implements
// [actor.Resource].
func (s *subscription[T]) Release(owner actor.PID, _ error) {
	// Either this comes first and the add under way will find it gone, or add
	// does, and topic can be read.
	if s.state.CompareAndSwap(fresh, gone) {
		return
	}
	s.topic.release(s, owner).end(s.topic.name)
}

// release takes a subscription off the topic at its owner's end, and all others of that. It
// returns what has followed the topic and is to end.
func (t *topic[T]) release(s *subscription[T], owner actor.PID) (over *following[T]) {
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	if s.state.Load() == subscribed {
		// All at once: the others of this owner are about to be released, too,
		// and to find one among many siblings would take long.
		_, over = t.shard.remove(t, owner)
	}
	return over
}
