package actor

import (
	"sync"
	"time"
)

// IdleHandler is a [Behavior] that is told when nothing has come for as long as it
// said with [Context.IdleAfter].
type IdleHandler[M any] interface {
	HandleIdle(ctx *Context[M]) error
}

// IdleAfter has [IdleHandler] called when the actor has handled nothing for d, once
// until something comes; 0 turns it off. Messages and timers count, downs and exits,
// and requests like [PID.Inspect]. Unlike OTP's, it stays in force.
//
// OTP: gen_server's timeout.
func (c *Context[M]) IdleAfter(d time.Duration) {
	x := c.cell().makeRare()
	if x.idle != nil {
		PID{&c.process}.Disown(x.idle)
		x.idle.Release(PID{}, nil)
		x.idle = nil
	}
	if d > 0 {
		x.idle = startIdle(&c.process, d)
	}
}

// idleTimer measures the time since something was handled. That only notes the
// time; the timer is set anew when it fires and finds that there was something.
type idleTimer struct {
	d    time.Duration
	last time.Time // when something was handled; only the runner touches it
	told bool      // that the actor is idle, since then; only the runner touches it

	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

type idleSignal struct{ t *idleTimer }

func (idleSignal) isSignal() {}

func startIdle(p *process, d time.Duration) *idleTimer {
	t := &idleTimer{d: d, last: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if (PID{p}).Own(t) {
		t.timer = time.AfterFunc(d, func() { p.typed.mark(idleSignal{t}) })
	}
	return t
}

// notIdle notes that the actor is about to handle something.
func (c *cell[M]) notIdle() {
	if c.rare != nil && c.rare.idle != nil {
		c.rare.idle.touch()
	}
}

func (t *idleTimer) touch() {
	t.last = time.Now()
	if t.told {
		t.told = false
		t.reset(t.d)
	}
}

// due reports whether the actor has been idle for long enough. If not, the timer
// is set for the rest.
func (t *idleTimer) due() bool {
	if left := t.d - time.Since(t.last); left > 0 {
		t.reset(left)
		return false
	}
	t.told = true
	return true
}

func (t *idleTimer) reset(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stopped && t.timer != nil {
		t.timer.Reset(d)
	}
}

// Release implements [Resource].
func (t *idleTimer) Release(PID, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopped = true
	if t.timer != nil {
		t.timer.Stop()
	}
}

// handleIdle handles the signal of an idle timer.
func (c *cell[M]) handleIdle(s idleSignal, hand *hand[M]) *doom {
	if c.rare == nil || c.rare.idle != s.t || !s.t.due() {
		return nil
	}
	if h, ok := c.behavior.(IdleHandler[M]); ok {
		if c.isWatched(hand, nil) {
			what := handling{name: "HandleIdle", traced: TraceTimeout}
			return c.watched(hand, what, func() error { return h.HandleIdle(c.self()) })
		}
		return ending(h.HandleIdle(c.self()))
	}
	return nil
}
