package entity_test

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/entity"
)

// An idle entity costs little more than its actor: there may be hundreds of thousands. The
// bounds have its key, its behavior, its Ref and its place in the set in them.
func TestMemoryOfAnEntity(t *testing.T) {
	const limit, most = 1300, 35 // bytes, allocations
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	n := 5_000
	set, _ := counters(t, 0)
	find := func(i int) {
		if _, err := set.Find(t.Context(), strconv.Itoa(i)); err != nil {
			t.Fatal(err)
		}
	}
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	for i := range n {
		find(i)
	}
	each := (heapInUse() - heap) / int64(n)
	allocs := testing.AllocsPerRun(1000, func() { n++; find(n) })
	t.Logf("%d bytes, %v allocations", each, allocs)
	if each > limit || allocs > most {
		t.Errorf("an entity takes %d bytes and %v allocations, want at most %d and %d", each, allocs, limit, most)
	}
	patience := time.Now().Add(time.Minute)
	for runtime.NumGoroutine()-goroutines > 10 { // those that started the last ones end
		if time.Now().After(patience) {
			t.Fatalf("%d goroutines for idle entities", runtime.NumGoroutine()-goroutines)
		}
		runtime.Gosched()
	}
	runtime.KeepAlive(set)
}

// A set is as large as what is in it: entities that have ended leave nothing.
func TestEndedEntitiesLeaveNothing(t *testing.T) {
	set := entity.New(plain, func(string) *counter { return new(counter) })
	sys := newSystem(t)
	if _, err := set.Start(sys); err != nil {
		t.Fatal(err)
	}
	generation := func(n int) {
		for i := range n {
			key := strconv.Itoa(i)
			if _, err := set.Find(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if err := set.Stop(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
	}
	generation(200)
	// The runtime keeps an object for each of the most goroutines that there were at once.
	// They may grow in one round or another; what is left of entities grows in each.
	grown := int64(1 << 62)
	for i := 0; i < 10 && grown > 64<<10; i++ {
		before := heapInUse()
		generation(1000)
		grown = min(grown, heapInUse()-before)
	}
	if grown > 64<<10 {
		t.Errorf("the heap grew by %d bytes in each round", grown)
	}
	if n := sys.Count(); n != 2 {
		t.Errorf("there are %d actors", n)
	}
}

// heapInUse returns the bytes in use.
func heapInUse() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
