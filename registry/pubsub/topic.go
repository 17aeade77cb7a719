package pubsub

import (
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/table"
)

// shard is a part of the topics, and the lock of all that belongs to them. The
// lock is held for tens of nanoseconds, at most for the time it takes to copy one
// batch of a broadcast; never while a subscriber or an actor is called.
type shard[T any] struct {
	mu     sync.Mutex
	topics table.Map[string, *topic[T]]
	_      [40]byte // a cache line of its own
}

// add puts sub on the topic. It reports false if sub is gone: its owner has ended
// since it came to own sub. Otherwise the topic may be followed, and is to be from now on if
// it was not before.
func (sh *shard[T]) add(ps *PubSub[T], name string, sub *subscription[T]) (ok bool, f *following[T], begin bool) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics.Get(name)
	if t == nil {
		t = &topic[T]{name: name, shard: sh}
	}
	sub.topic = t
	if !sub.state.CompareAndSwap(fresh, subscribed) {
		return false, nil, false
	}
	if t.n == 0 {
		sh.topics.Set(name, t)
	}
	t.push(sub)
	if sub.wide {
		return true, nil, false
	}
	begin = t.follow(ps.link.Load())
	return true, t.following, begin
}

// removeAll takes all of owner's subscriptions off the topic. It returns the
// first, on which the others hang as siblings, and what has followed the topic and is to end.
func (sh *shard[T]) removeAll(owner actor.PID, name string) (*subscription[T], *following[T]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.topics.Get(name); t != nil {
		return sh.remove(t, owner)
	}
	return nil, nil
}

// remove is removeAll under the lock.
func (sh *shard[T]) remove(t *topic[T], owner actor.PID) (subs *subscription[T], over *following[T]) {
	subs = t.pull(owner)
	if t.n == 0 {
		sh.topics.Delete(t.name)
	}
	if t.n == t.wide {
		over, t.following = t.following, nil
	}
	return subs, over
}

// topic is a list of subscriptions, newest first. A new one goes to the front and
// broadcasts go from the front to the back, so that a broadcast meets exactly the
// subscriptions that there were when it began.
//
// A broadcast leaves the lock while it calls subscribers, and a cursor on the
// list to find its place again. A cursor is a subscription without a topic.
//
// All of it is guarded by the shard's lock. Most topics have one subscriber: a
// topic has 56 bytes, and an index only when it needs one.
type topic[T any] struct {
	name  string
	shard *shard[T]
	first *subscription[T]
	n     int32 // subscriptions, without cursors
	wide  int32 // of these, for which the topic need not be followed

	following *following[T] // nil: it is not followed

	// byOwner has one subscription of each owner, on which the owner's others
	// hang as siblings. It is nil while there are few, who are found as fast by
	// going through them.
	byOwner map[actor.PID]*subscription[T]
}

// An index is made at the upper number of subscriptions and dropped at the lower
// one; they differ, so that a topic does not do both all the time.
const (
	indexFrom = 16
	scanUpTo  = 8
)

// push puts s on the topic.
func (t *topic[T]) push(s *subscription[T]) {
	t.link(s, nil)
	t.n++
	if s.wide {
		t.wide++
	}
	switch {
	case t.byOwner != nil:
		t.index(s)
	case t.n >= indexFrom:
		t.byOwner = make(map[actor.PID]*subscription[T], t.n)
		for s := t.first; s != nil; s = s.next {
			if s.topic != nil {
				t.index(s)
			}
		}
	}
}

func (t *topic[T]) index(s *subscription[T]) {
	s.sibling = t.byOwner[s.owner]
	t.byOwner[s.owner] = s
}

// pull takes all of owner's subscriptions off the topic.
func (t *topic[T]) pull(owner actor.PID) *subscription[T] {
	subs := t.of(owner)
	for s := subs; s != nil; s = s.sibling {
		t.unlink(s)
		t.n--
		if s.wide {
			t.wide--
		}
		s.state.Store(gone)
	}
	if t.byOwner != nil {
		delete(t.byOwner, owner)
		if t.n <= scanUpTo {
			t.byOwner = nil
		}
	}
	return subs
}

// of returns owner's subscriptions, as siblings.
func (t *topic[T]) of(owner actor.PID) (subs *subscription[T]) {
	if t.byOwner != nil {
		return t.byOwner[owner]
	}
	for s := t.first; s != nil; s = s.next {
		if s.topic != nil && s.owner == owner {
			s.sibling = subs
			subs = s
		}
	}
	return subs
}

// link puts s on the list behind after, or in front if that is nil.
func (t *topic[T]) link(s, after *subscription[T]) {
	s.prev, s.next = after, t.first
	if after == nil {
		t.first = s
	} else {
		s.next = after.next
		after.next = s
	}
	if s.next != nil {
		s.next.prev = s
	}
}

func (t *topic[T]) unlink(s *subscription[T]) {
	if s.prev == nil {
		t.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}
