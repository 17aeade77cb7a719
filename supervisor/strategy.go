package supervisor

// Strategy says which children are restarted when one of them has to be.
type Strategy uint8

const (
	// OneForOne restarts that child alone.
	OneForOne Strategy = iota
	// OneForAll stops all other children and starts all again.
	OneForAll
	// RestForOne stops the children that come after that one in start order, and starts
	// that one and them again.
	RestForOne
)

// String returns the strategy as OTP writes it.
func (s Strategy) String() string {
	return name(s, "one_for_one", "one_for_all", "rest_for_one")
}

// round is a round of restarts: the children to stop, and then those to start, in order.
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

// roundFrom stops the given child and all later ones that run, in reverse order, and
// starts them and those that had ended before, whose descriptions are still there
// (SUP-25). Temporary children are stopped for good (SUP-24), but not one that is
// restarting: it became Temporary when this restart was already due.
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

// oneForAll stops all and starts all (SUP-22). A retry does the same, so the children
// that had come up are stopped again (SUP-41).
func oneForAll(all *children) round { return roundFrom(all.first) }

// restForOne stops the children after the one that failed, and starts that one and them
// (SUP-23). In a retry the child that failed is the one that did not start: those before
// it stay up (SUP-41).
func restForOne(failed *child) round { return roundFrom(failed) }

// AutoShutdown says whether a supervisor ends when its significant children have ended.
// Only children count that end by themselves and are not restarted, not those
// that were stopped by a request or with a sibling. The supervisor's reason wraps
// [actor.Shutdown], so as a child of another supervisor it should not be Permanent.
type AutoShutdown uint8

const (
	never AutoShutdown = iota // the default: go on without them
	// AnySignificant ends with the first significant child.
	AnySignificant
	// AllSignificant ends with the last significant child.
	AllSignificant
)

// String returns the setting as OTP writes it.
func (a AutoShutdown) String() string {
	return name(a, "never", "any_significant", "all_significant")
}

// due reports whether a supervisor with this setting must end after one of its children
// has ended by itself for good (SUP-50, SUP-51).
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
