package actor_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

type small struct{}

func (small) Receive(*actor.Context[int], int) error { return nil }

// T-114, GO-18: idle actors have no goroutine and at most 320 bytes each, also
// after they have worked.
func TestIdleActorsAreNearlyFree(t *testing.T) {
	const limit = 320
	n := 100_000
	if long.Race { // then only the goroutines are counted
		n = 10_000
	}
	sys := newSystem(t)
	refs := make([]actor.Ref[int], n)
	goroutines, heap := runtime.NumGoroutine(), heapInUse()
	for i := range refs {
		var err error
		if refs[i], err = actor.Spawn(sys, func() small { return small{} }); err != nil {
			t.Fatal(err)
		}
	}
	check := func(when string) {
		t.Helper()
		late := time.Now().Add(patience)
		for runtime.NumGoroutine()-goroutines > 10 { // the last runners end
			if time.Now().After(late) {
				t.Fatalf("%s: %d goroutines for %d idle actors", when, runtime.NumGoroutine()-goroutines, n)
			}
			runtime.Gosched()
		}
		each := float64(heapInUse()-heap) / float64(n)
		t.Logf("%s: %.0f bytes each", when, each)
		if !long.Race && each > limit {
			t.Errorf("%s: %.0f bytes each, want at most %d", when, each, limit)
		}
	}
	check("spawned")
	for i, r := range refs {
		r.Send(i)
	}
	for _, r := range refs {
		for info, _ := r.PID().Info(); info.Status != actor.Idle; info, _ = r.PID().Info() {
			runtime.Gosched()
		}
	}
	check("after a message each")
	runtime.KeepAlive(refs)
}

// Ended actors leave nothing with the system, even if links, monitors, names and
// timers tied them.
func TestEndedActorsLeaveNothingBehind(t *testing.T) {
	sys := newSystem(t)
	hub := start(t, sys, &script{})
	trapping(t, hub)
	generation := func(n int) {
		for range n {
			in(t, hub, func(ctx *doContext) {
				ref, err := actor.SpawnLink(ctx, behave(&script{}), actor.Name("x"))
				if err != nil {
					t.Fatal(err)
				}
				ctx.Monitor(ref.PID())
				ref.SendAfter(1<<40, nil)
				ref.Send(func(ctx *doContext) error { ctx.Monitor(hub.PID()); return errBoom })
				<-ref.PID().Done()
			})
		}
		in(t, hub, func(*doContext) {})
	}
	generation(500)
	before := heapInUse()
	generation(5000)
	if grown := heapInUse() - before; grown > 128<<10 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	if n := sys.Count(); n != 1 {
		t.Errorf("%d actors", n)
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	sys := newSystem(t)
	ran := make(chan struct{}, 100)
	ref := spawnFunc(t, sys, func(_ *actor.Context[payload], m payload) error {
		if m.n == 1 {
			ran <- struct{}{}
		}
		return nil
	})
	for name, n := range map[string]int64{"to an idle actor": 1, "in bursts": 100} {
		allocs := testing.AllocsPerRun(2000, func() {
			for i := range n {
				ref.Send(payload{n - i, i})
			}
			<-ran
		})
		if allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// What each of the things that actors do again and again allocates, at most.
func TestAllocations(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	sys := newSystem(t)
	newIdle := func() idle { return idle{} }
	target := spawnFunc(t, sys, func(*actor.Context[payload], payload) error { return nil }).PID()
	hub := start(t, sys, &script{})
	within := func(f func(ctx *doContext)) func() {
		return func() { in(t, hub, f) }
	}
	turn := testing.AllocsPerRun(1000, within(func(*doContext) {})) // what in itself takes
	for _, test := range []struct {
		name  string
		limit float64
		do    func()
	}{
		{"spawn", 4, func() {
			if _, err := actor.Spawn(sys, newIdle); err != nil {
				t.Error(err)
			}
		}},
		{"spawn and stop", 8, func() {
			ref, err := actor.Spawn(sys, newIdle)
			if err != nil {
				t.Error(err)
			}
			ref.PID().Exit(actor.Shutdown)
			<-ref.PID().Done()
		}},
		{"monitor and demonitor", turn + 2, within(func(ctx *doContext) { ctx.Demonitor(ctx.Monitor(target)) })},
		{"link and unlink", turn + 3, within(func(ctx *doContext) {
			if err := ctx.Link(target); err != nil {
				t.Error(err)
			}
			ctx.Unlink(target)
		})},
		{"a timer that is stopped", turn + 5, within(func(ctx *doContext) { ctx.SendAfter(1<<40, nil).Stop() })},
	} {
		allocs := testing.AllocsPerRun(1000, test.do)
		t.Logf("%s: %v", test.name, allocs)
		if allocs > test.limit {
			t.Errorf("%s: %v allocations, want at most %v", test.name, allocs, test.limit)
		}
	}
}
