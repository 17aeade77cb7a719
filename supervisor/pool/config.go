package pool

import (
	"fmt"
	"runtime"
	"time"

	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
)

// Config describes a pool. The zero Config is a good one: as many workers as can run at
// once, a queue without a bound, and a crash costs the job.
//
// A Config that makes no sense is refused when the pool is started, with a
// [*supervisor.SpecError].
type Config struct {
	// ID names the pool in its supervisor, in logs and errors. Default: "pool".
	ID string

	// There are always Min workers, and up to Max while jobs wait for them. Defaults:
	// Max is Min; Min is what [runtime.GOMAXPROCS] says, or Max if that is less.
	Min, Max int
	// IdleAfter is how long a worker beyond Min is kept that has nothing to do.
	// Default: 30 s.
	IdleAfter time.Duration

	// Queue bounds the jobs that wait for a worker, and says what happens to the next
	// one. Jobs that workers have in hand do not count, nor do those that wait for
	// another attempt. The default is no bound.
	Queue mailbox.Limit

	// Attempts is how many workers may begin a job, one after the other, as long as each
	// crashes over it. Then the job is dropped. Default: 1, no second attempt.
	Attempts int

	// Backoff makes the replacement of a worker wait that has crashed, did not start, or
	// has ended before it handled a job. The others go on meanwhile, but no more are
	// started. The wait begins with Min again when a job has been handled. Default: from
	// 100 ms to 10 s, with a Jitter of 0.2.
	Backoff supervisor.Backoff

	// More than Intensity crashes of workers within Period end the pool, so that its
	// supervisor starts it afresh. Defaults: any number of crashes; 5 s.
	Intensity int
	Period    time.Duration

	// Drain is how long, when the pool is told to end, its workers go on with the jobs
	// that it has. What is left then is dropped. [supervisor.BrutalKill] drops it at
	// once. Default: 5 s.
	Drain supervisor.Shutdown

	// OnDrop, if not nil, is called with each job that was accepted, or sent by Send, and
	// is given up. It is called on a goroutine of its own, for one job at a time. After a
	// second it is left alone, and a panic or runtime.Goexit in it is logged. While a
	// thousand jobs wait for it, others are dropped without it, and that is logged.
	OnDrop func(Dropped)

	// Worker holds options for the children that the workers are, such as
	// [supervisor.Shutdown], or [supervisor.With] and [actor.StartTimeout]. Their
	// [supervisor.Restart] and Backoff have no effect.
	Worker []supervisor.ChildOption
}

const (
	defaultID        = "pool"
	defaultIdleAfter = 30 * time.Second
	defaultPeriod    = 5 * time.Second
	defaultDrain     = supervisor.Shutdown(5 * time.Second)
)

var defaultBackoff = supervisor.Backoff{Min: 100 * time.Millisecond, Max: 10 * time.Second, Jitter: 0.2}

// withDefaults fills in what was left to the default.
func (c Config) withDefaults() Config {
	set(&c.ID, defaultID)
	if c.Min == 0 {
		c.Min = runtime.GOMAXPROCS(0)
		if c.Max > 0 {
			c.Min = min(c.Min, c.Max)
		}
	}
	set(&c.Max, c.Min)
	set(&c.IdleAfter, defaultIdleAfter)
	set(&c.Attempts, 1)
	set(&c.Backoff, defaultBackoff)
	set(&c.Backoff.Max, max(c.Backoff.Min, defaultBackoff.Max))
	set(&c.Period, defaultPeriod)
	set(&c.Drain, defaultDrain)
	return c
}

// set gives a field that is zero its default.
func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate returns the first fault of a Config with defaults.
func (c Config) validate() error {
	fault := func(field, problem string, args ...any) error {
		return &supervisor.SpecError{Child: c.ID, Field: field, Problem: fmt.Sprintf(problem, args...)}
	}
	switch {
	case c.Min < 0:
		return fault("Min", "is negative: %d", c.Min)
	case c.Max < c.Min:
		return fault("Max", "is less than Min: %d", c.Max)
	case c.Max == 0: // not by New, which has a default
		return fault("Max", "is 0: no worker would do what waits")
	case c.IdleAfter < 0:
		return fault("IdleAfter", "is negative: %v", c.IdleAfter)
	case c.Attempts < 0:
		return fault("Attempts", "is negative: %d", c.Attempts)
	case c.Backoff.Min <= 0:
		return fault("Backoff.Min", "is not positive: %v", c.Backoff.Min)
	case c.Backoff.Max < c.Backoff.Min:
		return fault("Backoff.Max", "is less than Min: %v", c.Backoff.Max)
	case !(c.Backoff.Jitter >= 0 && c.Backoff.Jitter <= 1): // nor NaN
		return fault("Backoff.Jitter", "is not between 0 and 1: %v", c.Backoff.Jitter)
	case c.Intensity < 0:
		return fault("Intensity", "is negative: %d", c.Intensity)
	case c.Period < 0:
		return fault("Period", "is negative: %v", c.Period)
	case c.Drain < supervisor.BrutalKill:
		return fault("Drain", "is negative: %v", c.Drain)
	}
	if err := c.Queue.Validate(); err != nil {
		return fault("Queue", "makes no sense: %v", err)
	}
	return nil
}
