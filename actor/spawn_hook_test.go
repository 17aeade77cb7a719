package actor_test

import (
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// key is a resource that writes down when it is released.
type key struct{ j *journal }

func (k *key) Release(_ actor.PID, reason error) { k.j.add("released: %v", reason) }

// Hooks run in the order of the options, names included, when the actor has its PID and
// lives; Init and messages come after them.
func TestHooksRunBeforeInit(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		hook := func(name string) actor.Option {
			return actor.BeforeInit(func(pid actor.PID) error {
				j.add("%s: %q alive %v", name, pid.Name(), pid.Alive())
				ref, _ := actor.RefOf[do](pid)
				ref.Send(func(*doContext) error { j.add("message of %s", name); return nil })
				return nil
			})
		}
		b := &scriptInit{init: func(ctx *doContext) error { j.add("init of %q", ctx.PID().Name()); return nil }}
		if _, err := actor.Spawn(sys, behave(b), hook("first"), actor.Name("a"), hook("second")); err != nil {
			t.Fatal(err)
		}
		settle()
		j.expect(t, `first: "" alive true`, `second: "a" alive true`, `init of "a"`,
			"message of first", "message of second")
	})
}

// A hook that fails, in all ways, fails the spawn with its error. The spawner's link does
// not strike it, no event tells of the actor, and what the actor owned is released.
func TestFailingHook(t *testing.T) {
	var missing *fs.PathError
	var panicked *actor.PanicError
	var unusable *actor.ReasonError
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	for name, c := range map[string]struct {
		hook func(actor.PID) error
		want func(error) bool
		took time.Duration
	}{
		"error":     {func(actor.PID) error { return errBoom }, is(errBoom), 0},
		"panic":     {func(actor.PID) error { panic("ouch") }, func(err error) bool { return errors.As(err, &panicked) }, 0},
		"Goexit":    {func(actor.PID) error { runtime.Goexit(); return nil }, is(actor.Goexit), 0},
		"typed nil": {func(actor.PID) error { return missing }, func(err error) bool { return errors.As(err, &unusable) }, 0},
		"no hook":   {nil, func(err error) bool { return errors.As(err, &panicked) }, 0},
		"blocks":    {func(pid actor.PID) error { <-pid.Done(); return nil }, is(actor.ErrStartTimeout), time.Second},
		"killed": {func(pid actor.PID) error {
			pid.Exit(actor.Kill)
			<-pid.Done()
			return nil
		}, is(actor.Killed), 0},
	} {
		for kind, spawn := range spawnKinds {
			t.Run(name+"/"+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var j journal
					parent := start(t, sys, journaled(&j))
					trapping(t, parent)
					defer sys.Observe(func(e actor.Event) { j.add("%T", e) })()
					own := actor.BeforeInit(func(pid actor.PID) error { pid.Own(&key{&j}); return nil })
					b := &scriptInit{init: func(*doContext) error { j.add("init"); return nil }}
					in(t, parent, func(ctx *doContext) {
						begin := time.Now()
						pid, err := spawn(ctx, behave(b), own, actor.Name("a"), actor.BeforeInit(c.hook), actor.StartTimeout(time.Second))
						if !pid.IsZero() || !c.want(err) || time.Since(begin) != c.took {
							t.Errorf("%v, %v after %v", pid, err, time.Since(begin))
						}
					})
					settle()
					if lines := j.take(); len(lines) != 1 || !strings.HasPrefix(lines[0], "released: ") {
						t.Errorf("happened: %q", lines)
					}
					if sys.Count() != 1 || len(sys.Names()) != 0 || !parent.PID().Alive() {
						t.Errorf("%d actors, names %v, parent: %v", sys.Count(), sys.Names(), parent.PID().Err())
					}
				})
			})
		}
	}
}

// A spawner that is killed does not wait for a hook that blocks.
func TestKilledSpawnerLeavesHook(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		parent := start(t, sys, &script{})
		parent.Send(func(ctx *doContext) error {
			_, err := actor.SpawnLink(ctx, behave(&script{}), actor.BeforeInit(func(pid actor.PID) error {
				<-pid.Done()
				return nil
			}))
			if !errors.Is(err, actor.Killed) {
				t.Errorf("spawn: %v", err)
			}
			j.add("returned")
			return nil
		})
		settle()
		parent.PID().Exit(actor.Kill)
		await(t, parent.PID().Done())
		j.expect(t, "returned")
	})
}
