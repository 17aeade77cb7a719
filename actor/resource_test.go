package actor_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

type resource func(owner actor.PID, reason error)

func (r *resource) Release(owner actor.PID, reason error) { (*r)(owner, reason) }

// PROC-7: what an actor owns goes before anybody hears of its end, and all of it,
// even if giving one thing up fails.
func TestResourcesGoBeforeTheEndIsKnown(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watcher, owner := start(t, sys, journaled(&j)), start(t, sys, &script{})
		broken := resource(func(actor.PID, error) { panic("release") })
		sound := resource(func(pid actor.PID, reason error) { j.add("released %v %v", pid, reason) })
		disowned := resource(func(actor.PID, error) { t.Error("a resource was released that its owner had given away") })
		for _, r := range []*resource{&broken, &sound, &disowned} {
			if !owner.PID().Own(r) {
				t.Fatal("a living actor cannot own")
			}
		}
		owner.PID().Disown(&disowned)
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(owner.PID()) })
		owner.Send(returning(errBoom))
		settle()
		j.expect(t, "released "+owner.String()+" "+errBoom.Error(), "down "+owner.String()+" "+errBoom.Error())
		if owner.PID().Own(&sound) {
			t.Error("a dead actor owns something")
		}
	})
}

func TestAnActorCannotWaitForTheShutdownOfItsSystem(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref := start(t, sys, &script{})
		in(t, ref, func(ctx *doContext) {
			if err := sys.Shutdown(ctx); !errors.Is(err, actor.ErrSelf) {
				t.Errorf("err = %v, want ErrSelf", err)
			}
		})
		if _, err := actor.Spawn(sys, behave(&script{})); err != nil {
			t.Errorf("the system is closed all the same: %v", err)
		}
	})
}

// PROC-7: a link or a monitor that is made in the middle of a Release hears of the end
// when it is over, as those do that were there before, and with the true reason.
func TestTiesMadeDuringReleaseWaitForIt(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watcher, owner := start(t, sys, journaled(&j)), start(t, sys, &script{}, actor.Name("x"))
		gate := make(chan struct{})
		slow := resource(func(actor.PID, error) { <-gate })
		owner.PID().Own(&slow)
		owner.Send(returning(errBoom))
		settle()
		trapping(t, watcher)
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(owner.PID()) })
		link(t, watcher, owner)
		settle()
		j.expect(t)
		other := resource(func(actor.PID, error) {})
		if owner.PID().Own(&other) {
			t.Error("an actor owns something that it will not release")
		}
		close(gate)
		settle()
		j.expect(t, "exit "+owner.String()+" boom", "down "+owner.String()+" boom")
	})
}

// slice is a resource as it must not be.
type slice []int

func (slice) Release(actor.PID, error) {}

// What cannot be compared is refused when it is given, and strikes nobody that comes later.
func TestOwnWhatCannotBeCompared(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{}, actor.Name("a"))
		func() {
			defer func() {
				if v := recover(); v == nil || !strings.Contains(fmt.Sprint(v), "cannot be compared") {
					t.Errorf("Own panicked with %v", v)
				}
			}()
			a.PID().Own(slice{1})
		}()
		for range 20 {
			a.SendAfter(time.Hour, nil)
		}
		a.Send(returning(actor.Stop))
		settle()
		if _, ok := sys.WhereIs("a"); ok {
			t.Error("the name is still taken")
		}
	})
}
