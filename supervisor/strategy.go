package supervisor

// Strategy says who is restarted when a child has to be.
type Strategy uint8

const (
	// OneForOne restarts that child only.
	OneForOne Strategy = iota
	// OneForAll stops all other children, and starts all of them again.
	OneForAll
	// RestForOne stops the children that come after it in start order, and starts
	// it and them again.
	RestForOne
)

// String returns OTP's name of the strategy.
func (s Strategy) String() string {
	return name(s, "one_for_one", "one_for_all", "rest_for_one")
}

// round is a round of restarts: whom to stop, and then whom to start, in order.
type round struct{ stop, start []*child }

// round returns the round that the failure of a child calls for.
func (s Strategy) round(all *children, failed *child) round {
	switch s {
	case OneForAll:
		return oneForAll(all)
	case RestForOne:
		return restForOne(failed)
	}
	return oneForOne(failed)
}

// roundFrom stops the given child and all later ones that run, in reverse order,
// and starts them all, those included that had ended before: their descriptions
// are there (SUP-25). Temporary children are stopped for good (SUP-24); one that is
// restarting has become Temporary since, and this restart is still due.
func roundFrom(first *child) (r round) {
	last := first
	for c := first; c != nil; c = c.next {
		last = c
		if c.spec.Restart != Temporary || c.phase == restarting {
			r.start = append(r.start, c)
		}
	}
	for c := last; c != nil; c = c.prev {
		if c.phase == running {
			r.stop = append(r.stop, c)
		}
		if c == first {
			break
		}
	}
	return r
}

// oneForOne restarts the child that failed, in its old place (SUP-21).
func oneForOne(failed *child) round {
	return round{start: []*child{failed}}
}

// oneForAll stops all and starts all (SUP-22). A retry does the same, so what had
// come up is stopped again (SUP-41).
func oneForAll(all *children) round { return roundFrom(all.first) }

// restForOne stops what was started after the child that failed, and starts it
// and them (SUP-23). In a retry the child that failed is the one that did not
// start: those before it stay up (SUP-41).
func restForOne(failed *child) round { return roundFrom(failed) }

// AutoShutdown says whether a supervisor ends when its significant children have.
// Only children that end by themselves and are not restarted count, not those
// that were stopped by a request or with a sibling. The supervisor's reason is
// [actor.Shutdown], so its own supervisor should not hold it as Permanent.
type AutoShutdown uint8

const (
	never AutoShutdown = iota // the default: go on without them
	// AnySignificant ends with the first significant child.
	AnySignificant
	// AllSignificant ends with the last significant child.
	AllSignificant
)

// String returns OTP's name of the setting.
func (a AutoShutdown) String() string {
	return name(a, "never", "any_significant", "all_significant")
}

// due reports whether a supervisor with this setting must end now that one of its
// children has ended by itself for good (SUP-50, SUP-51).
func (a AutoShutdown) due(all *children, ended *child) bool {
	if a == never || !ended.spec.Significant {
		return false
	}
	if a == AllSignificant {
		for c := all.first; c != nil; c = c.next {
			if c.spec.Significant && c.phase != stopped {
				return false
			}
		}
	}
	return true
}
