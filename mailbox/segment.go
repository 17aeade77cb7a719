package mailbox

import (
	"reflect"
	"sync"
)

// The first segment of a queue is small, because most queues hold a message or
// two; one that has filled it is in a burst, and gets large ones.
const (
	smallSegment = 8
	largeSegment = 128
)

// A segment is a run of slots, filled in order by senders and then, once the
// receiver has taken it, emptied in order by the receiver. The two never touch
// it at the same time.
type segment[T any] struct {
	next  *segment[T]
	slots []T // length: filled so far; capacity: fixed
}

// pool recycles the segments of all queues with elements of type T.
type pool[T any] struct{ small, large sync.Pool }

// pools maps an element type to its *pool: Go has no generic package variable.
var pools sync.Map // reflect.Type → *pool[T]

func poolOf[T any]() *pool[T] {
	key := reflect.TypeFor[T]()
	if p, ok := pools.Load(key); ok {
		return p.(*pool[T])
	}
	p, _ := pools.LoadOrStore(key, new(pool[T]))
	return p.(*pool[T])
}

func (p *pool[T]) get(size int) *segment[T] {
	from := &p.small
	if size == largeSegment {
		from = &p.large
	}
	if s, ok := from.Get().(*segment[T]); ok {
		return s
	}
	return &segment[T]{slots: make([]T, 0, size)}
}

// put takes back a segment whose filled slots have all been zeroed.
func (p *pool[T]) put(s *segment[T]) {
	s.next = nil
	s.slots = s.slots[:0]
	if cap(s.slots) == largeSegment {
		p.large.Put(s)
	} else {
		p.small.Put(s)
	}
}
