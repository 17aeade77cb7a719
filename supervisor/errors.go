package supervisor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/actor"
)

// Errors of the requests to a supervisor. They are wrapped with what was to be done.
var (
	// ErrNotFound says that the supervisor has no such child.
	ErrNotFound = errors.New("no such child")
	// ErrRunning says that the child runs and can be neither restarted nor deleted.
	ErrRunning = errors.New("child is running")
	// ErrRestarting says that the child is between two attempts to restart it.
	// Terminating it ends the attempts.
	ErrRestarting = errors.New("child is restarting")
	// ErrAlreadyPresent says that there is a child with that ID, which does not run.
	//
	// OTP: already_present.
	ErrAlreadyPresent = errors.New("child is already present")
	// ErrMaxChildren says that a dynamic supervisor has as many children as it may
	// have.
	//
	// Elixir: :max_children.
	ErrMaxChildren = errors.New("maximum of children reached")
)

// AlreadyStartedError says that a child with that ID runs.
//
// OTP: {already_started, Pid}.
type AlreadyStartedError struct {
	ID  string
	PID actor.PID
}

func (e *AlreadyStartedError) Error() string {
	return fmt.Sprintf("already started: %v", e.PID)
}

// StuckError says that a supervisor has stopped, but that the handlers of some actors
// below it have not returned and still run.
type StuckError struct {
	Supervisor actor.PID
	Actors     []actor.PID // they have been abandoned; see [actor.PID.Abandon]
}

func (e *StuckError) Error() string {
	stuck := make([]string, len(e.Actors))
	for i, pid := range e.Actors {
		stuck[i] = subject(pid)
	}
	return fmt.Sprintf("supervisor: stop %s: stuck in a handler: %s", subject(e.Supervisor), strings.Join(stuck, ", "))
}

// SpecError says what is wrong with a [Spec], a [DynamicSpec] or a [Child].
type SpecError struct {
	Child   string // ID of the child, "" if it has none or the fault is in no child
	Field   string // name of the field
	Problem string // what is wrong with its value
}

func (e *SpecError) Error() string {
	if e.Child == "" {
		return fmt.Sprintf("bad spec: %s %s", e.Field, e.Problem)
	}
	return fmt.Sprintf("bad spec of child %q: %s %s", e.Child, e.Field, e.Problem)
}

// subject returns what a text calls an actor: its name, or its PID if it has none.
func subject(pid actor.PID) string {
	if name := pid.Name(); name != "" {
		return strconv.Quote(name)
	}
	return pid.String()
}
