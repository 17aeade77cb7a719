package statem

import (
	"slices"
	"time"
)

// timeout is one that is running. Which timeouts run is known by pointer: that
// one has fired does not count if another has taken its place, however late it
// is heard of.
type timeout[M any] struct {
	kind    Kind
	message M
	timer   timer // nil for a timeout of zero
}

// timer is what is needed of an [actor.Timer].
type timer interface {
	Stop() bool
	Left() (time.Duration, bool)
}

// timeouts are the timeouts of one machine, at most one of each kind.
type timeouts[M any] struct {
	start func(time.Duration, *timeout[M]) timer

	state, event *timeout[M]
	named        map[Kind]*timeout[M]
	zero         []*timeout[M] // those of zero, in the order in which they were set
}

func (ts *timeouts[M]) get(k Kind) *timeout[M] {
	switch k {
	case StateTimeout:
		return ts.state
	case EventTimeout:
		return ts.event
	}
	return ts.named[k]
}

func (ts *timeouts[M]) put(k Kind, t *timeout[M]) {
	switch {
	case k == StateTimeout:
		ts.state = t
	case k == EventTimeout:
		ts.event = t
	case t == nil:
		delete(ts.named, k)
	default:
		if ts.named == nil {
			ts.named = make(map[Kind]*timeout[M])
		}
		ts.named[k] = t
	}
}

// set starts a timeout, in place of the one of its kind that is running.
func (ts *timeouts[M]) set(k Kind, d time.Duration, m M) {
	ts.cancel(k)
	t := &timeout[M]{kind: k, message: m}
	ts.put(k, t)
	if d <= 0 {
		ts.zero = append(ts.zero, t)
	} else {
		t.timer = ts.start(d, t)
	}
}

// left returns how long it is until the timeout of that kind is due. It reports false
// if none is running.
func (ts *timeouts[M]) left(k Kind) (time.Duration, bool) {
	t := ts.get(k)
	if t == nil || t.timer == nil {
		return 0, t != nil
	}
	left, _ := t.timer.Left() // 0 if it has fired
	return left, true
}

// update gives the running timeout another message, and leaves its time as it
// is. If none is running, there is nothing to wait for.
func (ts *timeouts[M]) update(k Kind, m M) {
	if t := ts.get(k); t != nil {
		t.message = m
	} else {
		ts.set(k, 0, m)
	}
}

func (ts *timeouts[M]) cancel(k Kind) {
	t := ts.get(k)
	if t == nil {
		return
	}
	ts.put(k, nil)
	if t.timer != nil {
		t.timer.Stop()
	} else {
		ts.zero = slices.DeleteFunc(ts.zero, func(z *timeout[M]) bool { return z == t })
	}
}

// fired takes a timeout that has run out. It reports false if the timeout had
// been cancelled or replaced.
func (ts *timeouts[M]) fired(t *timeout[M]) bool {
	if ts.get(t.kind) != t {
		return false
	}
	ts.put(t.kind, nil)
	return true
}

// firedZero takes the oldest timeout of zero. There must be one.
func (ts *timeouts[M]) firedZero() *timeout[M] {
	t := ts.zero[0]
	ts.zero = slices.Delete(ts.zero, 0, 1)
	ts.put(t.kind, nil)
	return t
}

// timeoutChange is what a handler wants of a timeout.
type timeoutChange[M any] struct {
	op      timeoutOp
	kind    Kind
	d       time.Duration // of setTimeout
	at      time.Time     // of setTimeoutAt
	message M
}

type timeoutOp uint8

const (
	setTimeout timeoutOp = iota
	setTimeoutAt
	updateTimeout
	cancelTimeout
)

func (ts *timeouts[M]) apply(c timeoutChange[M]) {
	switch c.op {
	case setTimeout:
		ts.set(c.kind, c.d, c.message)
	case setTimeoutAt:
		ts.set(c.kind, time.Until(c.at), c.message)
	case updateTimeout:
		ts.update(c.kind, c.message)
	case cancelTimeout:
		ts.cancel(c.kind)
	}
}
