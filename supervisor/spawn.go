package supervisor

import (
	"errors"

	"github.com/troupe-go/troupe/actor"
)

var errNoPID = errors.New("Start returned no PID")

// startFailure is why a child did not start. What the supervisor has to know of it is
// found out where Start runs, because the methods of the error are a user's.
type startFailure struct {
	error
	ignored bool        // the child did not want to start
	closed  bool        // the system shuts down
	stack   actor.Stack // of the panic that it was, if it was one
	logged  bool        // package actor has logged it as a crash
}

func (f *startFailure) Unwrap() error { return f.error }

// ignored reports whether err, of start, says that the child did not want to start.
func ignored(err error) bool {
	f, ok := err.(*startFailure)
	return ok && f.ignored
}

// closed reports whether err, of start, says that the system shuts down: it will stop
// the supervisor, too.
func closed(err error) bool {
	f, ok := err.(*startFailure)
	return ok && f.closed
}

// bareError is an error of package actor without its context: the supervisor says which
// child did not start, or what did not stop.
type bareError struct {
	error
	logged bool
}

func (f *bareError) Unwrap() error { return f.error }

// Logged implements [logged].
func (f *bareError) Logged() bool { return f.logged }

// logged is an error that may have its record in the log: package actor's of a spawn.
type logged interface {
	error
	Logged() bool
}

func isLogged(err error) bool {
	l, ok := errors.AsType[logged](err)
	return ok && l.Logged()
}

// spawned returns what a Start function returns that has spawned an actor.
func spawned[M any](ref actor.Ref[M], err error) (actor.PID, error) {
	return ref.PID(), bare(err)
}

// bare returns an error of package actor without its context, or nil.
func bare(err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		return &bareError{cause, isLogged(err)}
	}
	return err
}

// start calls a child's Start function, behind a guard: whatever it does is a failure of
// this child alone (SUP-7). The wait for it ends with the supervisor's doom. The error is
// a *startFailure.
func start(parent actor.Self, f func(actor.Self) (actor.PID, error)) (actor.PID, error) {
	a := attempt{parent: parent, start: f}
	err := actor.Guard(parent, a.run)
	switch {
	case err == nil:
		return a.pid, nil
	case !parent.PID().Alive(): // the attempt may go on
		return actor.PID{}, &startFailure{error: err}
	}
	failure := a.failure
	if failure == nil { // Start has not returned
		failure = &startFailure{}
		if p, ok := err.(*actor.PanicError); ok {
			failure.stack = p.Stack
		}
	}
	failure.error = err
	return actor.PID{}, failure
}

// isCutShort reports whether the supervisor was killed while it was at work. What has come
// of that then is its own end and not the failure of a child, nor is a stop over that it
// waited for. So it neither reports nor answers that: its callers hear that it has ended.
func isCutShort(self actor.Self) bool { return !self.PID().Alive() }

// attempt is one call of a Start function.
type attempt struct {
	parent  actor.Self
	start   func(actor.Self) (actor.PID, error)
	pid     actor.PID
	failure *startFailure // of a Start that has returned
}

func (a *attempt) run() error {
	pid, err := a.start(a.parent)
	if err == nil {
		a.pid = pid
		err = a.link(pid)
	}
	if err != nil {
		a.failure = judge(err)
	}
	return err
}

// judge finds out about an error that Start has returned. If it is a panic, that was one
// of an actor which did not start, or of an actor below that.
func judge(err error) *startFailure {
	f := &startFailure{ignored: errors.Is(err, actor.Ignore), closed: errors.Is(err, actor.ErrClosed)}
	if below, ok := errors.AsType[*startFailure](err); ok {
		f.stack, f.logged = below.stack, below.logged
		return f
	}
	if p, ok := errors.AsType[*actor.PanicError](err); ok {
		f.stack = p.Stack
	}
	f.logged = isLogged(err)
	return f
}

// link makes sure that the child is linked. It is already if Start keeps its word; if
// it does not, its end must not go unnoticed.
func (a *attempt) link(pid actor.PID) error {
	if pid.IsZero() {
		return errNoPID
	}
	err := a.parent.Link(pid)
	if err != nil {
		pid.Exit(actor.Kill) // the supervisor has ended meanwhile, and nothing would stop the child
	}
	return err
}
