package limit

import (
	"sync/atomic"
	"time"
)

// Burst is how much unused allowance of a [Rate] accumulates: ten seconds' worth.
const Burst = 10 * time.Second

// Rate holds events to so many a second. It is a token bucket without a timer: it keeps
// only when the next event would be due if they came at just that rate. The zero Rate
// is ready for use, by any number of goroutines.
//
// Times are since some moment that is the same for all calls.
type Rate struct{ due atomic.Int64 }

// Take counts an event at the time now, unless events come faster than perSecond; it
// then returns how long that one should have waited. There is no limit if perSecond is
// not positive.
func (r *Rate) Take(now time.Duration, perSecond int) (wait time.Duration) {
	if perSecond <= 0 {
		return 0
	}
	interval := int64(time.Second) / int64(perSecond)
	for {
		old := r.due.Load()
		due := max(old, int64(now)) + interval
		if early := time.Duration(due) - now - max(Burst, time.Duration(interval)); early > 0 {
			return early
		}
		if r.due.CompareAndSwap(old, due) {
			return 0
		}
	}
}

// Wait counts an event at the time now, once it may come. It reports false if giveUp
// was closed first; the event does not count then.
func (r *Rate) Wait(giveUp <-chan struct{}, now time.Duration, perSecond int) bool {
	for {
		wait := r.Take(now, perSecond)
		if wait == 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
			now += wait
		case <-giveUp:
			timer.Stop()
			return false
		}
	}
}
