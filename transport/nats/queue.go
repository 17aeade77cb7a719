package nats

import (
	"sync/atomic"
)

// sized is what may wait in a queue.
type sized interface{ size() int64 }

// queue holds what waits, within a bound for its number and one for its bytes. One goroutine
// takes from it, and says when it is done with each of them.
type queue[P sized] struct {
	packets chan P
	limit   int64        // of waiting
	waiting atomic.Int64 // bytes of what is in the queue, or not done yet
}

func newQueue[P sized](packets int, bytes int64) *queue[P] {
	return &queue[P]{packets: make(chan P, packets), limit: bytes}
}

// put reports whether there was room. It does not wait.
func (q *queue[P]) put(p P) bool {
	if !q.reserve(p.size()) {
		return false
	}
	select {
	case q.packets <- p:
		return true
	default:
		q.done(p)
		return false
	}
}

// reserve counts the bytes of a packet, if there is room for them. One packet may have
// more than the limit, if no other one waits: it could never be sent otherwise.
func (q *queue[P]) reserve(size int64) bool {
	for {
		waiting := q.waiting.Load()
		if waiting > 0 && waiting+size > q.limit {
			return false
		}
		if q.waiting.CompareAndSwap(waiting, waiting+size) {
			return true
		}
	}
}

// pass counts a packet that is not put, if nothing is here: then it may pass the queue by. It
// is done as if it had been taken.
func (q *queue[P]) pass(p P) bool { return q.waiting.CompareAndSwap(0, p.size()) }

// done makes room for others, when a packet that was taken is not held any more.
func (q *queue[P]) done(p P) { q.waiting.Add(-p.size()) }
