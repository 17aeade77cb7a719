package httpapi

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// rates holds each Who to a rate. What has not been used for as long as a burst takes to
// come back is as good as new, and is let go with its map.
type rates struct {
	made time.Time

	mu             sync.Mutex
	turned         time.Duration // when recent was made
	recent, former map[string]*limit.Rate
}

const (
	burst   = 10 * time.Second // of limit.Rate
	mostWho = 1 << 16          // in each of the maps
)

// take counts a request, or returns how long it is too early.
func (r *rates) take(who string, perSecond int) (wait time.Duration) {
	now := time.Since(r.made)
	return r.of(who, now).Take(now, perSecond)
}

func (r *rates) of(who string, now time.Duration) *limit.Rate {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recent == nil || now-r.turned >= burst || len(r.recent) >= mostWho {
		r.former, r.recent, r.turned = r.recent, map[string]*limit.Rate{}, now
	}
	rate := r.recent[who]
	if rate == nil {
		if rate = r.former[who]; rate == nil {
			rate = new(limit.Rate)
		}
		r.recent[who] = rate
	}
	return rate
}
