package actor_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// watched is a bubble whose system has a watchdog of a second, which writes its
// reports down.
func watched(t *testing.T, f func(t *testing.T, sys *actor.System, j *journal)) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		defer sys.Watchdog(time.Second)()
		defer sys.Observe(func(e actor.Event) {
			if e, ok := e.(actor.SlowHandler); ok {
				j.add("%v", e.PID)
				if e.For < time.Second || e.For > 1250*time.Millisecond {
					t.Errorf("reported after %v", e.For)
				}
			}
		})()
		f(t, sys, &j)
	})
}

// GO-5: a handler that takes longer than the limit is reported, once, whether it is
// one of the actor's behavior, its Init or its Terminate, and whether the actor has
// been killed meanwhile.
func TestWatchdogReportsSlowHandlers(t *testing.T) {
	slow := func(*doContext) error { time.Sleep(10 * time.Second); return nil }
	cases := map[string]func(sys *actor.System) actor.PID{
		"Receive": func(sys *actor.System) actor.PID {
			a := start(t, sys, &script{})
			for range 100 {
				a.Send(returning(nil))
			}
			a.Send(slow)
			return a.PID()
		},
		"Init": func(sys *actor.System) (pid actor.PID) {
			defer sys.Observe(func(e actor.Event) {
				if e, ok := e.(actor.Spawned); ok {
					pid = e.PID
				}
			})()
			if _, err := actor.Spawn(sys, behave(&scriptInit{init: slow})); err != nil {
				t.Error(err)
			}
			return pid
		},
		"Terminate": func(sys *actor.System) actor.PID {
			a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) { slow(ctx) }})
			a.Send(returning(actor.Stop))
			return a.PID()
		},
		"Continue": func(sys *actor.System) actor.PID {
			a := start(t, sys, &script{})
			a.Send(func(ctx *doContext) error { ctx.Continue(slow); return nil })
			return a.PID()
		},
		"killed": func(sys *actor.System) actor.PID {
			a := start(t, sys, &script{})
			a.Send(slow)
			time.AfterFunc(500*time.Millisecond, func() { a.PID().Exit(actor.Kill) })
			return a.PID()
		},
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			watched(t, func(t *testing.T, sys *actor.System, j *journal) {
				pid := run(sys)
				time.Sleep(time.Minute)
				j.expect(t, pid.String())
			})
		})
	}
}

// GO-5: nothing else is: not an actor that is busy with many short handlers, nor one
// that sleeps, is suspended, or may take long.
func TestWatchdogReportsNothingElse(t *testing.T) {
	watched(t, func(t *testing.T, sys *actor.System, j *journal) {
		busy, idle, suspended, blocking := start(t, sys, &script{}), start(t, sys, &script{}), start(t, sys, &script{}), start(t, sys, &script{})
		for range 50 { // all taken in one batch
			busy.Send(func(*doContext) error { time.Sleep(900 * time.Millisecond); return nil })
		}
		idle.Send(returning(nil))
		if err := suspended.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		suspended.Send(returning(nil))
		blocking.Send(func(ctx *doContext) error { ctx.MayBlock(); time.Sleep(30 * time.Second); return nil })
		time.Sleep(time.Minute)
		j.expect(t)
		for _, a := range []actor.Ref[do]{busy, idle, suspended, blocking} {
			if !a.PID().Alive() || a.PID().Err() != nil {
				t.Errorf("%v looks dead", a)
			}
		}
	})
}

// A watchdog that has been stopped reports nothing, may be stopped by an observer,
// and has no say over other watchdogs.
func TestWatchdogStops(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var stops []func()
		var reports atomic.Int32
		defer sys.Observe(func(e actor.Event) {
			if _, ok := e.(actor.SlowHandler); ok {
				reports.Add(1)
				stops[0]()
			}
		})()
		for range 2 {
			stops = append(stops, sys.Watchdog(time.Second))
			time.Sleep(time.Millisecond) // the first one is the first to report
		}
		a := start(t, sys, &script{})
		slow := func(*doContext) error { time.Sleep(10 * time.Second); return nil }
		a.Send(slow)
		time.Sleep(time.Minute)
		if n := reports.Load(); n != 2 {
			t.Errorf("%d reports, want one of each", n)
		}
		a.Send(slow)
		time.Sleep(time.Minute)
		if n := reports.Load(); n != 3 {
			t.Errorf("%d reports, want one more", n)
		}
		a.Send(slow)
		stops[1]()
		time.Sleep(time.Minute)
		if n := reports.Load(); n != 3 {
			t.Errorf("%d reports, want no more", n)
		}
	})
	defer func() {
		if recover() == nil {
			t.Error("a limit of 0 is accepted")
		}
	}()
	silentSystem().Watchdog(0)
}

// Watchdogs share what they leave with an actor: that one stops does not make another
// report the same handler again.
func TestWatchdogsStopApart(t *testing.T) {
	for first := range 2 {
		bubble(t, func(t *testing.T, sys *actor.System) {
			var reports atomic.Int32
			defer sys.Observe(func(e actor.Event) {
				if _, ok := e.(actor.SlowHandler); ok {
					reports.Add(1)
				}
			})()
			stops := []func(){sys.Watchdog(time.Second), sys.Watchdog(time.Second)}
			a := start(t, sys, &script{})
			a.Send(func(*doContext) error { time.Sleep(20 * time.Second); return nil })
			time.Sleep(5 * time.Second)
			stops[first]()
			stops[first]() // twice is once
			time.Sleep(10 * time.Second)
			if n := reports.Load(); n != 2 {
				t.Errorf("%d reports of one handler by two", n)
			}
			stops[1-first]()
		})
	}
}

// The watchdog of a system that is shut down ends by itself.
func TestWatchdogEndsWithItsSystem(t *testing.T) {
	quietly(t, func(t *testing.T, sys *actor.System) {
		sys.Watchdog(time.Second)
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Minute) // or the bubble would wait for the timer for ever
	})
}

// GO-5: the log shows what each of them does.
func TestWatchdogLogsTheStack(t *testing.T) {
	var log logBuffer
	sys := loggedSystem(t, &log)
	reports := make(chan actor.SlowHandler, 2)
	defer sys.Observe(func(e actor.Event) {
		if e, ok := e.(actor.SlowHandler); ok {
			reports <- e
		}
	})()
	defer sys.Watchdog(20 * time.Millisecond)()
	release := make(chan struct{})
	defer close(release)
	one, two := start(t, sys, &script{}, actor.Name("one")), start(t, sys, &script{})
	one.Send(func(*doContext) error { stuckHere(release); return nil })
	two.Send(func(*doContext) error { stuckThere(release); return nil })
	for range 2 {
		e := await(t, reports)
		want := map[actor.PID]string{one.PID(): "actor_test.stuckHere(", two.PID(): "actor_test.stuckThere("}[e.PID]
		if !strings.Contains(e.Stack, want) {
			t.Errorf("%v: no %q in\n%s", e.PID, want, e.Stack)
		}
	}
	if s := log.String(); strings.Count(s, "a handler runs long") != 2 || !strings.Contains(s, "name=one") {
		t.Errorf("log:\n%s", s)
	}
}

//go:noinline
func stuckThere(release <-chan struct{}) { <-release }

// GO-5 as a race: the watchdog's probes are taken for no doom, and hide none: all
// messages are handled, and a kill is heeded.
func TestWatchdogDoesNoHarm(t *testing.T) {
	sys := newSystem(t)
	defer sys.Watchdog(time.Millisecond)()
	reported := make(chan struct{}, 1)
	defer sys.Observe(func(e actor.Event) {
		if _, ok := e.(actor.SlowHandler); ok {
			select {
			case reported <- struct{}{}:
			default:
			}
		}
	})()
	for round := range 30 {
		var all []actor.PID
		for range 20 {
			n := 0
			a := start(t, sys, &script{})
			for range 200 {
				a.Send(func(*doContext) error {
					if n++; n%50 == 0 {
						runtime.Gosched()
					}
					return nil
				})
			}
			a.Send(func(ctx *doContext) error {
				if n != 200 || ctx.Err() != nil || !ctx.PID().Alive() {
					t.Errorf("%d messages; alive: %v", n, ctx.PID().Alive())
				}
				return actor.Stop
			})
			all = append(all, a.PID())
		}
		for _, pid := range all { // or the end of the test would kill some
			if err := ended(t, pid); err != actor.Normal {
				t.Fatalf("round %d: ended with %v", round, err)
			}
		}
	}
	a := start(t, sys, &script{})
	a.Send(func(ctx *doContext) error { <-ctx.Done(); return nil })
	a.Send(func(*doContext) error { t.Error("it was handled after the kill"); return nil })
	await(t, reported) // so it has a probe, unless a handler before was slow
	a.PID().Exit(actor.Kill)
	if err := ended(t, a.PID()); err != actor.Killed {
		t.Errorf("ended with %v", err)
	}
}

func ExampleSystem_Watchdog() {
	sys := silentSystem()
	slow := make(chan string, 1)
	defer sys.Observe(func(e actor.Event) {
		if e, ok := e.(actor.SlowHandler); ok {
			slow <- fmt.Sprint(e.PID, " has been at it for 10ms or more: ", e.For >= 10*time.Millisecond)
		}
	})()
	defer sys.Watchdog(10 * time.Millisecond)()

	release := make(chan struct{})
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { <-release; return nil }))
	if err != nil {
		panic(err)
	}
	ref.Send(1)
	fmt.Println(<-slow)
	close(release)
	// Output: <0.1> has been at it for 10ms or more: true
}

// What the runners pay while a watchdog looks on: compare with Send's 1to1.
func BenchmarkSendWatched(b *testing.B) {
	sys := newSystem(b)
	defer sys.Watchdog(10 * time.Millisecond)()
	ref, done := counting(b, sys, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		ref.Send(payload{int64(i), 0})
	}
	<-done
}
