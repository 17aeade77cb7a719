package actor

import (
	"sync"
	"time"
)

// Timer is a message to come. It belongs to the actor that will get it and goes
// with it.
type Timer struct {
	owner PID

	mu    sync.Mutex // guards what follows; held while the message is sent
	timer *time.Timer
	done  bool // fired, or stopped
}

// SendAfter sends m to the actor not before d has passed. The message takes its
// place at the end of the mailbox, even if d is 0. The timer is dropped when the
// actor ends.
func (r Ref[M]) SendAfter(d time.Duration, m M) *Timer { return startTimer(r, d, m, nil) }

// SendEvery sends m to the actor each time d has passed, until the timer is
// stopped or the actor ends. It does not drift: the n-th message is due n·d after
// the start, and a slow actor gets them all. It panics if d is not positive.
func (r Ref[M]) SendEvery(d time.Duration, m M) *Timer {
	if d <= 0 {
		panic("actor: SendEvery: the interval must be positive")
	}
	due := time.Now().Add(d)
	return startTimer(r, d, m, func() time.Duration {
		due = due.Add(d)
		return max(time.Until(due), 1)
	})
}

// startTimer returns a timer that sends m after d, and, if again is not nil, over
// and over, each time after what again returns.
func startTimer[M any](r Ref[M], d time.Duration, m M, again func() time.Duration) *Timer {
	t := &Timer{owner: r.PID()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done = !t.owner.Own(t); t.done {
		return t
	}
	t.timer = time.AfterFunc(d, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.done {
			return
		}
		t.done = again == nil
		if r.TrySend(m) == ErrFull {
			// Send may wait for room, and the actor that makes room may be
			// waiting for the lock, in Stop.
			t.mu.Unlock()
			r.Send(m)
			t.mu.Lock()
		}
		switch {
		case again == nil:
			t.owner.Disown(t)
		case !t.done: // not stopped meanwhile
			t.timer.Reset(again())
		}
	})
	return t
}

// Stop cancels the timer. It reports true if that prevented the message, or the
// next one of many, and false if the message has been sent or the timer was
// stopped before: one of the two, never neither or both.
func (t *Timer) Stop() bool {
	if !t.cancel() {
		return false
	}
	t.owner.Disown(t)
	return true
}

// Release implements [Resource].
func (t *Timer) Release(PID, error) { t.cancel() }

func (t *Timer) cancel() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return false
	}
	t.done = true
	t.timer.Stop()
	return true
}
