package crdt

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Whatever comes late, in whatever pieces, the entries are in the order of their dots.
func TestSeriesKeepsTheOrderOfDots(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		const n = 60
		var s series
		piece := make([]int, n+1) // the piece that a dot comes with
		for dot := range piece {
			piece[dot] = r.IntN(5)
		}
		var want []uint64
		for _, p := range r.Perm(5) {
			var entries []*Entry
			for dot := 1; dot <= n; dot++ {
				if piece[dot] == p {
					entries = append(entries, &Entry{Record: Record{Dot: uint64(dot)}})
					want = append(want, uint64(dot))
				}
			}
			s.insert(entries...)
			if i := r.IntN(len(want)); len(entries) > 0 { // leaves a hole, and comes back
				e := s.remove(want[i])
				s.insert(e)
			}
		}
		slices.Sort(want)
		var got []uint64
		for _, e := range s.all() {
			got = append(got, e.Dot)
		}
		if !slices.Equal(got, want) || s.n != n {
			t.Fatalf("%d entries: %v", s.n, got)
		}
	}
}
