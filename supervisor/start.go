package supervisor

import (
	"errors"

	"github.com/troupe-go/troupe/actor"
)

var errNoPID = errors.New("Start returned no PID")

// start calls a child's Start function. A panic in it is an error (SUP-7).
func start(parent actor.Self, f func(actor.Self) (actor.PID, error)) (pid actor.PID, err error) {
	defer func() {
		if v := recover(); v != nil {
			pid, err = actor.PID{}, panicError(v)
		}
	}()
	pid, err = f(parent)
	if err != nil {
		return actor.PID{}, err
	}
	if pid.IsZero() {
		return pid, errNoPID
	}
	// The child is linked already if Start keeps its word. If it does not, its end
	// must not go unnoticed.
	return pid, parent.Link(pid)
}
