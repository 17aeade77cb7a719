package actor

import "time"

// After has f run by this actor when d has passed, in its place among the
// messages: it is never run beside another handler, and what f returns means
// what it means for [Behavior]'s Receive. The timer is dropped when the actor
// ends. It is for behaviors that are made for others to build on, whose message
// type is not theirs to extend; others send themselves a message, with SendAfter.
//
// Once the timer's Stop has returned false, f may still wait among the messages.
func (c *Context[M]) After(d time.Duration, f func(*Context[M]) error) *Timer {
	cell := c.cell()
	s := timerSignal{func() error {
		cell.notIdle()
		if cell.isDebugged() {
			return cell.handle(TraceTimeout, nil, func() error { return f(cell.self()) })
		}
		return f(cell.self())
	}}
	return startTimer(c.PID(), d, func() bool { cell.mark(s); return true }, nil, nil)
}
