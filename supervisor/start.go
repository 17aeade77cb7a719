package supervisor

import (
	"errors"

	"github.com/troupe-go/troupe/actor"
)

var errNoPID = errors.New("Start returned no PID")

// startFailure is why a child did not start. What the supervisor has to know of it is
// found out where Start runs, for the methods of the error are a user's.
type startFailure struct {
	error
	ignored bool // the child did not want to start
	closed  bool // the system shuts down
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

// start calls a child's Start function, behind a guard: whatever it does is a failure of
// this child alone (SUP-7). The wait for it ends with the supervisor's doom. The error is
// a *startFailure.
func start(parent actor.Self, f func(actor.Self) (actor.PID, error)) (actor.PID, error) {
	var pid actor.PID // may be read if Guard returns nil
	var failure startFailure
	err := actor.Guard(parent, func() (err error) {
		if pid, err = startLinked(parent, f); err != nil {
			failure.ignored = errors.Is(err, actor.Ignore)
			failure.closed = errors.Is(err, actor.ErrClosed)
		}
		return err
	})
	switch {
	case err == nil:
		return pid, nil
	case !parent.PID().Alive(): // failure may be in use
		return actor.PID{}, &startFailure{error: err}
	}
	failure.error = err
	return actor.PID{}, &failure
}

// startLinked makes sure that the child is linked. It is already if Start keeps its
// word; if it does not, its end must not go unnoticed.
func startLinked(parent actor.Self, f func(actor.Self) (actor.PID, error)) (actor.PID, error) {
	pid, err := f(parent)
	if err != nil {
		return actor.PID{}, err
	}
	if pid.IsZero() {
		return pid, errNoPID
	}
	if err := parent.Link(pid); err != nil {
		pid.Exit(actor.Kill) // the supervisor has ended meanwhile: the child is nobody's
		return actor.PID{}, err
	}
	return pid, nil
}
