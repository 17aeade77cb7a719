package actor

import (
	"context"
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
	if t.done = !t.owner.Own((*ownedTimer)(t)); t.done {
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
			t.owner.Disown((*ownedTimer)(t))
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
	t.owner.Disown((*ownedTimer)(t))
	return true
}

// ownedTimer is a Timer as a [Resource], which is no business of its users. A pointer to it
// is one to the Timer, so that to own a timer allocates nothing.
type ownedTimer Timer

func (t *ownedTimer) Release(PID, error) { (*Timer)(t).cancel() }

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

// SendAfter sends m to this actor after d. See [Ref.SendAfter]. What the message in hand
// brought along goes with m, as an [Instrument] has it.
func (c *Context[M]) SendAfter(d time.Duration, m M) *Timer {
	cell, carries := c.cell(), c.PID().carry(c, "Timer")
	try := func() bool { return cell.trySend(m, carries) != ErrFull }
	wait := func() {
		if cell.send(context.Background(), m, carries) == ErrFull {
			deadLetter(&cell.process, m, ErrFull)
		}
	}
	return startTimer(c.PID(), d, try, wait, nil)
}

// SendEvery sends m to this actor every d. See [Ref.SendEvery]. These messages bring nothing
// along.
func (c *Context[M]) SendEvery(d time.Duration, m M) *Timer { return c.Self().SendEvery(d, m) }

// After has f run by this actor when d has passed, in its place among the
// messages: it is never run beside another handler, and what f returns means
// what it means for [Behavior]'s Receive. The timer is dropped when the actor
// ends. It is for behaviors that are made for others to build on, whose message
// type is not theirs to extend; others send themselves a message, with SendAfter.
//
// Once the timer's Stop has returned false, f may still wait among the messages. After panics
// if f is nil.
func (c *Context[M]) After(d time.Duration, f func(*Context[M]) error) *Timer {
	if f == nil {
		panic("actor: After: f is nil")
	}
	cell := c.cell()
	s := &afterTimer[M]{f, c.PID().carry(c, "Timer")}
	return startTimer(c.PID(), d, func() bool { cell.mark(s); return true }, nil, nil)
}

// afterTimer is the signal of a timer of After.
type afterTimer[M any] struct {
	f       func(*Context[M]) error
	carries *carried
}

func (*afterTimer[M]) isSignal() {}

func (c *cell[M]) handleAfter(t *afterTimer[M], h *hand[M]) *doom {
	c.notIdle()
	if !c.isWatched(h, t.carries) {
		return ending(t.f(c.self()))
	}
	what := handling{name: "After", traced: TraceTimeout, carries: t.carries}
	return c.watched(h, what, func() error { return t.f(c.self()) })
}

// SetTimer sends m to this actor after d, under a name: a timer that is set again
// replaces the one before, which then never delivers, not even if its message
// waits in the mailbox already. The timer is dropped when the actor ends.
func (c *Context[M]) SetTimer(name string, d time.Duration, m M) {
	cell := c.cell()
	x := cell.makeRare()
	c.CancelTimer(name)
	t := &namedTimer[M]{name: name, message: m, carries: c.PID().carry(c, "Timer")}
	t.timer = startTimer(c.PID(), d, func() bool { cell.mark(t); return true }, nil, nil)
	if x.timers == nil {
		x.timers = make(map[string]*namedTimer[M])
	}
	x.timers[name] = t
}

// CancelTimer takes down the timer of that name. Its message will not be
// delivered. It reports whether there was one that had not delivered.
func (c *Context[M]) CancelTimer(name string) bool {
	x := c.cell().makeRare()
	t, ok := x.timers[name]
	if ok {
		t.timer.Stop()
		delete(x.timers, name)
	}
	return ok
}

// namedTimer is a timer of SetTimer, and the signal that it has fired.
type namedTimer[M any] struct {
	name    string
	message M
	carries *carried
	timer   *Timer
}

func (*namedTimer[M]) isSignal() {}

// handleTimer delivers the message of a named timer, if it is still in force.
func (c *cell[M]) handleTimer(t *namedTimer[M], h *hand[M]) *doom {
	x := c.makeRare()
	if x.timers[t.name] != t {
		return nil
	}
	delete(x.timers, t.name)
	return c.receive(h, t.message, t.carries)
}
