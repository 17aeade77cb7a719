package supervisor

// round is a round of restarts: whom to stop, and then whom to start, in order.
type round struct{ stop, start []*child }

// roundOf returns the round that a child that failed calls for.
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
