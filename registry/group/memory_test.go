package group_test

import (
	"runtime"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/group"
)

// heap returns the bytes in use.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one moved out of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What an actor takes to own something at all is the actor's: the members here
// have been in a group before.
func TestMemoryOfAMembership(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory of its own")
	}
	const n, limit = 20_000, 160
	sys := newSystem(t)
	var s group.Set[string]
	pids := make([]actor.PID, n)
	for i := range pids {
		pids[i] = idle(t, sys).PID()
		join(t, &s, "first", pids[i])
		leave(t, &s, "first", pids[i])
	}
	before := heap()
	for _, pid := range pids {
		join(t, &s, "g", pid)
	}
	each := (heap() - before) / n
	t.Logf("%d bytes", each)
	if each > limit {
		t.Errorf("a membership takes %d bytes, want at most %d", each, limit)
	}
	for _, pid := range pids {
		leave(t, &s, "g", pid)
	}
	if left := (heap() - before) / n; left > 1 {
		t.Errorf("%d bytes for each membership stay behind", left)
	}
	runtime.KeepAlive(pids)
}

func TestAllocations(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := newSystem(t)
	var s group.Set[string]
	for range 100 {
		join(t, &s, "g", idle(t, sys).PID())
	}
	pid := idle(t, sys).PID()
	for _, test := range []struct {
		name  string
		limit float64
		do    func()
	}{
		{"join and leave", 2, func() { join(t, &s, "g", pid); leave(t, &s, "g", pid) }},
		{"members", 8, func() { s.Members("g") }},
	} {
		allocs := testing.AllocsPerRun(1000, test.do)
		t.Logf("%s: %v", test.name, allocs)
		if allocs > test.limit {
			t.Errorf("%s: %v allocations, want at most %v", test.name, allocs, test.limit)
		}
	}
}
