package nats

import (
	"cmp"
	"flag"
	"testing"
	"testing/synctest"
)

var modelSchedules = flag.Int("model.schedules", 0, "how many schedules a model goes through; 0: as the run is ordinary or long")

var modelSeed = flag.Uint64("model.seed", 1, "the seed of a model's first schedule; each next one has the next")

// schedules has a model go through so many schedules, unless the flags say otherwise: each from
// a seed, in a bubble of its own. One that fails says how to replay it.
func schedules(t *testing.T, n int, run func(t *testing.T, seed uint64)) {
	t.Helper()
	for i := range cmp.Or(*modelSchedules, n) {
		seed := *modelSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			run(t, seed)
			if t.Failed() {
				t.Fatalf("replay with -run '^%s$' -model.seed %d -model.schedules 1", t.Name(), seed)
			}
		})
	}
}
