package ws

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// RateLimit holds what clients push to a rate, so many events in so much time, and answers
// one that comes too early in the handler's place: with status "error" and
//
//	{"reason": "too many events", "retry_after_ms": 1200}
//
// after which time an event is let through. The channel goes on, and its other events do
// not count. Max and Per are all it needs:
//
//	ws.Topic("room:*", newRoom, roomEvents,
//		ws.RateLimit{Event: "new_msg", Max: 5, Per: 10 * time.Second}.Middleware())
//
// It is no shelter from a flood: an event that is refused has been received, and is
// answered. What holds a client back that sends too much of anything is
// Socket.MaxMessageRate.
type RateLimit struct {
	// Event is the event that is limited; all of the route, together, if it is "".
	Event string
	// Max is how many events may come in a Per on average. It must be set.
	Max int
	// Per is the time for Max events; 1 s if 0.
	Per time.Duration
	// Burst is how many may come at once of a client that has been quiet; Max if 0.
	Burst int
	// PerSocketID counts together what comes from all channels of the route whose
	// connections have one ID: [Identity].ID, often a user. Without it, and for
	// connections without an ID, each channel counts by itself, and starts anew when the
	// client joins again.
	//
	// The count is that of one node. It takes memory for each ID that has sent an event
	// within the time in which a burst comes back, Burst × Per / Max, or twice that, and
	// for at most 131,072 of them: beyond that the oldest start anew.
	PerSocketID bool
}

// Middleware returns the middleware that limits the channels of a route. On two routes it
// counts for each by itself. It fails the start of the endpoint if the RateLimit makes no
// sense, or if the route has no such event.
func (l RateLimit) Middleware() Middleware {
	return Middleware{
		check: l.check,
		HandleIn: func(next HandleInFunc) HandleInFunc {
			of := newLimiter(l)
			return func(c *Channel, event string, in Payload) (Reply, error) {
				if l.Event == "" || event == l.Event {
					if wait := of.take(c, c.line().endpoint.now()); wait > 0 {
						return Error(tooMany(wait)), nil
					}
				}
				return next(c, event, in)
			}
		},
	}
}

// check reports what is wrong with a limit on a route.
func (l RateLimit) check(r *Route) error {
	switch {
	case l.Max <= 0 || l.Per < 0 || l.Burst < 0:
		return fmt.Errorf("%d events per %v with a burst of %d is no rate", l.Max, l.Per, l.Burst)
	case !newLimiter(l).counts():
		return fmt.Errorf("%d events per %v with a burst of %d cannot be counted in nanoseconds", l.Max, l.Per, l.Burst)
	case l.Event == "" || slices.Contains(r.events, l.Event):
		return nil
	case r.handlesOthers() && !isReserved(l.Event):
		return nil
	}
	return fmt.Errorf("limits event %q, which the route does not have", l.Event)
}

// tooMany is the answer to an event that comes so much too early.
type tooMany time.Duration

// MarshalJSON implements [json.Marshaler].
func (wait tooMany) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Reason     string `json:"reason"`
		RetryAfter int64  `json:"retry_after_ms"`
	}{"too many events", (time.Duration(wait) + time.Millisecond - 1).Milliseconds()})
}

// limiter counts the events of a RateLimit on one route of one endpoint. Of each channel or
// ID it keeps when the next event would be due if they came at just the rate. One that is
// due now or earlier may make a whole burst, as one that was never seen.
type limiter struct {
	interval, burst time.Duration // between events; that many intervals
	perID           bool

	mu  sync.Mutex
	due limit.Recent[time.Duration] // by ID; what a burst has passed since is due
}

func newLimiter(l RateLimit) *limiter {
	if l.Per == 0 {
		l.Per = time.Second
	}
	if l.Burst == 0 {
		l.Burst = l.Max
	}
	interval := l.Per / time.Duration(l.Max)
	burst := interval * time.Duration(l.Burst)
	if interval > 0 && burst/interval != time.Duration(l.Burst) {
		burst = math.MaxInt64
	}
	return &limiter{interval: interval, burst: burst, perID: l.PerSocketID}
}

// counts reports whether its times are numbers that a [time.Duration] can hold.
func (l *limiter) counts() bool {
	return l.interval > 0 && l.burst >= l.interval && l.burst < math.MaxInt64/2
}

// take counts an event of a channel at the time now, or returns how long it is too early.
func (l *limiter) take(c *Channel, now time.Duration) (wait time.Duration) {
	if id := c.SocketID(); l.perID && id != "" {
		return l.takeOf(id, now)
	}
	kept := c.keep()
	b := kept.limits
	for ; b != nil && b.by != l; b = b.next {
	}
	if b == nil {
		b = &limited{by: l, next: kept.limits}
		kept.limits = b
	}
	b.due, wait = l.next(b.due, now)
	return wait
}

// limited is what a channel has used of a limit.
type limited struct {
	by   *limiter
	due  time.Duration
	next *limited // of the same channel, by another limiter
}

func (l *limiter) takeOf(id string, now time.Duration) (wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	due, _ := l.due.Get(id, now, l.burst)
	due, wait = l.next(due, now)
	l.due.Set(id, due)
	return wait
}

// next returns when the event after one at the time now is due, or how long that one is
// too early.
func (l *limiter) next(due, now time.Duration) (next, wait time.Duration) {
	next = max(due, now) + l.interval
	if early := next - now - l.burst; early > 0 {
		return due, early
	}
	return next, 0
}
