package actor

//lint:file-ignore ST1012 exit reasons read as what they are: actor.Normal, actor.Killed

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Exit reasons are errors. These are the ones with a meaning of their own; any
// other error is a crash.
var (
	// Normal is the reason of an actor that has done its work. A linked actor
	// that does not trap exits is not affected by it.
	Normal = errors.New("normal")

	// Stop, returned by a handler, ends the actor with reason Normal.
	Stop = Normal

	// Shutdown is the reason of an actor that was asked to end, by its supervisor
	// as a rule. An error that wraps Shutdown says more and counts the same, as
	// {shutdown, Term} does in OTP.
	Shutdown = errors.New("shutdown")

	// Kill, sent as an exit signal, ends its target whatever the target traps.
	// It is the one reason that does not travel on: links and monitors of the
	// victim see Killed.
	Kill = errors.New("kill")

	// Killed is the reason of an actor that was killed.
	Killed = errors.New("killed")

	// NoProc is the reason given where a link, a monitor or a call finds nobody.
	NoProc = errors.New("no such process")

	// Goexit is the reason of an actor whose handler called runtime.Goexit, which
	// t.FailNow does, for one.
	Goexit = errors.New("handler called runtime.Goexit")
)

// Ignore, returned by Init, makes the spawn fail without a fuss: the actor ends
// with reason Normal and a supervisor keeps the child's spec but no process. It
// is OTP's ignore.
var Ignore = errors.New("ignore")

// IsClean reports whether reason is an orderly end: Normal, Shutdown or an error
// that wraps Shutdown. Everything else is a crash: it is logged, and it restarts
// a transient child.
func IsClean(reason error) bool {
	if reason == Normal {
		return true
	}
	// A panic stays a crash, even with Shutdown as its value.
	if _, ok := reason.(*PanicError); ok {
		return false
	}
	return errors.Is(reason, Shutdown)
}

// PanicError is the exit reason of an actor whose handler panicked.
type PanicError struct {
	Value any   // what the handler panicked with
	Stack Stack // where it did
}

func newPanicError(value any) *PanicError {
	var pcs [64]uintptr
	// Skip runtime.Callers, newPanicError, the deferred function and the panic
	// machinery; what is left of the latter, Stack leaves out.
	n := runtime.Callers(3, pcs[:])
	return &PanicError{Value: value, Stack: append(Stack(nil), pcs[:n]...)}
}

func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Stack is a call stack, innermost call first. Taking one is cheap; the names
// are looked up when it is printed.
type Stack []uintptr

// String returns the stack in lines of function, file and line.
func (s Stack) String() string {
	var b strings.Builder
	frames := runtime.CallersFrames(s)
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			fmt.Fprintf(&b, "%s\n\t%s:%d\n", f.Function, f.File, f.Line)
		}
		if !more {
			return b.String()
		}
	}
}

// reasonOrNormal maps nil, which is no reason, to Normal.
func reasonOrNormal(reason error) error {
	if reason == nil {
		return Normal
	}
	return reason
}
