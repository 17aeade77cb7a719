package mailbox

import (
	"context"
	"slices"
)

// Outcome is what became of a push.
type Outcome uint8

const (
	// Queued: the receiver is awake and will get to it.
	Queued Outcome = iota
	// Wake: queued, and the receiver was asleep; it is marked awake, and the
	// caller must start it.
	Wake
	// Full: refused for want of room, by [Fail] or [Block].
	Full
	// Dropped: the queue was full, and by its policy this message or the oldest
	// one went to the queue's drop function instead.
	Dropped
	// Closed: refused, the queue is closed.
	Closed
)

// Queue is an ordered queue with any number of senders and one receiver. The
// zero value is an empty, open, unbounded queue whose receiver is asleep. A
// Queue must not be copied after its first use.
//
// All methods but Take may be called from any goroutine. Take belongs to the
// receiver: to whoever was told [Wake] and has not been told [Asleep] since.
type Queue[T any] struct {
	mu     spinlock
	awake  bool
	closed bool

	head, tail *segment[T]
	off        uint32 // slots of head already removed, by a bounded queue or Discard

	in, out uint64 // messages ever queued, ever taken or dropped
	marks   []mark // in order of position
	urgent  *urgent[T]
	bound   *bound[T]
	pool    *pool[T]
}

// A mark stands before the message with number at.
type mark struct {
	at    uint64
	value any
}

// bound is what only a queue with a Limit needs.
type bound[T any] struct {
	Limit
	high     bool // HighWater has been reached and told
	onHigh   func(waiting int)
	dropped  func(T)
	waiting  []chan struct{} // senders that wait for room, first come first served
	reserved int             // places given to senders that have not taken them yet
	evicted  uint64          // messages that DropOldest has discarded
	taken    segment[T]      // holds the one message that the receiver has in hand
}

// SetLimit bounds the queue. It must be called before the first push. The
// function dropped, if not nil, is called with each message that [DropNewest]
// or [DropOldest] discards, on the sender's goroutine, and onHigh with the number
// of messages that wait when they reach the high-water mark.
func (q *Queue[T]) SetLimit(limit Limit, dropped func(T), onHigh func(waiting int)) {
	if limit != Unbounded {
		q.bound = &bound[T]{Limit: limit, dropped: dropped, onHigh: onHigh}
	}
}

// bounded reports whether messages may have to be refused or dropped.
func (q *Queue[T]) bounded() bool { return q.bound != nil && q.bound.Capacity > 0 }

// Push appends v. It does not block: a full queue that should [Block] answers
// [Full]; see PushWait.
func (q *Queue[T]) Push(v T) Outcome {
	q.mu.lock()
	if q.closed {
		q.mu.unlock()
		return Closed
	}
	if q.bound != nil {
		return q.pushBoundUnlock(v)
	}
	q.appendLocked(v)
	return q.wakeUnlock()
}

// PushWait is Push for a queue that blocks: it waits for room until ctx is
// done, and then returns [Full] and ctx's error. Senders that wait are served
// in the order in which they came.
func (q *Queue[T]) PushWait(ctx context.Context, v T) (Outcome, error) {
	b := q.bound
	if !q.bounded() || b.Overflow != Block {
		return q.Push(v), nil
	}
	q.mu.lock()
	if q.closed {
		q.mu.unlock()
		return Closed, nil
	}
	if q.roomLocked() {
		return q.pushBoundUnlock(v), nil
	}
	turn := make(chan struct{})
	b.waiting = append(b.waiting, turn)
	q.mu.unlock()

	select {
	case <-turn:
	case <-ctx.Done():
		q.forgoTurn(turn)
		return Full, ctx.Err()
	}
	q.mu.lock()
	if q.closed {
		q.mu.unlock()
		return Closed, nil
	}
	b.reserved--
	q.appendLocked(v)
	return q.wakeUnlock(), nil
}

// forgoTurn takes turn out of the line. If the turn was given just now, its room
// goes to the next in line.
func (q *Queue[T]) forgoTurn(turn chan struct{}) {
	q.mu.lock()
	defer q.mu.unlock()
	b := q.bound
	if i := slices.Index(b.waiting, turn); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	} else if !q.closed {
		b.reserved--
		q.admitLocked()
	}
}

// admitLocked gives turns to the senders in line, as far as there is room. A
// turn is a reserved place: nobody else can take it.
func (q *Queue[T]) admitLocked() {
	for b := q.bound; len(b.waiting) > 0 && q.roomLocked(); {
		close(b.waiting[0])
		b.waiting = slices.Delete(b.waiting, 0, 1)
		b.reserved++
	}
}

func (q *Queue[T]) roomLocked() bool {
	b := q.bound
	return b.Capacity <= 0 || q.in-q.out+uint64(b.reserved) < uint64(b.Capacity)
}

// pushBoundUnlock is Push for a queue with a Limit.
func (q *Queue[T]) pushBoundUnlock(v T) Outcome {
	if !q.roomLocked() {
		return q.overflowUnlock(v)
	}
	q.appendLocked(v)
	b, waiting := q.bound, int(q.in-q.out)
	tell := b.HighWater > 0 && waiting >= b.HighWater && !b.high
	b.high = b.high || tell
	outcome := q.wakeUnlock()
	if tell && b.onHigh != nil {
		b.onHigh(waiting)
	}
	return outcome
}

// overflowUnlock applies the policy of a full queue to v.
func (q *Queue[T]) overflowUnlock(v T) Outcome {
	b := q.bound
	switch b.Overflow {
	case DropOldest:
		oldest := q.removeLocked()
		b.evicted++
		q.appendLocked(v)
		v = oldest
	case DropNewest:
	default:
		q.mu.unlock()
		return Full
	}
	q.mu.unlock()
	if b.dropped != nil {
		b.dropped(v)
	}
	return Dropped
}

// Mark queues a mark behind all messages and marks so far. A limit does not
// hold for marks.
func (q *Queue[T]) Mark(value any) Outcome {
	q.mu.lock()
	if q.closed {
		q.mu.unlock()
		return Closed
	}
	q.marks = append(q.marks, mark{q.in, value})
	return q.wakeUnlock()
}

// Rouse marks the receiver awake, as a push would, without queueing anything.
// It reports whether the receiver was asleep, so that the caller must start it.
func (q *Queue[T]) Rouse() bool {
	q.mu.lock()
	return q.wakeUnlock() == Wake
}

// Close refuses all pushes from now on; what is queued can still be taken.
// Senders that wait for room are refused, too. Close reports whether the
// receiver was asleep: as after a push, it is now marked awake and the caller
// must start it, so that it learns of the end.
func (q *Queue[T]) Close() (wake bool) {
	q.mu.lock()
	if q.closed {
		q.mu.unlock()
		return false
	}
	q.closed = true
	if q.bound != nil {
		for _, turn := range q.bound.waiting {
			close(turn)
		}
		q.bound.waiting = nil
	}
	return q.wakeUnlock() == Wake
}

// Discard removes all that waits, without a part in the receiver's role: it may be
// called beside a receiver that is stuck. It passes the messages to f.
func (q *Queue[T]) Discard(f func(T)) {
	q.mu.lock()
	q.marks = nil
	for {
		var v T
		if u := q.urgent; u.waiting() > 0 {
			v = u.popLocked()
		} else if q.head != nil {
			v = q.removeLocked()
		} else {
			break
		}
		q.mu.unlock()
		f(v)
		q.mu.lock()
	}
	q.mu.unlock()
}

// Len returns how many messages wait. It does not count those that the receiver
// has taken.
func (q *Queue[T]) Len() int {
	q.mu.lock()
	defer q.mu.unlock()
	return int(q.in-q.out) + q.urgent.waiting()
}

// Taken returns how many messages the receiver has ever taken, those included that
// it still has in hand.
func (q *Queue[T]) Taken() uint64 {
	q.mu.lock()
	defer q.mu.unlock()
	n := q.out
	if q.bound != nil {
		n -= q.bound.evicted
	}
	if q.urgent != nil {
		n += q.urgent.taken
	}
	return n
}

// Awake reports whether the receiver is awake.
func (q *Queue[T]) Awake() bool {
	q.mu.lock()
	defer q.mu.unlock()
	return q.awake
}

// appendLocked adds v to the last segment.
func (q *Queue[T]) appendLocked(v T) {
	t := q.tail
	if t == nil || len(t.slots) == cap(t.slots) {
		t = q.growLocked()
	}
	t.slots = append(t.slots, v)
	q.in++
}

func (q *Queue[T]) growLocked() *segment[T] {
	if q.pool == nil {
		q.pool = poolOf[T]()
	}
	if q.tail == nil {
		s := q.pool.get(smallSegment)
		q.head, q.tail = s, s
		return s
	}
	s := q.pool.get(largeSegment)
	q.tail.next = s
	q.tail = s
	return s
}

// removeLocked takes the oldest message, of which there must be one.
func (q *Queue[T]) removeLocked() T {
	s := q.head
	slot := &s.slots[q.off]
	v := *slot
	var zero T
	*slot = zero
	q.out++
	if q.off++; int(q.off) == len(s.slots) {
		q.head, q.off = s.next, 0
		if q.head == nil {
			q.tail = nil
		}
		q.pool.put(s)
	}
	return v
}

// wakeUnlock marks the receiver awake. The flag changes under the lock that
// also guards the queue, so a receiver that goes to sleep has seen it empty,
// and a sender that comes later sees the receiver asleep: no wake-up is lost,
// and only one sender is told to wake.
func (q *Queue[T]) wakeUnlock() Outcome {
	asleep := !q.awake
	q.awake = true
	q.mu.unlock()
	if asleep {
		return Wake
	}
	return Queued
}
