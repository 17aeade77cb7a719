package ws

import (
	"sync/atomic"
	"time"
)

// quiet is how long one must have been quiet to do all at once that would have been
// allowed meanwhile.
const quiet = 10 * time.Second

// pace holds something to a rate. It is a token bucket without a timer: all it
// keeps is when the next event would be due if they came at just that rate, as the
// time since the endpoint's start.
type pace struct{ due atomic.Int64 }

// take counts an event at the time now, unless events come faster than rate a
// second; it then returns how long that one should have waited. With a negative
// rate there is no limit.
func (p *pace) take(now time.Duration, rate int) (wait time.Duration) {
	if rate < 0 {
		return 0
	}
	interval := int64(time.Second) / int64(rate)
	for {
		old := p.due.Load()
		due := max(old, int64(now)) + interval
		if early := time.Duration(due) - now - max(quiet, time.Duration(interval)); early > 0 {
			return early
		}
		if p.due.CompareAndSwap(old, due) {
			return 0
		}
	}
}
