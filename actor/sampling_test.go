package actor_test

import (
	"math"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// Each turn of a runner has the same chance, the first as any other, or actors that wake up
// for each message would be sampled more, or less, than those with bursts.
func TestEachTurnOfARunnerHasTheSameChance(t *testing.T) {
	const runners, turns = 10_000, 12
	for _, n := range []int{1, 2, 3, 7} {
		var counts [turns]int
		for range runners {
			for i, sampled := range actor.Sampled(n, turns) {
				if sampled {
					counts[i]++
				}
			}
		}
		p := 1 / float64(n)
		for i, got := range counts {
			if off := math.Abs(float64(got) - runners*p); off > 7*math.Sqrt(runners*p*(1-p)) {
				t.Errorf("turn %d was sampled for %d of %d runners, want one in %d", i, got, runners, n)
			}
		}
	}
}

// The rarest that can be drawn is rare.
func TestRareSamples(t *testing.T) {
	for range 20 {
		if slices.Contains(actor.Sampled(1<<30, 12), true) { // a chance of one in five million
			t.Fatal("one of the first turns was sampled")
		}
	}
}
