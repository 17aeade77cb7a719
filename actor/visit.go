package actor

import (
	"sync/atomic"
	"time"
)

// visit is a call of an instrument in place, one after the other. Its timer sees to it that
// somebody goes on if the instrument hangs: of the runner and the timer, the one that takes
// the visit away from inside is the one that goes on.
//
// To set a timer takes longer than many a visit. So a runner lets it run until it ends: when it
// fires it finds nobody inside and stops, or a later visit, and comes back when that is due.
type visit struct {
	state atomic.Uint64 // when it began, in the system's time, and the flags below
	timer *time.Timer
	sys   *System
	by    *instrument
	of    *told
}

const (
	inside  = 1 << iota // the runner is in the instrument
	armed               // the timer runs, or its function has not come to its end
	overdue             // the runner has been replaced

	sinceShift = 3
)

// init must be called before the first visit.
func (v *visit) init(sys *System, of *told) {
	v.sys, v.of = sys, of
	v.timer = time.AfterFunc(time.Hour, v.due)
	v.timer.Stop()
}

// enter begins a visit at a time, of the system, and returns the state that it has now.
func (v *visit) enter(by *instrument, at time.Duration) uint64 {
	v.by = by
	state := uint64(at)<<sinceShift | armed | inside
	// Either the timer's function sees this, or it has disarmed the visit before.
	if v.state.Swap(state)&armed == 0 {
		v.timer.Reset(patience)
	}
	return state
}

// leave ends the visit for which enter has returned state. It reports whether the runner
// that has entered goes on. It must not otherwise.
func (v *visit) leave(state uint64) bool { return v.state.CompareAndSwap(state, armed) }

// rest stops the timer, or what is in a pool, and may be dropped there, would be kept alive.
func (v *visit) rest() {
	if v.timer.Stop() { // otherwise its function does the same
		v.state.Store(0)
	}
}

// due is the function of the timer. A state that has the time in it is that of one visit, so
// what is replaced here is the runner that has been inside since then.
func (v *visit) due() {
	for {
		state := v.state.Load()
		if state&inside == 0 {
			if v.state.CompareAndSwap(state, 0) {
				return
			}
			continue
		}
		since := time.Duration(state >> sinceShift)
		if left := patience - (v.sys.now() - since); left > 0 {
			v.timer.Reset(left)
			return
		}
		if v.state.CompareAndSwap(state, overdue) {
			v.of.hangs(v.by)
			return
		}
	}
}
