package pubsub

import (
	"iter"

	"github.com/troupe-go/troupe/actor"
)

// How to see from outside what there is.

// All returns the topics that have subscribers on this node, each with the number of its
// subscriptions, in no order. A topic that stays as long as the walk is met once.
//
// A walk copies one part in 64 of the topics at a time, and holds up those of that part
// meanwhile; nothing is locked while it shows them.
func (ps *PubSub[T]) All() iter.Seq2[string, int] {
	type entry struct {
		name string
		n    int
	}
	return func(yield func(string, int) bool) {
		var part []entry
		for i := range ps.shards {
			sh := &ps.shards[i]
			part = part[:0]
			sh.mu.Lock()
			for name, t := range sh.topics.All {
				part = append(part, entry{name, int(t.n)})
			}
			sh.mu.Unlock()
			for _, e := range part {
				if !yield(e.name, e.n) {
					return
				}
			}
		}
	}
}

// Subscriptions returns the subscriptions to a topic on this node, the latest first, each
// with its owner. Those that stay as long as the walk are met once. Nothing is locked while
// it shows them.
//
// Elixir: Registry.lookup/2.
func (ps *PubSub[T]) Subscriptions(topic string) iter.Seq2[actor.PID, Subscriber[T]] {
	return func(yield func(actor.PID, Subscriber[T]) bool) {
		w := walk[T]{ps: ps}
		defer w.leave() // also if yield panics
		for more := w.begin(topic); more; more = w.more() {
			for _, s := range w.batch[:w.n] {
				if s.state.Load() != gone && !yield(s.owner, s.to) {
					return
				}
			}
		}
	}
}

// leave takes a walk that is not to go on off the list.
func (w *walk[T]) leave() {
	if w.cursor == nil {
		return
	}
	mu := &w.topic.shard.mu
	mu.Lock()
	defer mu.Unlock()
	w.topic.unlink(w.cursor)
	w.cursor = nil
}
