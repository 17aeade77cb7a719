package actor_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// endsTold counts the ends that f, which is slow, has been told of.
func endsTold(sys *actor.System, f func()) *atomic.Int32 {
	told := new(atomic.Int32)
	sys.Observe(func(e actor.Event) {
		if _, ok := e.(actor.Exited); ok {
			f()
			told.Add(1)
		}
	})
	return told
}

func expectEnds(t *testing.T, told *atomic.Int32, want int32) {
	t.Helper()
	if n := told.Load(); n != want {
		t.Errorf("Shutdown returned when observers knew of %d ends, want %d", n, want)
	}
}

// When Shutdown returns the observers know of all ends: of actors that end by it, and of those
// that were ending when it was called.
func TestShutdownWaitsForObservers(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		told := endsTold(sys, func() { time.Sleep(time.Second) })
		before := start(t, sys, &script{})
		for range 30 {
			parent := start(t, sys, &script{})
			child(t, parent, &script{})
		}
		before.Send(returning(actor.Stop))
		<-before.PID().Done()
		began := time.Now()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		expectEnds(t, told, 61)
		if took := time.Since(began); took != time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// It does so for those that must be killed, though ctx is done by then.
func TestShutdownWaitsForObserversOfTheKilled(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		told := endsTold(sys, func() { time.Sleep(50 * time.Millisecond) })
		for range 3 {
			trapping(t, start(t, sys, &script{terminate: func(ctx *doContext, _ error) { <-ctx.Done() }}))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := sys.Shutdown(ctx); err == nil {
			t.Error("nothing was killed")
		}
		expectEnds(t, told, 3)
	})
}

// It does so for an actor that was abandoned while its spawn was told, whose end the spawner
// tells.
func TestShutdownWaitsForTheSpawnerToTellTheEnd(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		told := endsTold(sys, func() { time.Sleep(time.Second) })
		sys.Observe(func(e actor.Event) {
			if e, ok := e.(actor.Spawned); ok {
				e.PID.Exit(actor.Kill)
				e.PID.Abandon()
				time.Sleep(time.Second)
			}
		})
		go actor.Spawn(sys, behave(&script{}))
		synctest.Wait()
		if n := sys.Count(); n != 0 {
			t.Fatalf("%d actors are left", n)
		}
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		expectEnds(t, told, 1)
	})
}

// An observer that fails costs Shutdown nothing, and one that hangs the time that it has for
// one event, however many ends there are.
func TestShutdownWithObserversThatFail(t *testing.T) {
	for name, fail := range failures {
		for place := range 2 {
			t.Run(fmt.Sprint(name, " ", place), func(t *testing.T) {
				quietly(t, func(t *testing.T, sys *actor.System) {
					release := make(chan struct{})
					defer close(release)
					var told *atomic.Int32
					for i := range 2 {
						if i == place {
							endsTold(sys, func() { fail(release) })
						} else {
							told = endsTold(sys, func() {})
						}
					}
					for range 20 {
						start(t, sys, &script{})
					}
					want := time.Duration(0)
					if name == "blocks" {
						want = 5 * time.Second
					}
					began := time.Now()
					if err := sys.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
					expectEnds(t, told, 20)
					if took := time.Since(began); took != want {
						t.Errorf("it took %v, want %v", took, want)
					}
				})
			})
		}
	}
}

// When ctx is done Shutdown waits for observers no longer than for a handler, and that is no
// error: nothing of the actors runs.
func TestShutdownDoesNotOutliveItsContextForObservers(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		release := make(chan struct{})
		defer close(release)
		endsTold(sys, func() { <-release })
		start(t, sys, &script{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if err := sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 1100*time.Millisecond {
			t.Errorf("it took %v", took)
		}
	})
}
