package ws

import (
	"cmp"
	"flag"
	"testing"
	"testing/synctest"
)

var modelSchedules = flag.Int("model.schedules", 0, "how many schedules a model goes through; 0: as the run is ordinary or long")

var modelSeed = flag.Uint64("model.seed", 1, "the seed of a model's first schedule; each next one has the next")

// Schedules has a model go through n schedules, unless the flags say otherwise: each from a seed,
// and so many at most in one bubble, which needs them only for their world. The first that fails
// says how to replay it.
func Schedules(t *testing.T, n, inBubble int, run func(t *testing.T, next func() (seed uint64, more bool))) {
	t.Helper()
	n = cmp.Or(*modelSchedules, n)
	for done := 0; done < n; {
		most := min(n, done+inBubble)
		synctest.Test(t, func(t *testing.T) {
			run(t, func() (seed uint64, more bool) {
				if more = done < most && !t.Failed(); more {
					done++
				}
				return *modelSeed + uint64(done) - 1, more
			})
		})
		if t.Failed() {
			t.Fatalf("replay with -run '^%s$' -model.seed %d -model.schedules 1", t.Name(), *modelSeed+uint64(done)-1)
		}
	}
}
