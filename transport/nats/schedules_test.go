package nats

import (
	"cmp"
	"flag"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

var modelSchedules = flag.Int("model.schedules", 0, "how many schedules a model goes through; 0: as the run is ordinary or long")

var modelSeed = flag.Uint64("model.seed", 0, "the only seed of a model, to replay what has failed")

// schedules has a model go through so many schedules, unless the flags say otherwise: each from
// a seed, in a bubble of its own. One that fails says how to replay it.
func schedules(t *testing.T, n int, run func(t *testing.T, seed uint64)) {
	t.Helper()
	if *modelSeed != 0 {
		n = 1
	} else {
		n = cmp.Or(*modelSchedules, n)
	}
	for range n {
		seed := cmp.Or(*modelSeed, rand.Uint64())
		synctest.Test(t, func(t *testing.T) {
			run(t, seed)
			if t.Failed() {
				t.Fatalf("replay with -run '^%s$' -model.seed %d", t.Name(), seed)
			}
		})
	}
}
