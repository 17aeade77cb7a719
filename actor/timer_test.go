package actor_test

import (
	"errors"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// noting is a message that writes itself and the time since begin down.
func noting(j *journal, what string) do {
	begin := time.Now()
	return func(*doContext) error { j.add("%s at %v", what, time.Since(begin)); return nil }
}

// TMR-1: not before its time.
func TestSendAfter(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		a.SendAfter(2*time.Second, noting(&j, "two"))
		in(t, a, func(ctx *doContext) { ctx.SendAfter(time.Second, noting(&j, "one")) })
		a.SendAfter(-time.Second, noting(&j, "past"))
		time.Sleep(time.Minute)
		j.expect(t, "past at 0s", "one at 1s", "two at 2s")
	})
}

// TMR-4: a timer of 0 still queues behind what has been sent before.
func TestSendAfterZeroQueues(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		a.Send(func(ctx *doContext) error {
			ctx.Self().Send(noting(&j, "sent before"))
			ctx.SendAfter(0, noting(&j, "timer"))
			time.Sleep(time.Second)
			j.add("handler returns")
			return nil
		})
		time.Sleep(time.Minute)
		j.expect(t, "handler returns", "sent before at 1s", "timer at 1s")
	})
}

// TMR-2: Stop tells whether it prevented the message; it does not take a message
// back that has been sent.
func TestTimerStop(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		early, late := a.SendAfter(time.Second, noting(&j, "early")), a.SendAfter(time.Second, noting(&j, "late"))
		for i, want := range []bool{true, false} {
			if got := early.Stop(); got != want {
				t.Errorf("Stop %d = %v", i, got)
			}
		}
		time.Sleep(2 * time.Second)
		if late.Stop() {
			t.Error("Stop after the message = true")
		}
		j.expect(t, "late at 1s")
	})
}

// TMR-3: a timer goes with its actor; for a dead one, or nobody, there is none.
func TestTimersDieWithTheirActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{})
		once, every := a.SendAfter(time.Second, nil), a.SendEvery(time.Second, returning(nil))
		a.PID().Exit(actor.Kill)
		ended(t, a.PID())
		for _, timer := range []*actor.Timer{once, every, a.SendAfter(time.Second, nil), a.SendEvery(time.Second, nil), actor.Ref[do]{}.SendAfter(0, nil)} {
			if timer.Stop() {
				t.Error("a timer of a dead actor was still on")
			}
		}
		time.Sleep(time.Minute)
		if n := sys.DeadLetters(); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

// TMR-6: no drift, and a slow actor gets all ticks.
func TestSendEvery(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		begin := time.Now()
		var at []time.Duration
		a := spawnFunc(t, sys, func(_ *actor.Context[int], m int) error {
			at = append(at, time.Since(begin))
			if len(at) == 1 {
				time.Sleep(3500 * time.Millisecond) // three more ticks queue up
			}
			return nil
		})
		timer := a.SendEvery(time.Second, 1)
		time.Sleep(6500 * time.Millisecond)
		if !timer.Stop() || timer.Stop() {
			t.Error("Stop must report that it ended the series, once")
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []time.Duration{1000, 4500, 4500, 4500, 5000, 6000}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(at, want) {
			t.Errorf("ticks at %v, want %v", at, want)
		}
	})
}

func TestSendEveryWantsAPositiveInterval(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	actor.Ref[do]{}.SendEvery(0, nil)
}

// T-82, TMR-2: when Stop races the expiry, its answer and the message agree.
func TestTimerStopRacesExpiry(t *testing.T) {
	sys := newSystem(t)
	both := map[bool]int{}
	for i := range 3000 {
		got := 0
		a := start(t, sys, &script{})
		timer := a.SendAfter(time.Duration(i%50)*time.Microsecond, func(*doContext) error { got++; return nil })
		for range i % 7 {
			runtime.Gosched()
		}
		stopped := timer.Stop()
		in(t, a, func(*doContext) {})
		if stopped == (got == 1) {
			t.Fatalf("round %d: Stop = %v, and %d messages", i, stopped, got)
		}
		both[stopped]++
		a.PID().Exit(actor.Kill)
	}
	t.Log("stopped in time or not:", both)
}

// A timer that waits for room in a full mailbox does not block its owner's Stop.
func TestTimerOfAFullMailbox(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		a.Send(func(ctx *doContext) error {
			ctx.Self().Send(noting(&j, "sent"))
			once := ctx.SendAfter(time.Second, noting(&j, "once"))
			every := ctx.SendEvery(time.Second, noting(&j, "every"))
			time.Sleep(5 * time.Second) // both wait for room
			j.add("once %v, every %v", once.Stop(), every.Stop())
			return nil
		})
		time.Sleep(time.Minute)
		got := j.take()
		slices.Sort(got)
		want := []string{"every at 5s", "once at 5s", "once false, every true", "sent at 5s"}
		if !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// Timers leave nothing with their actor once they have fired or been stopped.
func TestTimersLeaveNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := spawnFunc(t, sys, func(*actor.Context[int], int) error { return nil })
		round := func() {
			for i := range 2000 {
				timer := a.SendAfter(time.Duration(i), i)
				if i%2 == 0 {
					timer.Stop()
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		round()
		before := heapInUse()
		for range 5 {
			round()
		}
		if grown := heapInUse() - before; grown > 128<<10 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
	})
}

// TMR-1, TMR-2: a timer says how long it will be, and can be set to a moment.
func TestTimersCanBeReadAndSetToAMoment(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		begin := time.Now()
		tick := func(*doContext) error { j.add("%v", time.Since(begin)); return nil }
		left := func(timer *actor.Timer, want time.Duration, running bool) {
			t.Helper()
			if d, ok := timer.Left(); d != want || ok != running {
				t.Errorf("%v left, %v, want %v, %v", d, ok, want, running)
			}
		}
		once, many := a.SendAt(begin.Add(time.Minute), tick), a.SendEvery(time.Hour, tick)
		stopped := a.SendAfter(time.Hour, tick)
		stopped.Stop()
		left(stopped, 0, false)
		in(t, a, func(*doContext) { // it is due, and still has to go through the mailbox
			left(a.SendAt(begin.Add(-time.Hour), tick), 0, true)
		})
		time.Sleep(20 * time.Second)
		left(once, 40*time.Second, true)
		left(many, time.Hour-20*time.Second, true)
		time.Sleep(time.Hour)
		settle()
		left(once, 0, false)
		left(many, time.Hour-20*time.Second, true)
		j.expect(t, "0s", "1m0s", "1h0m0s")
		a.PID().Exit(actor.Kill)
		ended(t, a.PID())
		left(many, 0, false)
	})
}

// TMR-1, TMR-4: not before its time, and behind what came before.
func TestAfterRunsInItsPlaceAmongTheMessages(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		begin := time.Now()
		note := func(what string) do {
			return func(*doContext) error { j.add("%s at %v", what, time.Since(begin)); return nil }
		}
		in(t, a, func(ctx *doContext) {
			ctx.After(time.Second, note("one"))
			ctx.After(2*time.Second, note("two")).Stop()
			ctx.Self().Send(func(*doContext) error {
				time.Sleep(500 * time.Millisecond)
				a.SendAfter(250*time.Millisecond, func(*doContext) error { // lasts until one is due
					a.Send(note("sent before"))
					time.Sleep(time.Second)
					a.Send(note("sent after"))
					return nil
				})
				return nil
			})
		})
		time.Sleep(time.Minute)
		j.expect(t, "sent before at 1.75s", "one at 1.75s", "sent after at 1.75s")
	})
}

// TMR-3, and what f returns ends the actor.
func TestAfterEndsAndDiesWithItsActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		broken := errors.New("broken")
		a := start(t, sys, &script{})
		ran := false
		var late *actor.Timer
		in(t, a, func(ctx *doContext) {
			ctx.After(time.Second, returning(broken))
			late = ctx.After(2*time.Second, func(*doContext) error { ran = true; return nil })
		})
		if reason := ended(t, a.PID()); !errors.Is(reason, broken) {
			t.Errorf("ended with %v", reason)
		}
		if late.Stop() {
			t.Error("a timer of a dead actor was still on")
		}
		time.Sleep(time.Minute)
		if ran {
			t.Error("it ran after the actor's end")
		}
	})
}

func TestAfterPanicsInItsActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{})
		in(t, a, func(ctx *doContext) { ctx.After(0, func(*doContext) error { panic("boom") }) })
		var p *actor.PanicError
		if reason := ended(t, a.PID()); !errors.As(reason, &p) || p.Value != "boom" {
			t.Errorf("ended with %v", reason)
		}
	})
}
