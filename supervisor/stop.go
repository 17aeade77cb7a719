package supervisor

import (
	"cmp"
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
// GO-3). It sorts the list. It waits for the ends themselves and not for exit signals, so
// a victim that has unlinked itself cannot hang it (SUP-14).
//
// It reports false if it was cut short because the supervisor itself was killed. The
// links then end the victims.
func stopAll(self actor.Self, victims []victim) bool {
	asked := victims
	slices.SortStableFunc(asked, func(a, b victim) int { return cmp.Compare(a.limit, b.limit) })
	var killed []victim // limit is the time of their abandonment
	begin := time.Now()
	kill := func(v victim) {
		self.Exit(v.pid, actor.Kill)
		v.limit = Shutdown(time.Since(begin) + killGrace)
		killed = append(killed, v)
	}
	for len(asked) > 0 && asked[0].limit == BrutalKill {
		kill(asked[0])
		asked = asked[1:]
	}
	for _, v := range asked {
		self.Exit(v.pid, actor.Shutdown)
	}

	// Both lists are in order of their limits: the head of one of them is next.
	w := waiter{self: self, begin: begin}
	defer w.stop()
	var abandons sync.WaitGroup // each may wait for a Release, but not for one another
	for len(asked) > 0 || len(killed) > 0 {
		if len(killed) == 0 || len(asked) > 0 && asked[0].limit < killed[0].limit {
			v := asked[0]
			asked = asked[1:]
			switch w.wait(v) {
			case timeout:
				kill(v)
			case doomed:
				return false
			}
			continue
		}
		v := killed[0]
		killed = killed[1:]
		switch w.wait(v) {
		case timeout:
			abandons.Go(func() { v.pid.Abandon() }) // does nothing if it has ended by now
		case doomed:
			return false
		}
	}
	abandons.Wait()
	return true
}

// waiter waits for one victim after the other with one timer.
type waiter struct {
	self  actor.Self
	begin time.Time
	timer *time.Timer
}

type outcome uint8

const (
	ended   outcome = iota
	timeout         // the victim's limit has passed
	doomed          // the waiter itself has been killed
)

func (w *waiter) wait(v victim) outcome {
	done := v.pid.Done()
	select {
	case <-done:
		return ended
	default:
	}
	select {
	case <-done:
		return ended
	case <-w.after(v.limit):
		return timeout
	case <-w.self.Done():
		return doomed
	}
}

func (w *waiter) after(limit Shutdown) <-chan time.Time {
	if limit == Infinity {
		return nil
	}
	left := time.Duration(limit) - time.Since(w.begin)
	if w.timer == nil {
		w.timer = time.NewTimer(left)
	} else {
		w.timer.Reset(left)
	}
	return w.timer.C
}

func (w *waiter) stop() {
	if w.timer != nil {
		w.timer.Stop()
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
