package supervisor

import (
	"math"
	"math/rand/v2"
	"time"
)

// Backoff makes the restarts of a child wait: Min before the first, and twice as long
// before each further one, up to Max. The wait begins with Min again after the child has
// run for Max without ending, or was terminated by request. The zero Backoff is none:
// restarts happen at once.
//
// A child that waits counts as restarting, and the supervisor goes on with other things.
// The children that must be restarted along with it are stopped at once and started
// after the wait.
//
// Each attempt spends one restart of the supervisor's budget, at the time when it is made.
// The longer the waits are, the fewer attempts fall into one Period: with waits of more
// than Period divided by Intensity the budget is never spent, and the attempts go on for ever.
//
// It is a [ChildOption].
type Backoff struct {
	Min time.Duration // 0: no back-off
	Max time.Duration // 0: 30 s, or Min if that is more

	// Jitter is the part of each wait, between 0 and 1, that is left to chance, so
	// that children that failed together do not come back together. With 0.2 a wait
	// is 80 to 100 % of its full length.
	Jitter float64
}

const defaultMaxBackoff = 30 * time.Second

func (b Backoff) apply(d *draft) { d.Backoff = b }

// withDefaults fills in Max.
func (b Backoff) withDefaults() Backoff {
	if b.Min > 0 && b.Max == 0 {
		b.Max = max(b.Min, defaultMaxBackoff)
	}
	return b
}

// Wait returns how long to wait after a failure that so many others in a row came before,
// less what is left to chance. It is for those that start things again themselves; a
// supervisor does so by itself.
func (b Backoff) Wait(failures int) time.Duration {
	return b.withDefaults().wait(failures, rand.Float64())
}

// wait returns how long to wait after a failure that so many others in a row came before.
// random is between 0 and 1.
func (b Backoff) wait(failures int, random float64) time.Duration {
	d := float64(b.Min) * math.Pow(2, float64(failures))
	d = min(d, float64(b.Max)) * (1 - b.Jitter*random)
	return max(time.Duration(d), 1)
}

// pace holds back the restarts of one child. It has no clock: its caller tells the
// time. A nil pace is that of a child without a Backoff.
type pace struct {
	Backoff
	random   func() float64
	failures int           // in a row
	since    time.Duration // when the child was started
}

func newPace(b Backoff) *pace {
	if b.Min == 0 {
		return nil
	}
	return &pace{Backoff: b.withDefaults(), random: rand.Float64}
}

// started records that the child runs.
func (p *pace) started(now time.Duration) {
	if p != nil {
		p.since = now
	}
}

// ended returns how long to wait before the restart of a child that ran. If it ran for
// Max, its earlier failures are forgiven.
func (p *pace) ended(now time.Duration) time.Duration {
	if p != nil && now-p.since >= p.Max {
		p.failures = 0
	}
	return p.failed()
}

// failed returns how long to wait before the next attempt to start the child.
func (p *pace) failed() time.Duration {
	if p == nil {
		return 0
	}
	p.failures++
	return p.wait(p.failures-1, p.random())
}

// reset forgets all failures.
func (p *pace) reset() {
	if p != nil {
		p.failures = 0
	}
}
