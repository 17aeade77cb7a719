package actor_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// SIG-8, PROC-7: names that are given to actors that run, and taken from them.
func TestRegister(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a, b := start(t, sys, &script{}), start(t, sys, &script{}, actor.Name("b"))
		expect := func(want ...string) {
			t.Helper()
			if got := sys.Names(); !slices.Equal(got, want) {
				t.Errorf("names: %q, want %q", got, want)
			}
		}
		if err := sys.Register("a", a.PID()); err != nil {
			t.Fatal(err)
		}
		expect("a", "b")
		if pid, ok := sys.WhereIs("a"); !ok || pid != a.PID() || a.PID().Name() != "a" {
			t.Errorf("a is %v, and is called %q", pid, a.PID().Name())
		}
		if err := sys.Register("c", a.PID()); !errors.Is(err, actor.ErrNamed) {
			t.Errorf("a second name: %v", err)
		}
		if !sys.Unregister("b") || sys.Unregister("b") || b.PID().Name() != "" {
			t.Errorf("b is called %q", b.PID().Name())
		}
		if err := sys.Register("a", b.PID()); err == nil || b.PID().Name() != "" {
			t.Errorf("a name that is taken: %v", err)
		} else if taken, ok := errors.AsType[*actor.NameTakenError](err); !ok || taken.Holder != a.PID() {
			t.Errorf("a name that is taken: %v", err)
		}
		if err := sys.Register("b", b.PID()); err != nil { // nothing is left of what failed
			t.Error(err)
		}
		for _, pid := range []actor.PID{a.PID(), b.PID()} {
			pid.Exit(actor.Kill)
			ended(t, pid)
		}
		expect()
		if err := sys.Register("a", a.PID()); !errors.Is(err, actor.NoProc) {
			t.Errorf("a dead actor: %v", err)
		}
		if err := sys.Register("a", actor.PID{}); !errors.Is(err, actor.NoProc) {
			t.Errorf("nobody: %v", err)
		}
		expect()
	})
}

// An end races the registration: whatever comes first, no dead actor keeps a name.
func TestRegisterRacesTheEnd(t *testing.T) {
	sys := newSystem(t)
	for range 2000 {
		a := start(t, sys, &script{})
		go a.PID().Exit(actor.Kill)
		_ = sys.Register("x", a.PID())
		<-a.PID().Done()
		if pid, ok := sys.WhereIs("x"); ok {
			t.Fatalf("%v has the name and is dead", pid)
		}
	}
}

// MON-7: a monitor by name is one on the actor that has the name at that moment.
func TestMonitorName(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watcher, a := start(t, sys, journaled(&j)), start(t, sys, &script{}, actor.Name("x"))
		in(t, watcher, func(ctx *doContext) { ctx.MonitorName("x"); ctx.MonitorName("nobody") })
		settle()
		j.expect(t, "down <> not running")
		sys.Unregister("x")
		start(t, sys, &script{}, actor.Name("x"))
		a.Send(returning(errBoom))
		settle()
		j.expect(t, "down "+a.String()+" boom")
	})
}

// SIG-1, SIG-8: a Via finds the holder anew for each use.
func TestVia(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		via := actor.Via[do]{System: sys, Name: "x"}
		if err := via.TrySend(returning(nil)); err != actor.NoProc || !via.PID().IsZero() {
			t.Errorf("nobody: %v", err)
		}
		via.Send(returning(nil)) // is lost
		for range 2 {
			a := start(t, sys, &script{}, actor.Name("x"))
			if via.Now() != a {
				t.Errorf("it is %v, want %v", via.Now(), a)
			}
			via.Send(returning(actor.Stop))
			ended(t, a.PID())
		}
		start(t, sys, &script{}, actor.Name("x"))
		if other := (actor.Via[int]{System: sys, Name: "x"}); !other.PID().IsZero() || other.TrySend(1) != actor.NoProc {
			t.Error("an actor with other messages was found")
		}
		if (actor.Via[do]{}).TrySend(nil) != actor.NoProc {
			t.Error("the zero Via is somebody")
		}
	})
}

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
