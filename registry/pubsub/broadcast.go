package pubsub

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// batchSize is how many subscriptions a broadcast takes off the list at a time.
// It bounds the time that it holds the lock, a few microseconds if all of them
// are cold in the cache.
const batchSize = 64

// walk is a broadcast on its way down a topic's list: it takes a batch under the
// lock, and calls those subscribers without it.
type walk[T any] struct {
	ps    *PubSub[T]
	topic *topic[T]
	from  actor.PID // whom to leave out
	msg   T

	cursor  *subscription[T]                 // on the list, before what comes next; nil if nothing does
	current *subscription[T]                 // the one whose Deliver runs
	calling *atomic.Pointer[subscription[T]] // if not nil, shows current to a watch
	batch   [batchSize]*subscription[T]
	at, n   int // batch[at:n] have not been called yet
}

// broadcast sends msg to the other nodes, unless l is nil, and to the subscribers
// here, which cannot fail.
func (ps *PubSub[T]) broadcast(l *link[T], wide bool, from actor.PID, topic string, msg T) (err error) {
	if l != nil {
		// Before the subscribers here: what they broadcast in answer must not
		// overtake msg.
		err = l.broadcast(topic, msg, wide)
	}
	ps.deliver(from, topic, msg, nil)
	return err
}

// deliver calls the subscribers here.
func (ps *PubSub[T]) deliver(from actor.PID, topic string, msg T, calling *atomic.Pointer[subscription[T]]) {
	w := walk[T]{ps: ps, from: from, msg: msg, calling: calling}
	if w.begin(topic) {
		w.run()
	}
}

// begin takes the first batch. It reports false if there is no such topic.
func (w *walk[T]) begin(topic string) bool {
	sh := w.ps.shard(topic)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if w.topic = sh.topics.Get(topic); w.topic == nil {
		return false
	}
	w.take(w.topic.first)
	return true
}

// run calls all subscribers from where the walk is.
func (w *walk[T]) run() {
	for w.at < w.n || w.more() {
		w.deliver()
	}
}

// more takes the next batch. It reports false at the end of the list.
func (w *walk[T]) more() bool {
	if w.cursor == nil {
		return false
	}
	mu := &w.topic.shard.mu
	mu.Lock()
	defer mu.Unlock()
	next := w.cursor.next
	w.topic.unlink(w.cursor)
	w.take(next)
	return true
}

// take makes a batch of s, which may be nil, and what follows it, and sets the cursor behind them.
// It counts steps, not subscribers, so that the lock is held for a bounded time
// also where there is little but cursors of other broadcasts.
func (w *walk[T]) take(s *subscription[T]) {
	w.at, w.n = 0, 0
	var last *subscription[T]
	for step := 0; s != nil; step++ {
		if step == batchSize {
			if w.cursor == nil {
				w.cursor = new(subscription[T])
			}
			w.topic.link(w.cursor, last)
			return
		}
		if s.topic != nil && s.owner != w.from {
			w.batch[w.n] = s
			w.n++
		}
		last, s = s, s.next
	}
	w.cursor = nil
}

// deliver calls the subscribers of the batch, up to the first one that panics or calls
// runtime.Goexit. What is contained costs nothing for each of them: there is one
// deferred call for the batch.
func (w *walk[T]) deliver() {
	defer w.contain()
	for w.at < w.n {
		s := w.batch[w.at]
		w.at++
		if s.state.Load() == gone { // since the batch was taken
			continue
		}
		w.current = s
		if w.calling != nil {
			w.calling.Store(s)
		}
		s.to.Deliver(w.topic.name, w.msg)
	}
	w.current = nil
}

// contain keeps what happens in one Deliver from the others.
func (w *walk[T]) contain() {
	s := w.current
	if s == nil {
		return
	}
	w.current = nil
	v := recover()
	if v == nil {
		s.owner.Exit(actor.Goexit)
		w.ps.logger().Error("subscriber called runtime.Goexit", "topic", w.topic.name, "owner", s.owner)
		w.run() // this deferred call is all that is left of the goroutine
		return
	}
	reason := actor.Recovered(v)
	s.owner.Exit(reason)
	w.ps.logger().Error("subscriber panicked", "topic", w.topic.name, "owner", s.owner, "reason", reason, "stack", reason.Stack)
}
