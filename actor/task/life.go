package task

import (
	"context"
	"sync"

	"github.com/troupe-go/troupe/actor"
)

// life is what a task is apart from the type of its result.
type life struct {
	owner  actor.PID       // the actor that started it; zero: code outside of actors did
	link   actor.Self      // the owner, if the task is linked to it
	caller context.Context // of the code that started it: its end is the task's
	values context.Context // that the caller's context had then
	told   func()          // if not nil, called when the task ends, before anybody else is told
	unhook func() bool     // takes the watch on the caller's context down

	mu      sync.Mutex
	pid     actor.PID // zero until it has been spawned
	phase   phase
	untied  bool            // untie has been called
	ready   bool            // to be started by Start
	cut     bool            // the link must not be, or stay
	self    context.Context // its actor's, from the begin of the function to the actor's end
	reason  error           // once it has failed
	changed chan struct{}   // if not nil, closed when pid or self is set
}

// phase is how far a task has come. The last two are final: what has been said of
// a task stays true.
type phase uint8

const (
	waiting   phase = iota // to be spawned, or to run
	running                // the function runs
	returned               // it returned an error or panicked: its actor is about to end
	succeeded              // it returned a value
	failed                 // it will not give a value, though it may still run
)

// identity returns the task's actor, or zero if there is none yet.
func (l *life) identity() actor.PID {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.pid
}

// claim reports whether the caller may start the task: nobody else has.
func (l *life) claim() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ok := l.ready && l.phase == waiting
	l.ready = false
	return ok
}

// settle makes a task that has no outcome yet fail with the given reason.
func (l *life) settle(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail(reason)
}

// fail is settle, called with mu held.
func (l *life) fail(reason error) {
	if l.phase < succeeded {
		l.phase, l.reason = failed, reason
		l.signal()
	}
}

// close notes that the actor ends.
func (l *life) close(reason error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail(reason)
	l.self = nil
}

// stop ends the task with a clean reason. A function that has not begun will not,
// and the actor ends when it gets there: to doom it now would make its one message
// a dead letter.
func (l *life) stop(reason error) {
	l.mu.Lock()
	pid, begun := l.pid, l.phase != waiting
	if !begun {
		l.phase, l.reason = failed, reason
		l.signal()
	}
	l.mu.Unlock()
	if begun {
		pid.Exit(reason)
	}
}

// signal wakes what waits for a change. It is called with mu held.
func (l *life) signal() {
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// born notes the task's actor and ties it to its caller. The function begins
// after that.
func (l *life) born(pid actor.PID) {
	l.mu.Lock()
	l.pid = pid
	l.signal()
	l.mu.Unlock()
	switch {
	case !l.owner.IsZero():
		if !l.owner.Own((*callerTie)(l)) {
			l.stop(callerEnded(actor.NoProc))
		}
	case l.caller != nil && l.caller.Done() != nil: // a job has no caller
		l.unhook = context.AfterFunc(l.caller, func() { l.stop(callerEnded(context.Cause(l.caller))) })
	}
	if !pid.Own((*end)(l)) {
		(*end)(l).Release(pid, pid.Err()) // killed already
	}
}

// begin notes that the function is about to run. It returns the reason to end with
// if it must not.
func (l *life) begin(self context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.phase != waiting {
		return l.reason
	}
	l.phase, l.self = running, self
	l.signal()
	return nil
}

// leave notes that the function has returned. Self stays: the actor still has to
// judge the error that it returned, whose methods may be as stuck as a function.
func (l *life) leave() {
	l.mu.Lock()
	if l.phase == running {
		l.phase = returned
	}
	l.mu.Unlock()
	l.untie()
}

// untie takes down what born has tied. It is called when the function returns. Release
// calls it, too, for a task whose function never ran; the second call does nothing, so
// that the work is not done where the stack is deep and would have to grow.
func (l *life) untie() {
	l.mu.Lock()
	again := l.untied
	l.untied = true
	l.mu.Unlock()
	if again {
		return
	}
	l.owner.Disown((*callerTie)(l))
	if l.unhook != nil {
		l.unhook()
	}
}

// callerTie is a life as a resource of the owner: it ends the task when the owner has
// ended, also without a link and for the reason Normal. See body.
type callerTie life

// Release implements [actor.Resource].
func (c *callerTie) Release(_ actor.PID, reason error) {
	l := (*life)(c)
	if l.link != nil && (reason != actor.Normal || !l.linked()) {
		return // the link carries the reason itself, unless it has been taken down
	}
	l.stop(callerEnded(reason))
}

// end is a life as a resource of the task's actor: it tidies up after the task. See body.
type end life

// Release implements [actor.Resource].
func (e *end) Release(_ actor.PID, reason error) {
	l := (*life)(e)
	l.untie()
	l.close(reason)
	if l.told != nil {
		l.told()
	}
}
