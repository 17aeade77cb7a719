package queue

import (
	"context"
	"slices"
	"sync/atomic"

	"github.com/troupe-go/troupe/mailbox"
)

// Outcome is what became of a push.
type Outcome uint8

const (
	// Queued: the receiver is awake and will get to it.
	Queued Outcome = iota
	// Wake: queued, and the receiver was asleep; it is marked awake, and the
	// caller must start it.
	Wake
	// Full: refused for want of room, by [mailbox.Fail] or [mailbox.Block].
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
// All methods but those that take may be called from any goroutine. TakeFirst, Take,
// TakeMark and NextUrgent belong to the receiver: the caller that was told [Wake] and has
// not been told [Asleep] since.
type Queue[T any] struct {
	state      state // guards all the rest but first
	head, tail *segment[T]

	// first holds the message that woke the receiver, or none. It belongs to the
	// receiver, which therefore needs no lock to take it: a sender puts it there while
	// it stands in for the receiver, before it starts one.
	first *single[T]

	in, out uint64 // messages ever queued, ever taken or dropped; without the first ones
	marks   []mark // in order of position
	urgent  *urgent[T]
	bound   *bound[T]
	pool    atomic.Pointer[pool[T]] // nil until first needed
}

// A mark stands before the message with number at. If it rides it belongs to that message,
// came with it, and goes with it.
type mark struct {
	at    uint64
	rides bool
	value any
}

// bound is what only a queue with a Limit needs.
type bound[T any] struct {
	mailbox.Limit
	high     bool // HighWater has been reached and told
	onHigh   func(waiting int)
	dropped  func(T)
	waiting  []chan struct{} // senders that wait for room, first come first served
	reserved int             // places given to senders that have not taken them yet
	evicted  uint64          // messages that DropOldest has discarded
	stale    int             // riders among the marks that may have lost their message so
	taken    segment[T]      // holds the one message that the receiver has in hand
}

// SetLimit bounds the queue. It must be called before the first push. The
// function dropped, if not nil, is called with each message that [mailbox.DropNewest]
// or [mailbox.DropOldest] discards, on the sender's goroutine, and onHigh with the
// number of messages that wait when they reach the high-water mark.
func (q *Queue[T]) SetLimit(limit mailbox.Limit, dropped func(T), onHigh func(waiting int)) {
	if limit != mailbox.Unbounded {
		q.bound = &bound[T]{Limit: limit, dropped: dropped, onHigh: onHigh}
	}
}

// bounded reports whether messages may have to be refused or dropped.
func (q *Queue[T]) bounded() bool { return q.bound != nil && q.bound.Capacity > 0 }

// Push appends v. It does not block: a full queue with [mailbox.Block] answers [Full];
// see PushWait.
func (q *Queue[T]) Push(v T) Outcome {
	if q.bound == nil && q.state.rouse() {
		q.handOver(v)
		return Wake
	}
	flags := q.state.lock()
	switch {
	case flags&closed != 0:
		q.state.unlock(flags)
		return Closed
	case q.bound != nil:
		return q.pushBoundUnlock(flags, v, nil)
	}
	q.appendLocked(v)
	return q.state.unlockAwake(flags)
}

// PushRider is Push of v with a mark that belongs to it: nothing comes between the two, and
// what becomes of v becomes of its rider. See [Batch.Mark].
func (q *Queue[T]) PushRider(v T, rider any) Outcome {
	flags := q.state.lock()
	switch {
	case flags&closed != 0:
		q.state.unlock(flags)
		return Closed
	case q.bound != nil:
		return q.pushBoundUnlock(flags, v, rider)
	}
	q.rideLocked(rider)
	q.appendLocked(v)
	return q.state.unlockAwake(flags)
}

// rideLocked puts a rider, if there is one, before the message that comes next.
func (q *Queue[T]) rideLocked(rider any) {
	if rider != nil {
		q.marks = append(q.marks, mark{at: q.in, rides: true, value: rider})
	}
}

// handOver keeps v for the receiver that the caller is about to start.
func (q *Queue[T]) handOver(v T) {
	if q.first == nil {
		q.first = q.segments().single()
	}
	q.first.put(v)
}

// PushWait is Push, or PushRider if rider is not nil, for a queue that blocks: it waits
// for room until ctx is done, and then returns [Full] and ctx's error. Senders that wait
// are served in the order in which they came.
func (q *Queue[T]) PushWait(ctx context.Context, v T, rider any) (Outcome, error) {
	b := q.bound
	if !q.bounded() || b.Overflow != mailbox.Block {
		return q.PushRider(v, rider), nil
	}
	flags := q.state.lock()
	if flags&closed != 0 {
		q.state.unlock(flags)
		return Closed, nil
	}
	if q.roomLocked() {
		return q.pushBoundUnlock(flags, v, rider), nil
	}
	turn := make(chan struct{})
	b.waiting = append(b.waiting, turn)
	q.state.unlock(flags)

	select {
	case <-turn:
	case <-ctx.Done():
		q.forgoTurn(turn)
		return Full, ctx.Err()
	}
	flags = q.state.lock()
	if flags&closed != 0 {
		q.state.unlock(flags)
		return Closed, nil
	}
	b.reserved--
	q.rideLocked(rider)
	q.appendLocked(v)
	return q.state.unlockAwake(flags), nil
}

// forgoTurn takes turn out of the line. If the turn was given just now, its room
// goes to the next in line.
func (q *Queue[T]) forgoTurn(turn chan struct{}) {
	flags := q.state.lock()
	defer q.state.unlock(flags)
	b := q.bound
	if i := slices.Index(b.waiting, turn); i >= 0 {
		b.waiting = slices.Delete(b.waiting, i, i+1)
	} else if flags&closed == 0 {
		b.reserved--
		q.admitLocked()
	}
}

// admitLocked gives turns to the senders in line while there is room. A turn is a
// reserved place: no other sender can take it.
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
func (q *Queue[T]) pushBoundUnlock(flags uint64, v T, rider any) Outcome {
	if !q.roomLocked() {
		return q.overflowUnlock(flags, v, rider)
	}
	q.rideLocked(rider)
	q.appendLocked(v)
	b, n := q.bound, int(q.in-q.out)
	tell := b.HighWater > 0 && n >= b.HighWater && !b.high
	b.high = b.high || tell
	outcome := q.state.unlockAwake(flags)
	if tell && b.onHigh != nil {
		b.onHigh(n)
	}
	return outcome
}

// overflowUnlock applies the policy of a full queue to v.
func (q *Queue[T]) overflowUnlock(flags uint64, v T, rider any) Outcome {
	b := q.bound
	switch b.Overflow {
	case mailbox.DropOldest:
		oldest := q.removeLocked()
		b.evicted++
		q.dropRidersLocked()
		q.rideLocked(rider)
		q.appendLocked(v)
		v = oldest
	case mailbox.DropNewest:
	default:
		q.state.unlock(flags)
		return Full
	}
	q.state.unlock(flags)
	if b.dropped != nil {
		b.dropped(v)
	}
	return Dropped
}

// dropRidersLocked takes the riders off the list whose messages were evicted. It looks for
// them when half of the list may be such, so that a list of many signals is not walked for
// each message.
func (q *Queue[T]) dropRidersLocked() {
	b := q.bound
	if len(q.marks) == 0 {
		b.stale = 0
		return
	}
	if b.stale++; 2*b.stale < len(q.marks) {
		return
	}
	q.marks = slices.DeleteFunc(q.marks, func(m mark) bool { return m.rides && m.at < q.out })
	b.stale = 0
}

// Mark queues a mark behind all messages and marks so far. A limit does not
// hold for marks.
func (q *Queue[T]) Mark(value any) Outcome {
	flags := q.state.lock()
	if flags&closed != 0 {
		q.state.unlock(flags)
		return Closed
	}
	q.marks = append(q.marks, mark{at: q.in, value: value})
	return q.state.unlockAwake(flags)
}

// Rouse marks the receiver awake, as a push would, without queueing anything.
// It reports whether the receiver was asleep, so that the caller must start it.
func (q *Queue[T]) Rouse() bool {
	flags := q.state.lock()
	q.state.unlock(flags | awake)
	return flags&awake == 0
}

// Close refuses all pushes from now on; what is queued can still be taken.
// Senders that wait for room are refused, too. Close reports whether the
// receiver was asleep: as after a push, it is now marked awake and the caller
// must start it, so that it learns of the end.
func (q *Queue[T]) Close() (wake bool) {
	flags := q.state.lock()
	if flags&closed != 0 {
		q.state.unlock(flags)
		return false
	}
	if q.bound != nil {
		for _, turn := range q.bound.waiting {
			close(turn)
		}
		q.bound.waiting = nil
	}
	q.state.unlock(flags | closed | awake)
	return flags&awake == 0
}

// Discard removes all that waits and passes the messages to f. It may be called beside
// a receiver that is stuck: what the receiver has taken, or was woken for, stays with
// the receiver.
func (q *Queue[T]) Discard(f func(T)) {
	flags := q.state.lock()
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
		q.state.unlock(flags)
		f(v)
		flags = q.state.lock()
	}
	q.state.unlock(flags)
}

// Len returns how many messages wait. It does not count those that the receiver
// has taken, nor one that it is just being woken for.
func (q *Queue[T]) Len() int { return q.Load().Waiting }

// Taken returns how many messages the receiver has ever taken, including those that it
// still has in hand.
func (q *Queue[T]) Taken() uint64 { return q.Load().Taken }

// Awake reports whether the receiver is awake.
func (q *Queue[T]) Awake() bool { return q.state.flags()&awake != 0 }

// Load is what can be seen of a queue from outside.
type Load struct {
	Waiting int
	Taken   uint64 // messages that the receiver has ever taken
	Queued  uint64 // messages ever queued: without those that a sleeping receiver was handed
	Awake   bool
}

// Gone returns how many of the queued messages wait no more. At least one of those that
// still wait was among the first Gone+1: they cannot all have come later.
func (l Load) Gone() uint64 { return l.Queued - uint64(l.Waiting) }

// Load returns what can be seen of the queue now.
func (q *Queue[T]) Load() Load {
	flags := q.state.lock()
	defer q.state.unlock(flags)
	l := Load{
		Waiting: int(q.in-q.out) + q.urgent.waiting(),
		Taken:   q.out + flags/handedOver,
		Queued:  q.in,
		Awake:   flags&awake != 0,
	}
	if q.bound != nil {
		l.Taken -= q.bound.evicted
	}
	if u := q.urgent; u != nil {
		l.Taken += u.taken
		l.Queued += u.taken + uint64(u.waiting())
	}
	return l
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
	if q.tail == nil {
		s := q.segments().get(smallSegment)
		q.head, q.tail = s, s
		return s
	}
	s := q.segments().get(largeSegment)
	q.tail.next = s
	q.tail = s
	return s
}

// segments returns the queue's pool. A sender that holds the lock and the receiver may
// both set it, hence the atomic pointer.
func (q *Queue[T]) segments() *pool[T] {
	p := q.pool.Load()
	if p == nil {
		p = poolOf[T]()
		q.pool.Store(p)
	}
	return p
}

// removeLocked takes the oldest message, of which there must be one.
func (q *Queue[T]) removeLocked() T {
	s := q.head
	slot := &s.slots[s.off]
	v := *slot
	var zero T
	*slot = zero
	q.out++
	if s.off++; s.off == len(s.slots) {
		q.head = s.next
		if q.head == nil {
			q.tail = nil
		}
		q.segments().put(s)
	}
	return v
}
