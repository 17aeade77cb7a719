package actor

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// visit is a call of an instrument in place, one after the other. If the instrument hangs
// somebody else goes on: of the runner and visits, the one that takes the visit away from
// inside is the one that goes on.
type visit struct {
	state atomic.Uint64 // when it began, in the system's time, and the flags below; 0 for none
	in    *visits
	by    *instrument
}

const (
	inside  = 1 << iota // the runner is in the instrument
	overdue             // the runner has been replaced

	sinceShift = 2
)

// enter begins a visit at a time, of the system, and returns the state that it has now.
func (v *visit) enter(by *instrument, at time.Duration) uint64 {
	v.by = by
	state := uint64(at)<<sinceShift | inside
	v.state.Swap(state)
	// Either look sees this visit, or it has disarmed before and the visit sees that.
	if !v.in.armed.Load() {
		v.in.arm()
	}
	return state
}

// leave ends the visit for which enter has returned state. It reports whether the runner
// that has entered goes on. It must not otherwise.
func (v *visit) leave(state uint64) bool { return v.state.CompareAndSwap(state, 0) }

// abort is leave for a visit that has failed.
func (v *visit) abort() bool {
	state := v.state.Load()
	return state&inside != 0 && v.leave(state)
}

// takeOver ends a visit that has been inside for too long: the caller goes on in the place
// of its runner. Otherwise it returns how long it may still be, 0 if nobody is inside.
func (v *visit) takeOver(now time.Duration) (left time.Duration, over bool) {
	state := v.state.Load()
	if state&inside == 0 {
		return 0, false
	}
	// A state that has the time in it is that of one visit.
	if left = patience - (now - time.Duration(state>>sinceShift)); left > 0 {
		return left, false
	}
	return 0, v.state.CompareAndSwap(state, overdue)
}

// visits looks after those of a system. To set a timer takes longer than many a visit, and
// more of the stack than a runner has. So one timer serves them all: it is set by a visit
// that finds it unset, looks at all of them when it fires, and is set again if anybody is
// inside. So a system sets it once in five seconds, however much it tells of.
type visits struct {
	sys   *System
	armed atomic.Bool
	timer *time.Timer

	mu  sync.Mutex
	set bool                 // the timer is
	all []weak.Pointer[told] // those that the pool drops go
}

// init must be called before the first visit.
func (w *visits) init(sys *System) {
	w.sys = sys
	w.timer = time.AfterFunc(time.Hour, w.look)
	w.timer.Stop()
}

// add has w look after t.
func (w *visits) add(t *told) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, weak.Make(t))
}

// arm sets the timer for a visit that has just begun. If it is set, then for one that began
// before.
func (w *visits) arm() {
	if !w.armed.CompareAndSwap(false, true) {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.set {
		w.set = true
		w.timer.Reset(patience)
	}
}

// look is the function of the timer.
func (w *visits) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = false
	w.armed.Store(false)
	now, next := w.sys.now(), time.Duration(0)
	w.all = slices.DeleteFunc(w.all, func(p weak.Pointer[told]) bool {
		t := p.Value()
		if t == nil {
			return true
		}
		left, over := t.visit.takeOver(now)
		if over {
			go t.hangs() // which logs
		}
		if left > 0 && (next == 0 || left < next) {
			next = left
		}
		return false
	})
	if next > 0 {
		w.set = true
		w.armed.Store(true)
		w.timer.Reset(next)
	}
}
