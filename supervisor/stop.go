package supervisor

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// killGrace is how long the running handler of a killed child has to return before
// the child is abandoned.
const killGrace = time.Second

// victim is a child that must end.
type victim struct {
	pid   actor.PID
	limit Shutdown
}

// stopAll tells all victims to end at once and waits until they have ended. It kills each
// one when its own limit has passed, and abandons those that do not end even then (SUP-13,
// GO-3). It sorts the list. It waits for the ends themselves and not for exit signals, so a victim that has
// unlinked itself cannot hang it (SUP-14).
//
// It reports false if it was cut short because the supervisor itself was killed. The
// links then end the victims.
func stopAll(self actor.Self, victims []victim) bool {
	slices.SortFunc(victims, func(a, b victim) int { return cmp.Compare(a.limit, b.limit) })
	pids := make([]actor.PID, len(victims))
	for i, v := range victims {
		pids[i] = v.pid
	}
	var stops sync.WaitGroup
	for len(victims) > 0 { // those with the same limit are stopped together
		limit, n := victims[0].limit, 1
		for n < len(victims) && victims[n].limit == limit {
			n++
		}
		group := pids[:n]
		if victims, pids = victims[n:], pids[n:]; len(victims) == 0 {
			stopGroup(self, group, limit)
		} else {
			stops.Go(func() { stopGroup(self, group, limit) })
		}
	}
	stops.Wait()
	return self.PID().Alive()
}

// stopGroup is stopAll for victims with the same limit.
func stopGroup(self actor.Self, pids []actor.PID, limit Shutdown) {
	switch limit {
	case BrutalKill:
		actor.StopAll(self, pids, actor.Kill, killGrace)
	case Infinity:
		actor.StopAll(self, pids, actor.Shutdown, killGrace)
	default:
		ctx, cancel := context.WithTimeout(self, time.Duration(limit))
		defer cancel()
		actor.StopAll(ctx, pids, actor.Shutdown, killGrace)
	}
}

// expected reports whether the child has come to the end that a stop was to bring about.
// Any other end is reported (SUP-15).
func (c Child) expected(pid actor.PID) bool {
	reason := pid.Err()
	if _, byItself := reason.(*ending); byItself || reason == actor.Shutdown {
		return true
	}
	if c.Shutdown == BrutalKill && reason == actor.Killed {
		return true
	}
	return c.Restart != Permanent && !pid.Crashed()
}
