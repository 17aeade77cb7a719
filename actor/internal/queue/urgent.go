package queue

import "sync/atomic"

// urgent is the lane of urgent messages; few queues ever have one.
type urgent[T any] struct {
	n    atomic.Int32 // length of list, for reading without the lock
	list []T

	taken uint64 // messages ever removed
}

// waiting returns how many urgent messages wait. A nil lane has none.
func (u *urgent[T]) waiting() int {
	if u == nil {
		return 0
	}
	return int(u.n.Load())
}

func (u *urgent[T]) popLocked() T {
	var zero T
	v := u.list[0]
	u.list[0] = zero
	if u.list = u.list[1:]; len(u.list) == 0 {
		u.list = nil
	}
	u.n.Store(int32(len(u.list)))
	u.taken++
	return v
}

// AllowUrgent makes room for urgent messages. The receiver must have called it
// before the first PushUrgent.
func (q *Queue[T]) AllowUrgent() {
	flags := q.state.lock()
	if q.urgent == nil {
		q.urgent = new(urgent[T])
	}
	q.state.unlock(flags)
}

// PushUrgent queues v ahead of all ordinary messages, behind earlier urgent ones.
// It is not subject to the limit.
func (q *Queue[T]) PushUrgent(v T) Outcome {
	flags := q.state.lock()
	if flags&closed != 0 {
		q.state.unlock(flags)
		return Closed
	}
	q.urgent.list = append(q.urgent.list, v)
	q.urgent.n.Store(int32(len(q.urgent.list)))
	return q.state.unlockAwake(flags)
}

// NextUrgent removes and returns the first urgent message. Only the receiver may
// call it. It is cheap if there is none.
func (q *Queue[T]) NextUrgent() (v T, ok bool) {
	if q.urgent.waiting() == 0 {
		return v, false
	}
	flags := q.state.lock()
	if ok = q.urgent.waiting() > 0; ok { // a Discard may have been quicker
		v = q.urgent.popLocked()
	}
	q.state.unlock(flags)
	return v, ok
}
