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
	due   time.Time
	done  bool // fired, or stopped
}

// SendAfter sends m to the actor not before d has passed. The message takes its
// place at the end of the mailbox, even if d is 0. The timer is dropped when the
// actor ends.
func (r Ref[M]) SendAfter(d time.Duration, m M) *Timer {
	return startTimer(r.PID(), d, func() bool { return r.TrySend(m) != ErrFull }, func() { r.Send(m) }, nil)
}

// SendAt is SendAfter for a moment in place of a delay: m is sent at once if the moment has
// passed. What the clock on the wall does later changes nothing.
//
// OTP: erlang:send_after/4 with {abs, true}.
func (r Ref[M]) SendAt(t time.Time, m M) *Timer { return r.SendAfter(time.Until(t), m) }

// SendEvery sends m to the actor each time d has passed, until the timer is
// stopped or the actor ends. It does not drift: the n-th message is due n·d after
// the start, and a slow actor gets them all. It panics if d is not positive.
func (r Ref[M]) SendEvery(d time.Duration, m M) *Timer {
	if d <= 0 {
		panic("actor: SendEvery: the interval must be positive")
	}
	due := time.Now().Add(d)
	again := func() time.Duration {
		due = due.Add(d)
		return max(time.Until(due), 1)
	}
	return startTimer(r.PID(), d, func() bool { return r.TrySend(m) != ErrFull }, func() { r.Send(m) }, again)
}

// startTimer returns a timer that fires after d, and, if again is not nil, over
// and over, each time after what again returns. To fire is to call try and, if it
// says that there is no room, wait.
func startTimer(owner PID, d time.Duration, try func() bool, wait func(), again func() time.Duration) *Timer {
	t := &Timer{owner: owner}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done = !t.owner.Own(t); t.done {
		return t
	}
	t.due = time.Now().Add(d)
	t.timer = time.AfterFunc(d, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.done {
			return
		}
		t.done = again == nil
		if !try() {
			// The actor that makes room may be waiting for the lock, in Stop.
			t.mu.Unlock()
			wait()
			t.mu.Lock()
		}
		switch {
		case again == nil:
			t.owner.Disown(t)
		case !t.done: // not stopped meanwhile
			d := again()
			t.due = time.Now().Add(d)
			t.timer.Reset(d)
		}
	})
	return t
}

// Left returns how long it is until the message, or the next one of many, is sent. It
// reports false if none will be: it has been sent, or the timer was stopped, or the actor
// has ended.
//
// OTP: erlang:read_timer/1.
func (t *Timer) Left() (time.Duration, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.done {
		return 0, false
	}
	return max(time.Until(t.due), 0), true
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
