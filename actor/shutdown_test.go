package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// quietly is a bubble without a clean-up, for tests that shut down themselves.
func quietly(t *testing.T, f func(t *testing.T, sys *actor.System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, silentSystem()) })
}

// SUP-12: actors without a parent stop in reverse order of their spawns, each when
// the one before has ended.
func TestShutdownInReverseOrder(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		var j journal
		for i := range 40 {
			a := start(t, sys, &script{terminate: func(ctx *doContext, reason error) {
				time.Sleep(time.Second)
				j.add("%d %v", i, reason)
			}})
			trapping(t, a)
		}
		begin := time.Now()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		var want []string
		for i := range 40 {
			want = append(want, fmt.Sprint(39-i, " shutdown"))
		}
		j.expect(t, want...)
		if took := time.Since(begin); took != 40*time.Second || sys.Count() != 0 {
			t.Errorf("it took %v; %d actors left", took, sys.Count())
		}
	})
}

// Children are left to their parents; those that have lost theirs end at last.
func TestShutdownLeavesChildrenToTheirParents(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		var j journal
		parent := start(t, sys, &script{terminate: func(ctx *doContext, _ error) { j.add("parent") }})
		kid := child(t, parent, &script{terminate: func(_ *doContext, r error) { j.add("child %v", r) }})
		orphan := child(t, parent, &script{terminate: func(_ *doContext, r error) { j.add("orphan %v", r) }})
		in(t, parent, func(ctx *doContext) { ctx.Unlink(orphan.PID()) })
		for _, a := range []actor.Ref[do]{parent, kid, orphan} {
			trapping(t, a)
		}
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		got := j.take()
		slices.Sort(got[1:]) // the parent's end and the system's signal race
		if want := []string{"parent", "child shutdown", "orphan shutdown"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// When the deadline passes the slow are killed and the stuck abandoned, and the
// error tells which.
func TestShutdownDeadline(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		idle := start(t, sys, &script{})
		release := make(chan struct{})
		stuck := start(t, sys, &script{})
		stuck.Send(func(*doContext) error { <-release; return nil })
		slow := start(t, sys, &script{terminate: func(ctx *doContext, _ error) { <-ctx.Done() }})
		trapping(t, slow)

		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		begin := time.Now()
		var report *actor.ShutdownError
		if err := sys.Shutdown(ctx); !errors.As(err, &report) {
			t.Fatalf("Shutdown: %v", err)
		}
		if took := time.Since(begin); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("it took %v", took)
		}
		if !slices.Equal(report.Killed, []actor.PID{idle.PID(), slow.PID()}) || !slices.Equal(report.Abandoned, []actor.PID{stuck.PID()}) {
			t.Errorf("killed %v, abandoned %v", report.Killed, report.Abandoned)
		}
		for _, a := range []actor.Ref[do]{idle, stuck, slow} {
			if err := ended(t, a.PID()); err != actor.Killed {
				t.Errorf("%v ended with %v", a, err)
			}
		}
		if sys.Abandoned() != 1 || sys.Count() != 0 {
			t.Errorf("%d abandoned, %d left", sys.Abandoned(), sys.Count())
		}
		close(release)
	})
}

// Nobody left: an expired context is no error.
func TestShutdownOfAnEmptySystem(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sys := silentSystem()
	for range 2 {
		if err := sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
}

// Spawns during a shutdown either are refused or end with the system.
func TestSpawnsRaceShutdown(t *testing.T) {
	for range 100 {
		sys := silentSystem()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for {
					ref, err := actor.Spawn(sys, behave(&script{}))
					if err != nil {
						if !errors.Is(err, actor.ErrClosed) {
							t.Error(err)
						}
						return
					}
					ref.Send(returning(nil))
				}
			})
		}
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if n := sys.Count(); n != 0 {
			t.Fatalf("%d actors left", n)
		}
	}
}

// SUP-12 for spawns in Terminate: refused, and no deadlock.
func TestSpawnInTerminateDuringShutdown(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) {
			if _, err := actor.SpawnLink(ctx, behave(&script{})); !errors.Is(err, actor.ErrClosed) {
				t.Errorf("spawn: %v", err)
			}
		}})
		trapping(t, a)
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Actors lists the living in the order of their spawns, and Count agrees.
func TestActorsAndCount(t *testing.T) {
	sys := newSystem(t)
	var want []actor.PID
	for range 50 {
		want = append(want, start(t, sys, &script{}).PID())
	}
	for i := 0; i < len(want); i += 7 {
		want[i].Exit(actor.Kill)
		<-want[i].Done()
		want = slices.Delete(want, i, i+1)
	}
	if got := sys.Actors(); !slices.Equal(got, want) || sys.Count() != len(want) {
		t.Errorf("%d: %v, want %v", sys.Count(), got, want)
	}
}
