package actor_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

type dozer struct {
	script
	idle func(ctx *doContext) error
}

func (d *dozer) HandleIdle(ctx *doContext) error { return d.idle(ctx) }

func TestIdleTimeout(t *testing.T) { // GS-12, T-55
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		begin := time.Now()
		ref, err := actor.Spawn(sys, behave(&dozer{idle: func(*doContext) error {
			j.add("idle at %v", time.Since(begin))
			return nil
		}}))
		if err != nil {
			t.Fatal(err)
		}
		nop := func(*doContext) error { return nil }
		in(t, ref, func(ctx *doContext) { ctx.IdleAfter(10 * time.Second) })

		for range 3 { // each message starts a full new interval
			time.Sleep(7 * time.Second)
			ref.Send(nop)
		}
		time.Sleep(time.Minute) // it is told once, until the next message
		j.expect(t, "idle at 31s")

		ref.Send(nop) // at 81 s
		time.Sleep(15 * time.Second)
		j.expect(t, "idle at 1m31s")

		in(t, ref, func(ctx *doContext) { ctx.IdleAfter(0) })
		time.Sleep(time.Minute)
		j.expect(t)

		in(t, ref, func(ctx *doContext) {
			ctx.IdleAfter(time.Second)
			ctx.IdleAfter(5 * time.Second) // replaces it
		})
		time.Sleep(time.Minute)
		j.expect(t, "idle at 2m41s")
	})
}

// GS-12: whatever the actor handles starts a full new interval.
func TestEverythingThatIsHandledKeepsFromBeingIdle(t *testing.T) {
	kinds := map[string]func(t *testing.T, a, peer actor.Ref[do]){
		"message": func(_ *testing.T, a, _ actor.Ref[do]) { a.Send(returning(nil)) },
		"exit":    func(_ *testing.T, a, _ actor.Ref[do]) { a.PID().Exit(errBoom) },
		"down":    func(_ *testing.T, _, peer actor.Ref[do]) { peer.Send(returning(actor.Stop)) },
		"request": func(t *testing.T, a, _ actor.Ref[do]) {
			if err := a.PID().Inspect(t.Context(), func(any) {}); err != nil {
				t.Error(err)
			}
		},
		"timer":       nil,
		"named timer": nil,
	}
	for kind, come := range kinds {
		t.Run(kind, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				begin := time.Now()
				ref, err := actor.Spawn(sys, behave(&dozer{idle: func(*doContext) error {
					j.add("idle at %v", time.Since(begin))
					return nil
				}}))
				if err != nil {
					t.Fatal(err)
				}
				peer := start(t, sys, &script{})
				in(t, ref, func(ctx *doContext) {
					ctx.TrapExit(true)
					ctx.Monitor(peer.PID())
					ctx.IdleAfter(10 * time.Second)
					switch kind {
					case "timer":
						ctx.After(7*time.Second, returning(nil))
					case "named timer":
						ctx.SetTimer("x", 7*time.Second, returning(nil))
					}
				})
				time.Sleep(7 * time.Second)
				if come != nil {
					come(t, ref, peer)
				}
				time.Sleep(time.Minute)
				j.expect(t, "idle at 17s")
			})
		})
	}
}

func TestIdleTimerGoesWithItsActor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, err := actor.Spawn(sys, behave(&dozer{idle: func(*doContext) error { return actor.Stop }}))
		if err != nil {
			t.Fatal(err)
		}
		in(t, ref, func(ctx *doContext) { ctx.IdleAfter(time.Second) })
		time.Sleep(2 * time.Second)
		if ref.PID().Err() != actor.Normal {
			t.Errorf("ended with %v, want what HandleIdle returned", ref.PID().Err())
		}
	})
}

func TestNamedTimers(t *testing.T) { // TMR-2, SM-12, SM-14
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		ref := start(t, sys, &script{})
		say := func(what string) do {
			return func(*doContext) error {
				j.add("%s", what)
				return nil
			}
		}
		in(t, ref, func(ctx *doContext) {
			ctx.SetTimer("a", time.Second, say("a1"))
			ctx.SetTimer("a", 2*time.Second, say("a2")) // replaces a1
			ctx.SetTimer("b", time.Second, say("b"))
			ctx.SetTimer("c", time.Second, say("c"))
			if !ctx.CancelTimer("c") || ctx.CancelTimer("c") || ctx.CancelTimer("none") {
				t.Error("CancelTimer is true for a timer that is set, once")
			}
		})
		time.Sleep(time.Minute)
		j.expect(t, "b", "a2")

		// A message that waits already is not delivered once its timer is replaced
		// or cancelled.
		in(t, ref, func(ctx *doContext) {
			ctx.SetTimer("a", time.Second, say("stale"))
			ctx.SetTimer("b", time.Second, say("stale"))
			time.Sleep(2 * time.Second) // both have fired and wait
			ctx.SetTimer("a", time.Second, say("fresh"))
			if !ctx.CancelTimer("b") {
				t.Error("the timer had not delivered")
			}
		})
		time.Sleep(time.Minute)
		j.expect(t, "fresh")

		in(t, ref, func(ctx *doContext) {
			ctx.SetTimer("a", time.Second, say("after its death"))
			ctx.Exit(ctx.PID(), actor.Shutdown)
		})
		time.Sleep(time.Minute)
		j.expect(t)
	})
}
