package queue

import (
	"reflect"
	"sync"
	"unsafe"
)

// The first segment of a queue is small, because most queues hold a message or
// two. A queue that has filled it is in a burst, and gets large ones.
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
	off   int // slots emptied so far
}

// A single is a place for one message: the one that wakes a receiver.
type single[T any] struct {
	v    T
	full bool
}

func (s *single[T]) put(v T) { s.v, s.full = v, true }

func (s *single[T]) take() T {
	v := s.v
	*s = single[T]{}
	return v
}

// keepsSingle reports whether a queue keeps its single. Large ones go back to the pool:
// an idle actor must not hold the room of a large message.
func keepsSingle[T any]() bool { return unsafe.Sizeof(*new(T)) <= 64 }

// pool recycles the segments of all queues of one element type, and the singles if
// queues do not keep theirs.
type pool[T any] struct{ singles, small, large sync.Pool }

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

// single returns an empty single.
func (p *pool[T]) single() *single[T] {
	if !keepsSingle[T]() {
		if s, ok := p.singles.Get().(*single[T]); ok {
			return s
		}
	}
	return new(single[T])
}

// put takes back a segment whose filled slots have all been zeroed.
func (p *pool[T]) put(s *segment[T]) {
	s.next, s.slots, s.off = nil, s.slots[:0], 0
	if cap(s.slots) == largeSegment {
		p.large.Put(s)
	} else {
		p.small.Put(s)
	}
}
