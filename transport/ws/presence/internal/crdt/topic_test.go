package crdt

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// A snapshot stays what it was, and may be read, while entries of its key come and
// go, and its topic ends and begins again.
func TestSnapshotStaysAsItWas(t *testing.T) {
	s := New(ID{"a", 1})
	r := rand.New(rand.NewPCG(1, 2))
	var live []*Entry
	var reading sync.WaitGroup
	for range 2000 {
		switch n := len(live); {
		case n > 0 && r.IntN(200) == 0:
			s.Leave(live...)
			live = nil
		case n > 0 && r.IntN(9) < 4:
			i := r.IntN(n)
			s.Leave(live[i])
			live = slices.Delete(live, i, i+1)
		default:
			live = append(live, s.Join("t", "k", `{}`))
		}
		snapshot, want := s.Key("t", "k"), slices.Clone(live)
		reading.Go(func() {
			if got := snapshot.Entries(); !slices.Equal(got, want) {
				t.Errorf("a snapshot has %d entries, want %d", len(got), len(want))
			}
		})
	}
	snapshot := s.Key("t", "k")
	reading.Wait()
	if got := snapshot.Entries(); !slices.Equal(got, live) {
		t.Errorf("at last there are %d entries, want %d", len(got), len(live))
	}
}

// A line does not keep what has gone from it.
func TestRemovedEntriesLeaveTheirLine(t *testing.T) {
	s := New(ID{"a", 1})
	stays := s.Join("t", "k", `{}`)
	for range 1000 {
		s.Leave(s.Join("t", "k", `{}`))
	}
	if n := len(s.topics["t"].keys["k"].entries); n > 3 || !slices.Equal(s.Key("t", "k").Entries(), []*Entry{stays}) {
		t.Errorf("one entry is in a line of %d", n)
	}
}
