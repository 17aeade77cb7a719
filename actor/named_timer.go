package actor

import "time"

// SetTimer sends m to this actor after d, under a name: a timer that is set again
// replaces the one before, which then never delivers, not even if its message
// waits in the mailbox already. The timer is dropped when the actor ends.
func (c *Context[M]) SetTimer(name string, d time.Duration, m M) {
	cell := c.cell()
	x := cell.more()
	c.CancelTimer(name)
	t := &namedTimer[M]{name: name, message: m}
	fire := func() bool {
		cell.mark(timerSignal{func() error { return cell.handleTimer(t) }})
		return true
	}
	t.timer = startTimer(c.PID(), d, fire, nil, nil)
	if x.timers == nil {
		x.timers = make(map[string]*namedTimer[M])
	}
	x.timers[name] = t
}

// CancelTimer takes down the timer of that name. Its message will not be
// delivered. It reports whether there was one that had not delivered.
func (c *Context[M]) CancelTimer(name string) bool {
	x := c.cell().more()
	t, ok := x.timers[name]
	if ok {
		t.timer.Stop()
		delete(x.timers, name)
	}
	return ok
}

type namedTimer[M any] struct {
	name    string
	message M
	timer   *Timer
}

// timerSignal is a named timer that has fired.
type timerSignal struct{ handle func() error }

func (timerSignal) isSignal() {}

// handleTimer delivers the message of a named timer, if it is still in force.
func (c *cell[M]) handleTimer(t *namedTimer[M]) error {
	x := c.more()
	if x.timers[t.name] != t {
		return nil
	}
	delete(x.timers, t.name)
	return c.receive(t.message)
}
