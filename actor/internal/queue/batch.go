package queue

import "slices"

// State is what a receiver finds when it looks for more.
type State uint8

const (
	// Ready: the batch holds messages or marks.
	Ready State = iota
	// Asleep: the queue is empty and the receiver now counts as asleep. It must
	// stop; the next push wakes it.
	Asleep
	// Ended: the queue is empty and closed.
	Ended
)

// Batch is what a receiver has taken and not handled yet. The zero value is
// empty. It belongs to the receiver's goroutine.
type Batch[T any] struct {
	first *single[T] // comes before all the rest
	seg   *segment[T]
	at    uint64 // number of the next message of seg
	marks []mark
	pool  *pool[T] // where empty segments go; nil: nowhere
}

// Take moves what waits, except urgent messages, into b, which must be empty. From an
// unbounded queue it takes all. From a bounded one it takes a single message with the
// marks before it, because a message that has been taken can no longer be dropped, nor
// does it count against the limit.
func (q *Queue[T]) Take(b *Batch[T]) State {
	if q.TakeFirst(b) {
		return Ready
	}
	if q.state.sleep() {
		return Asleep
	}
	return q.takeSlow(b)
}

// TakeFirst moves the message that woke the receiver into b, which must be empty. It
// returns false if there was none, or if it has been taken.
func (q *Queue[T]) TakeFirst(b *Batch[T]) bool {
	s := q.first
	if s == nil || !s.full {
		return false
	}
	b.first = s
	if !keepsSingle[T]() {
		q.first, b.pool = nil, q.segments()
	}
	return true
}

func (q *Queue[T]) takeSlow(b *Batch[T]) State {
	flags := q.state.lock()
	if q.emptyLocked() {
		return q.sleepUnlock(flags &^ waiting)
	}
	b.at, b.pool = q.out, q.segments()
	b.marks, q.marks = q.marks, nil
	if !q.bounded() {
		b.seg, q.head, q.tail = q.head, nil, nil
		q.out = q.in
	} else if q.head != nil {
		q.takeOneLocked(b)
	}
	if q.bound != nil && q.in-q.out <= uint64(q.bound.HighWater/2) {
		q.bound.high = false
	}
	if q.emptyLocked() {
		flags &^= waiting
	}
	q.state.unlock(flags)
	return Ready
}

func (q *Queue[T]) emptyLocked() bool {
	return q.head == nil && len(q.marks) == 0 && q.urgent.waiting() == 0
}

// sleepUnlock marks the receiver asleep, or reports the end of a closed queue.
func (q *Queue[T]) sleepUnlock(flags uint64) State {
	if flags&closed != 0 {
		q.state.unlock(flags)
		return Ended
	}
	q.state.unlock(flags &^ awake)
	return Asleep
}

// TakeMark removes the first mark that match accepts, ahead of all messages and
// other marks. If there is none, it returns [Asleep] although other things may wait:
// the receiver counts as asleep and must stop until it is woken. It returns [Ended] if
// the queue is closed.
func (q *Queue[T]) TakeMark(match func(any) bool) (value any, state State) {
	flags := q.state.lock()
	if value, ok := takeMark(&q.marks, match); ok {
		q.state.unlock(flags)
		return value, Ready
	}
	return nil, q.sleepUnlock(flags | waiting)
}

func takeMark(marks *[]mark, match func(any) bool) (value any, ok bool) {
	i := slices.IndexFunc(*marks, func(m mark) bool { return match(m.value) })
	if i < 0 {
		return nil, false
	}
	value = (*marks)[i].value
	*marks = slices.Delete(*marks, i, i+1)
	return value, true
}

// takeOneLocked moves the oldest message into b and leaves the marks that stand
// behind it.
func (q *Queue[T]) takeOneLocked(b *Batch[T]) {
	one := &q.bound.taken
	one.slots, one.off = append(one.slots[:0], q.removeLocked()), 0
	b.seg, b.pool = one, nil
	due := 0
	for due < len(b.marks) && b.marks[due].at <= b.at {
		due++
	}
	q.marks = b.marks[due:]
	b.marks = b.marks[:due:due]
	q.admitLocked()
}

// Empty reports whether all of the batch has been handled.
func (b *Batch[T]) Empty() bool { return b.first == nil && b.seg == nil && len(b.marks) == 0 }

// AtMark reports whether a mark comes next.
func (b *Batch[T]) AtMark() bool { return len(b.marks) > 0 && b.marks[0].at <= b.at }

// Mark removes and returns the mark that comes next. AtMark must hold. If it is the rider
// of a message, that message comes next, unless it was evicted: then Mark returns nil.
func (b *Batch[T]) Mark() any {
	m := b.marks[0]
	b.marks = b.marks[1:]
	if m.rides && (m.at < b.at || b.seg == nil) {
		return nil
	}
	return m.value
}

// TakeMark removes the first mark that match accepts, wherever it stands.
func (b *Batch[T]) TakeMark(match func(any) bool) (value any, ok bool) {
	return takeMark(&b.marks, match)
}

// Next removes and returns the next message. It returns false at the end of the
// batch. If AtMark holds, the mark's turn comes first.
func (b *Batch[T]) Next() (v T, ok bool) {
	if b.first != nil {
		return b.nextFirst(), true
	}
	s := b.seg
	if s == nil {
		return v, false
	}
	slot := &s.slots[s.off]
	v = *slot
	var zero T
	*slot = zero // let go of what the message refers to
	b.at++
	if s.off++; s.off == len(s.slots) {
		b.advance()
	}
	return v, true
}

func (b *Batch[T]) nextFirst() T {
	s := b.first
	b.first = nil
	v := s.take()
	if !keepsSingle[T]() {
		b.pool.singles.Put(s)
	}
	return v
}

// advance gives the finished segment back to the pool.
func (b *Batch[T]) advance() {
	s := b.seg
	b.seg = s.next
	if b.pool != nil {
		b.pool.put(s)
	}
}
