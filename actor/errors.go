package actor

//lint:file-ignore ST1012 exit reasons read as what they are: actor.Normal, actor.Killed

import (
	"errors"
	"fmt"
	"strconv"
)

// Exit reasons are errors. These are the ones with a meaning of their own; any
// other error is a crash.
var (
	// Normal is the reason of an actor that has done its work. A linked actor
	// that does not trap exits is not affected by it.
	Normal = errors.New("normal")

	// Stop, returned by a handler, ends the actor with reason Normal.
	Stop = Normal

	// Shutdown is the reason of an actor that was asked to end, usually by its
	// supervisor. An error that wraps Shutdown says more and counts the same.
	//
	// OTP: shutdown, {shutdown, Term}.
	Shutdown = errors.New("shutdown")

	// Kill, sent as an exit signal, ends its target whatever the target traps.
	// It is the one reason that does not travel on: links and monitors of the
	// victim see Killed.
	Kill = errors.New("kill")

	// Killed is the reason of an actor that was killed.
	Killed = errors.New("killed")

	// NoProc is the reason given where a link, a monitor or a call finds that the
	// actor has ended, or that there is none.
	//
	// OTP: noproc.
	NoProc = errors.New("not running")

	// Goexit is the reason of an actor whose handler called runtime.Goexit, as
	// t.FailNow does.
	Goexit = errors.New("handler called runtime.Goexit")

	// Ignore, returned by Init, makes the spawn fail without a fuss: the actor ends
	// with reason Normal and a supervisor keeps the child's spec but no process. An
	// error that wraps Ignore counts the same.
	//
	// OTP: ignore.
	Ignore = errors.New("ignore")
)

// Errors of this package. The functions that return them say in their error what was
// tried and with which actor; only sends return [ErrFull] and [NoProc] as they are.
var (
	// ErrClosed says that the system is shutting down and starts no more actors.
	ErrClosed = errors.New("the system is shut down")
	// ErrStartTimeout says that Init took longer than [StartTimeout] allows.
	ErrStartTimeout = errors.New("its Init took longer than StartTimeout allows")
	// ErrSelf says that an actor tried to wait for itself.
	ErrSelf = errors.New("an actor cannot wait for itself")
	// ErrFull says that a bounded mailbox refused a message.
	ErrFull = errors.New("mailbox full")
	// ErrNamed says that an actor has a name already.
	ErrNamed = errors.New("it has a name already")
	// ErrNotKept says that an actor keeps no log, or no statistics.
	ErrNotKept = errors.New("the actor was not told to keep it")

	errNoConstructor  = errors.New("the constructor is nil")
	errNoOption       = errors.New("an option is nil")
	errNoBehavior     = errors.New("the behavior is nil")
	errFailedWithNil  = errors.New("failed, with a nil error")
	errStashForgotten = fmt.Errorf("%d messages are stashed: %w", stashLimit, ErrFull)
)

// NameTakenError says that a name belongs to another actor.
//
// OTP: {error, {already_started, Pid}}.
type NameTakenError struct {
	Name   string
	Holder PID
}

func (e *NameTakenError) Error() string {
	return fmt.Sprintf("name %q is taken by %v", e.Name, e.Holder)
}

// CallError is the error of a [Call] that got no value. It wraps the cause:
//
//   - what the callee answered with Reply.Fail;
//   - the exit reason of the callee, if it ended meanwhile;
//   - [NoProc], if it had ended before;
//   - [ErrSelf], if it is the caller itself;
//   - [ErrFull], if its mailbox had no room;
//   - the error of the caller's context.
type CallError struct {
	To    PID
	Err   error
	Ended bool // the callee has ended meanwhile, and Err is its exit reason
}

func (e *CallError) Error() string {
	if e.Ended {
		return fmt.Sprintf("actor: call %s: it ended: %v", e.To.subject(), e.Err)
	}
	return fmt.Sprintf("actor: call %s: %v", e.To.subject(), e.Err)
}

// Unwrap returns the cause.
func (e *CallError) Unwrap() error { return e.Err }

// callError returns the error of a call that failed with err.
func callError(to PID, err error) *CallError {
	if end, ok := err.(calleeEnd); ok {
		return &CallError{to, end.error, true}
	}
	return &CallError{To: to, Err: err}
}

// calleeEnd is how a call that waits hears of the exit reason of its callee.
type calleeEnd struct{ error }

// ShutdownError tells what did not stop in time.
type ShutdownError struct {
	Killed    []PID // killed, and then ended
	Abandoned []PID // killed, and a handler still runs
}

func (e *ShutdownError) Error() string {
	text := "actor: shut down: "
	if n := len(e.Killed); n > 0 {
		text += fmt.Sprintf("%d killed: %s", n, subjects(e.Killed))
	}
	if n := len(e.Abandoned); n > 0 {
		if len(e.Killed) > 0 {
			text += "; "
		}
		text += fmt.Sprintf("%d stuck in a handler: %s", n, subjects(e.Abandoned))
	}
	return text
}

// subjects returns the first of many actors as text.
func subjects(pids []PID) string {
	const most = 16
	text := ""
	for i, p := range pids {
		if i == most {
			return fmt.Sprintf("%s and %d more", text, len(pids)-most)
		}
		if i > 0 {
			text += ", "
		}
		text += p.subject()
	}
	return text
}

// subject returns what an error calls the actor: its name, or its PID if it has none,
// with its label if it has one.
func (p PID) subject() string {
	if p.p == nil {
		return "nobody"
	}
	if name := p.quoted(); name != "" {
		return name
	}
	if label := p.Label(); label != "" {
		return fmt.Sprintf("%v (%s)", p, label)
	}
	return p.String()
}

// quoted returns the actor's name as an error says it, or "" if it has none.
func (p PID) quoted() string {
	if name := p.Name(); name != "" {
		return strconv.Quote(name)
	}
	return ""
}
