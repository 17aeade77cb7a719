package ws

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/limit"
)

// What a limiter lets through are those events, and only those, that a bucket has room for
// which holds a burst and is filled at the rate.
func TestLimiterIsABucket(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		rate := RateLimit{Max: 1 + rnd.IntN(20), Per: time.Duration(1+rnd.IntN(100)) * time.Second, Burst: 1 + rnd.IntN(10), PerSocketID: true}
		l := newLimiter(rate)
		buckets := map[string]*struct{ level, at time.Duration }{} // the level in time that is left to fill
		now := time.Duration(rnd.IntN(int(time.Hour)))
		for step := range 500 {
			now += time.Duration(rnd.Int64N(int64(2*l.interval/3 + 1)))
			if rnd.IntN(50) == 0 {
				now += time.Duration(rnd.Int64N(int64(3 * l.burst)))
			}
			id := fmt.Sprint(rnd.IntN(3))
			b := buckets[id]
			if b == nil {
				b = &struct{ level, at time.Duration }{}
				buckets[id] = b
			}
			b.level, b.at = max(0, b.level-(now-b.at)), now
			var want time.Duration
			if b.level+l.interval > l.burst {
				want = b.level + l.interval - l.burst
			} else {
				b.level += l.interval
			}
			if got := l.takeOf(id, now); got != want {
				t.Fatalf("seed %d, step %d: wait %v, want %v", seed, step, got, want)
			}
		}
	}
}

// However many IDs there are, what is kept of them is bounded, and given up in time.
func TestLimiterForgets(t *testing.T) {
	l := newLimiter(RateLimit{Max: 1, Per: time.Minute, PerSocketID: true})
	kept := l.due.Len
	for i := range 3 * limit.MostRecent {
		if l.takeOf(fmt.Sprint(i), 1) != 0 {
			t.Fatal("refused at the first event")
		}
	}
	if n := kept(); n > 2*limit.MostRecent {
		t.Errorf("%d IDs are kept", n)
	}
	if l.takeOf(fmt.Sprint(3*limit.MostRecent-1), 1) != time.Minute {
		t.Error("forgot the latest")
	}
	l.takeOf("a", time.Minute+1)
	l.takeOf("b", 2*time.Minute+1)
	if n := kept(); n != 2 {
		t.Errorf("%d IDs are kept when all others have been quiet", n)
	}
}
