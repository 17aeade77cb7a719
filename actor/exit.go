package actor

//lint:file-ignore ST1012 exit reasons read as what they are: actor.Normal, actor.Killed

import "errors"

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
// with reason Normal and a supervisor keeps the child's spec but no process. An error
// that wraps Ignore counts the same.
//
// OTP: ignore.
var Ignore = errors.New("ignore")

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
