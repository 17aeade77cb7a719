package actor_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// idlers spawns n actors that do nothing.
func idlers(tb testing.TB, sys *actor.System, n int) []actor.PID {
	tb.Helper()
	pids := make([]actor.PID, n)
	for i := range pids {
		ref, err := actor.Spawn(sys, func() small { return small{} })
		if err != nil {
			tb.Fatal(err)
		}
		pids[i] = ref.PID()
	}
	return pids
}

// All is Actors without the list.
func TestAllActors(t *testing.T) {
	sys := newSystem(t)
	for range sys.All() {
		t.Error("an actor in an empty system")
	}
	want := idlers(t, sys, 5000)
	count := make(map[actor.PID]int)
	for pid := range sys.All() {
		count[pid]++
	}
	for _, pid := range want {
		if count[pid] != 1 {
			t.Fatalf("%v met %d times", pid, count[pid])
		}
	}
	if got := sys.Actors(); len(count) != len(want) || !slices.Equal(got, want) {
		t.Errorf("%d met and %d listed, want %d", len(count), len(got), len(want))
	}
}

// A walk that is broken off, whatever way, leaves nothing behind in the lists.
func TestWalkIsBrokenOff(t *testing.T) {
	sys := newSystem(t)
	want := idlers(t, sys, 5000)
	for _, leave := range []func(){nil, func() { panic(errBoom) }, runtime.Goexit} {
		var wg sync.WaitGroup
		wg.Go(func() {
			defer func() { recover() }()
			n := 0
			for range sys.All() {
				if n++; n == 1500 && leave != nil {
					leave()
				} else if n == 1500 {
					break
				}
			}
		})
		wg.Wait()
	}
	for _, pid := range want[1000:4000] {
		pid.Exit(actor.Shutdown)
		ended(t, pid)
	}
	if got := sys.Actors(); !slices.Equal(got, append(want[:1000:1000], want[4000:]...)) {
		t.Errorf("%d are left, want 2000", len(got))
	}
}

// The body of the loop may do anything with the system: no lock is held. Walks within a
// walk pass each other's cursors.
func TestWalkHoldsNoLock(t *testing.T) {
	sys := newSystem(t)
	idlers(t, sys, 1000)
	n := 0
	for pid := range sys.All() {
		if n++; n > 2000 { // those that the loop spawns may be met
			break
		}
		idlers(t, sys, 1)
		pid.Exit(actor.Shutdown)
		ended(t, pid)
		if n%100 != 0 {
			continue
		}
		inner := 0
		for range sys.All() {
			inner++
		}
		if _, ok := sys.Find("<0.0>"); ok {
			t.Fatal("a place in the lists is found as an actor")
		}
		if inner != 1000 || sys.Count() != 1000 {
			t.Fatalf("%d met by a walk within, of %d", inner, sys.Count())
		}
	}
	if n < 1000 {
		t.Errorf("%d met", n)
	}
}

// An actor that lives during a whole walk is met once, whatever ends and begins around it,
// and however many walk.
func TestAllMeetsThoseThatStay(t *testing.T) {
	sys := newSystem(t)
	stay := make(map[actor.PID]bool)
	for i, pid := range idlers(t, sys, 6000) {
		if i%3 == 0 {
			stay[pid] = true
		}
	}
	stop := make(chan struct{})
	var changes, walks sync.WaitGroup
	for range 2 { // one spawns as many as it ends
		changes.Go(func() {
			for {
				for pid := range sys.All() {
					select {
					case <-stop:
						return
					default:
					}
					if !stay[pid] && pid.Alive() { // one that ends may be met many times until it has gone
						pid.Exit(actor.Shutdown)
						idlers(t, sys, 1)
					}
				}
			}
		})
	}
	for range 2 {
		walks.Go(func() {
			for range long.Rounds(10, 200) {
				met := make(map[actor.PID]bool)
				for pid := range sys.All() {
					if met[pid] {
						t.Errorf("%v met twice", pid)
					}
					met[pid] = true
				}
				for pid := range stay {
					if !met[pid] {
						t.Errorf("%v not met", pid)
						return
					}
				}
			}
		})
	}
	walks.Wait()
	close(stop)
	changes.Wait()
}

// A walk over all costs no memory that grows with them. TROUPE_LONG=1 walks over a million.
func TestWalkIsCheap(t *testing.T) {
	n := long.Rounds(20_000, 1_000_000)
	if long.Race {
		n = 5000
	}
	sys := newSystem(t)
	idlers(t, sys, n)
	met := 0
	walk := func() float64 {
		return testing.AllocsPerRun(1, func() {
			met = 0
			for range sys.All() {
				met++
			}
		})
	}
	// The runtime, which collects garbage meanwhile, makes some of its own: the least counts.
	allocs := walk()
	for i := 0; i < 10 && allocs > 4; i++ {
		allocs = walk()
	}
	t.Logf("%d actors, %v allocations", met, allocs)
	if met != n || allocs > 4 && !long.Race {
		t.Errorf("%d of %d actors met, with %v allocations", met, n, allocs)
	}
}

func ExampleSystem_All() {
	sys := silentSystem()
	for range 3 {
		if _, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil })); err != nil {
			panic(err)
		}
	}
	waiting := 0
	for pid := range sys.All() {
		waiting += pid.QueueLen()
	}
	fmt.Println(sys.Count(), "actors,", waiting, "messages wait")
	// Output: 3 actors, 0 messages wait
}

// BenchmarkAll: what a walk costs for each actor, of 100,000, and what a list of them does.
func BenchmarkAll(b *testing.B) {
	sys := newSystem(b)
	const n = 100_000
	idlers(b, sys, n)
	for name, walk := range map[string]func() int{
		"All": func() (met int) {
			for range sys.All() {
				met++
			}
			return met
		},
		"Actors": func() int { return len(sys.Actors()) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if met := walk(); met != n {
					b.Fatalf("%d met", met)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/actor")
		})
	}
}
