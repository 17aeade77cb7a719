package actor

import (
	"fmt"
	"reflect"
	"sync/atomic"
)

// doom is the reason that an actor will end with, and the verdict on it. The methods of
// a reason are users' code: they are called here, once, on the goroutine that gives the
// reason, where a failure of theirs costs the giver alone. The verdict then travels with
// the reason.
//
// One without a reason is a probe of a watchdog, and says nothing: the runner takes it
// away before it handles the next message, so that a probe that is still there tells
// of a handler that has been running since. The runner has to look at doom anyway.
type doom struct {
	reason error
	clean  bool // see IsClean
	ignore bool // the reason is or wraps Ignore
	// asked says that a method of the reason had to be asked for the verdict, so that
	// nobody else should.
	asked bool

	// logged says that the failure has its record in the log. All that end of one failure,
	// over links, share its doom: so the first of them that is logged speaks for all.
	logged atomic.Bool
}

// The dooms of most actors. They are shared, and so they must be clean.
var (
	doomNormal   = &doom{reason: Normal, clean: true}
	doomShutdown = &doom{reason: Shutdown, clean: true}
)

// killed returns the doom of one kill.
func killed() *doom { return &doom{reason: Killed} }

// claimRecord reports, to the first caller, that d is a failure which it has to log.
func (d *doom) claimRecord() bool { return !d.clean && d.logged.CompareAndSwap(false, true) }

// judge makes the doom of a reason. A reason whose methods panic is replaced by a
// [*ReasonError] that says so.
func judge(reason error) *doom {
	switch reason {
	case Normal:
		return doomNormal
	case Shutdown:
		return doomShutdown
	}
	d := &doom{reason: reason}
	if reflect.TypeOf(reason) != errorString {
		d.ask()
	} else {
		d.ignore = reason == Ignore
	}
	return d
}

// judgePanic is judge for a panic that has just been recovered from: it calls nothing.
func judgePanic(e *PanicError) *doom { return &doom{reason: e} }

// ending is judge for what a handler returned: nil is no reason to end.
func ending(err error) *doom {
	if err == nil {
		return nil
	}
	return judge(err)
}

// isPanic reports whether a handler did not return.
func (d *doom) isPanic() bool {
	_, ok := d.reason.(*PanicError)
	return ok || d.reason == Goexit
}

func (d *doom) ask() {
	defer func() {
		if v := recover(); v != nil {
			*d = doom{reason: newReasonError(d.reason, v)}
		}
	}()
	_ = d.reason.Error()
	d.clean = wraps(d.reason, Shutdown)
	d.ignore = wraps(d.reason, Ignore)
	d.asked = asks(d.reason)
}

// asks reports whether wraps calls a method of a type that is not Go's own.
func asks(err error) bool {
	for reflect.TypeOf(err) == wrapError {
		if err = err.(interface{ Unwrap() error }).Unwrap(); err == nil {
			return false
		}
	}
	switch err.(type) {
	case *PanicError:
		return false
	case interface{ Is(error) bool }, interface{ Unwrap() error }, interface{ Unwrap() []error }:
		return true
	}
	return false
}

// is reports whether an actor that ended with d did what one wanted that asked for
// other: the reason is the same, exactly. Reasons that cannot be compared are the same
// if it is the very doom.
func (d *doom) is(other *doom) bool {
	if d == other {
		return true
	}
	t := reflect.TypeOf(d.reason)
	return t == reflect.TypeOf(other.reason) && t.Comparable() && reflect.ValueOf(d.reason).Comparable() && d.reason == other.reason
}

func (d *doom) isProbe() bool { return d.reason == nil }

// verdict returns what an [Exit] or [Down] takes along: nothing if its reason can be
// judged again by anybody, so that those with plain reasons can be compared.
func (d *doom) verdict() *doom {
	if d.asked {
		return d
	}
	return nil
}

// crashed is the common part of the Crashed methods.
func crashed(verdict *doom, reason error) bool {
	if verdict != nil {
		return !verdict.clean
	}
	return !IsClean(reason)
}

// ReasonError stands in for an exit reason, or another error, that cannot be used,
// because one of its methods panicked: most often a nil pointer that was returned as an
// error. As a reason it counts as a crash.
type ReasonError struct {
	Type  string // of the reason
	Nil   bool   // it was a nil pointer
	Panic *PanicError
}

func newReasonError(reason error, panicked any) *ReasonError {
	v := reflect.ValueOf(reason)
	return &ReasonError{
		Type:  v.Type().String(),
		Nil:   v.Kind() == reflect.Pointer && v.IsNil(),
		Panic: Recovered(panicked),
	}
}

func (e *ReasonError) Error() string {
	if e.Nil {
		return fmt.Sprintf("a nil %s as an error: %v", e.Type, e.Panic)
	}
	return fmt.Sprintf("an error of type %s whose methods fail: %v", e.Type, e.Panic)
}

// Unwrap returns the panic.
func (e *ReasonError) Unwrap() error { return e.Panic }

// vet returns err, or a [*ReasonError] in its place if its methods panic.
func vet(err error) error {
	if err == nil {
		return nil
	}
	return judge(err).reason
}

// IsClean reports whether reason is an orderly end: Normal, Shutdown or an error
// that wraps Shutdown. Everything else is a crash: it is logged, and it restarts
// a transient child. A panic is a crash whatever its value, and so is an error whose
// methods panic.
func IsClean(reason error) (clean bool) {
	switch reason {
	case Normal, Shutdown:
		return true
	}
	defer func() { _ = recover() }() // of a method of reason: not clean
	return wraps(reason, Shutdown)
}

// wraps is errors.Is for one of the variables above, except that it does not look
// into a panic. It calls methods of err.
func wraps(err, target error) bool {
	for err != nil && err != target {
		if _, panicked := err.(*PanicError); panicked {
			return false
		}
		if e, ok := err.(interface{ Is(error) bool }); ok && e.Is(target) {
			return true
		}
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			err = e.Unwrap()
		case interface{ Unwrap() []error }:
			for _, err := range e.Unwrap() {
				if wraps(err, target) {
					return true
				}
			}
			return false
		default:
			return false
		}
	}
	return err != nil
}

// reasonOrNormal maps nil, which is no reason, to Normal.
func reasonOrNormal(reason error) error {
	if reason == nil {
		return Normal
	}
	return reason
}
