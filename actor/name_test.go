package actor_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// T-41, GS-8: a taken name fails the spawn with its holder; Init does not run.
func TestTakenName(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		holder := start(t, sys, &script{}, actor.Name("x"))
		parent := start(t, sys, journaled(&j))
		trapping(t, parent)
		for kind, spawn := range spawnKinds {
			in(t, parent, func(ctx *doContext) {
				_, err := spawn(ctx, behave(&scriptInit{init: func(*doContext) error {
					t.Error("Init ran")
					return nil
				}}), actor.Name("x"))
				var taken *actor.NameTakenError
				if !errors.As(err, &taken) || taken.Holder != holder.PID() || taken.Name != "x" {
					t.Errorf("%s: %v", kind, err)
				}
			})
		}
		synctest.Wait()
		j.expect(t)
		if pid, ok := sys.WhereIs("x"); !ok || pid != holder.PID() || pid.Name() != "x" {
			t.Errorf("x is %v %q", pid, pid.Name())
		}
		if n := sys.Count(); n != 2 {
			t.Errorf("%d actors, want 2", n)
		}
	})
}

// PROC-7: a name is free before anybody hears of its holder's end: by Done, a
// monitor, a link, or a call that fails because the holder ended.
func TestNameIsFreeWhenTheEndIsKnown(t *testing.T) {
	sys := newSystem(t)
	free := func(how string) {
		if pid, taken := sys.WhereIs("x"); taken {
			t.Errorf("%s: x is still %v", how, pid)
		}
	}
	for range 200 {
		var heard sync.WaitGroup
		heard.Add(2)
		watcher := start(t, sys, &script{
			exit: func(*doContext, actor.Exit) error { free("link"); heard.Done(); return nil },
			down: func(*doContext, actor.Down) error { free("monitor"); heard.Done(); return nil },
		})
		holder := start(t, sys, &script{}, actor.Name("x"))
		trapping(t, watcher)
		link(t, watcher, holder)
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(holder.PID()) })
		_, err := actor.Call(t.Context(), holder, func(actor.Reply[int]) do { return returning(actor.Stop) })
		if !errors.Is(err, actor.Normal) {
			t.Errorf("call: %v", err)
		}
		free("call")
		<-holder.PID().Done()
		free("Done")
		heard.Wait()
		watcher.Send(returning(actor.Stop))
		ended(t, watcher.PID())
	}
}

// SIG-8: a name is resolved for each use, and its holder may have another type.
func TestLookup(t *testing.T) {
	sys := newSystem(t)
	if _, err := actor.Lookup[do](sys, "x"); !errors.Is(err, actor.NoProc) {
		t.Errorf("nobody: %v", err)
	}
	a := start(t, sys, &script{}, actor.Name("x"))
	if ref, err := actor.Lookup[do](sys, "x"); err != nil || ref != a {
		t.Errorf("%v, %v", ref, err)
	}
	if ref, err := actor.Lookup[int](sys, "x"); err == nil || errors.Is(err, actor.NoProc) {
		t.Errorf("wrong type: %v, %v", ref, err)
	}
	a.Send(returning(actor.Stop))
	ended(t, a.PID())
	b := start(t, sys, &script{}, actor.Name("x"))
	if ref, err := actor.Lookup[do](sys, "x"); err != nil || ref != b {
		t.Errorf("after a restart: %v, %v, want %v", ref, err, b)
	}
	if name := a.PID().Name(); name != "x" { // for logs
		t.Errorf("the dead one's name: %q", name)
	}
}

// Many spawns race for one name, while others look it up: one at a time has it,
// and it always has its name.
func TestRaceForAName(t *testing.T) {
	sys := newSystem(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	holders := 0
	for range 4 {
		wg.Go(func() {
			for range 300 {
				ref, err := actor.Spawn(sys, behave(&script{}), actor.Name("x"))
				var taken *actor.NameTakenError
				if errors.As(err, &taken) {
					if name := taken.Holder.Name(); name != "x" {
						t.Errorf("the holder's name: %q", name)
					}
					continue
				}
				mu.Lock()
				if holders++; holders != 1 {
					t.Errorf("%d holders", holders)
				}
				mu.Unlock()
				if pid, ok := sys.WhereIs("x"); !ok || pid != ref.PID() {
					t.Errorf("x is %v, want %v", pid, ref)
				}
				mu.Lock()
				holders--
				mu.Unlock()
				ref.Send(returning(actor.Stop))
				<-ref.PID().Done()
			}
		})
	}
	wg.Wait()
}
