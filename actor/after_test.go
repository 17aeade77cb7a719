package actor_test

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

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
