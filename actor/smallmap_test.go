package actor

import (
	"maps"
	"math/rand/v2"
	"testing"
)

func TestSmallMapIsAMap(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		keys := 1 + r.IntN(30)
		var m smallMap[int, int]
		want := map[int]int{}
		for range 500 {
			k, v := 1+r.IntN(keys), r.Int()
			switch r.IntN(3) {
			case 0:
				m.delete(k)
				delete(want, k)
			default:
				m.set(k, v)
				want[k] = v
			}
			got, ok := m.get(k)
			if wanted, there := want[k]; got != wanted || ok != there {
				t.Fatalf("seed %d: get(%d) = %d, %v; want %d, %v", seed, k, got, ok, wanted, there)
			}
		}
		if got := maps.Collect(m.all()); !maps.Equal(got, want) {
			t.Fatalf("seed %d: all = %v, want %v", seed, got, want)
		}
		n := 0
		for range m.all() {
			n++
		}
		if n != len(want) {
			t.Fatalf("seed %d: %d entries, want %d", seed, n, len(want))
		}
		for range m.all() {
			break
		}
	}
}

func TestSmallMapOfAFewAllocatesLittle(t *testing.T) {
	var m smallMap[int, struct{}]
	m.set(1, struct{}{})
	m.set(2, struct{}{})
	if allocs := testing.AllocsPerRun(100, func() {
		m.delete(2)
		m.set(2, struct{}{})
	}); allocs != 0 {
		t.Errorf("%v allocations to replace the second entry, want 0", allocs)
	}
}
