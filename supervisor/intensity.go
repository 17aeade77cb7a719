package supervisor

import (
	"fmt"
	"slices"
	"time"
)

// budget counts the restarts of a supervisor and says when there were too many:
// more than max within any period. Its times are durations since some fixed moment.
type budget struct {
	max    int
	period time.Duration
	spent  []time.Duration // when, oldest first; at most max+1
}

func newBudget(intensity int, period time.Duration) budget {
	if period == 0 {
		period = defaultPeriod
		if intensity == 0 {
			intensity = defaultIntensity
		}
	}
	return budget{max: intensity, period: period}
}

// spend takes one restart off the budget. It reports false if that was one too many.
// A restart that is exactly one period old still counts (SUP-30).
func (b *budget) spend(now time.Duration) bool {
	expired := 0
	for expired < len(b.spent) && b.spent[expired] < now-b.period {
		expired++
	}
	b.spent = append(slices.Delete(b.spent, 0, expired), now)
	return len(b.spent) <= b.max
}

// err describes a budget that has been overspent.
func (b *budget) err() error {
	restarts := "restarts"
	if b.max == 1 {
		restarts = "restart"
	}
	return fmt.Errorf("more than %d %s in %v", b.max, restarts, b.period)
}
