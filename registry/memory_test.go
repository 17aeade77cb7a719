package registry_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry"
)

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The bounds are for what the registry takes. What an actor takes to own
// something at all is the actor's: the holders here have had a key before.
func TestMemoryOfAnEntry(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n, limit = 100_000, 140
	keys := make([]string, n)
	for i := range keys {
		keys[i] = fmt.Sprintf("user:%08d", i)
	}
	for _, test := range []struct {
		name    string
		holders int
	}{{"a key for each actor", n}, {"a hundred keys for each actor", n / 100}} {
		t.Run(test.name, func(t *testing.T) {
			sys := newSystem(t)
			var r registry.Registry[string]
			pids := make([]actor.PID, test.holders)
			for i := range pids {
				pids[i] = idle(t, sys).PID()
				register(t, &r, "first", pids[i])
				r.Unregister("first", pids[i])
			}
			before := heap()
			for i, key := range keys {
				register(t, &r, key, pids[i%len(pids)])
			}
			each := (heap() - before) / n
			t.Logf("%d bytes", each)
			if each > limit {
				t.Errorf("an entry takes %d bytes, want at most %d", each, limit)
			}
			for i, key := range keys {
				r.Unregister(key, pids[i%len(pids)])
			}
			if left := (heap() - before) / n; left > 1 {
				t.Errorf("%d bytes for each entry stay behind", left)
			}
			runtime.KeepAlive(pids)
		})
	}
}

func TestRefusedRegistrationsLeaveNothingBehind(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 10_000
	sys := newSystem(t)
	var r registry.Registry[string]
	register(t, &r, "k", idle(t, sys).PID())
	loser := idle(t, sys).PID()
	register(t, &r, "another", loser)
	before := heap()
	for range n {
		if err := r.Register("k", loser); err == nil {
			t.Fatal("a taken key was given")
		}
	}
	if left := (heap() - before) / n; left > 4 {
		t.Errorf("%d bytes for each refusal stay behind", left)
	}
	runtime.KeepAlive(loser)
}

func TestLookupDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := newSystem(t)
	var r registry.Registry[string]
	register(t, &r, "k", idle(t, sys).PID())
	if n := testing.AllocsPerRun(100, func() {
		_, _ = registry.Lookup[do](&r, "k")
		_, _ = r.WhereIs("k")
		_, _ = r.WhereIs("no such key")
	}); n != 0 {
		t.Errorf("looking up allocates %v times", n)
	}
}

func TestRegisteringAllocatesLittle(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	const limit = 2
	var r registry.Registry[string]
	pid := idle(t, newSystem(t)).PID()
	register(t, &r, "another", pid)
	allocs := testing.AllocsPerRun(1000, func() {
		register(t, &r, "k", pid)
		r.Unregister("k", pid)
	})
	t.Log(allocs)
	if allocs > limit {
		t.Errorf("%v allocations, want at most %d", allocs, limit)
	}
}
