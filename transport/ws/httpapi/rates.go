package httpapi

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// rates holds each Who to a rate. What has not been used for as long as a burst takes to
// come back is as good as new, and is let go.
type rates struct {
	made time.Time

	mu     sync.Mutex
	recent limit.Recent[*limit.Rate]
}

// take counts a request, or returns how long it is too early.
func (r *rates) take(who string, perSecond int) (wait time.Duration) {
	now := time.Since(r.made)
	return r.of(who, now).Take(now, perSecond)
}

func (r *rates) of(who string, now time.Duration) *limit.Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	rate, ok := r.recent.Get(who, now, limit.Burst)
	if !ok {
		rate = new(limit.Rate)
	}
	r.recent.Set(who, rate)
	return rate
}
