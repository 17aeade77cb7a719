package actor

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
