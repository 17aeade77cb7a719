package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// heeds is an Init that waits for ctx, and stuck one that does not heed it.
func heeds(ctx *doContext) error { <-ctx.Done(); return context.Cause(ctx) }

func stuckUntil(release <-chan struct{}) func(*doContext) error {
	return func(*doContext) error { <-release; return nil }
}

// GO-24: a parent that is killed while its child's Init runs ends, and the child with it.
func TestParentThatIsKilledDuringInit(t *testing.T) {
	for _, child := range []string{"heeds", "stuck"} {
		for kind, spawn := range spawnKinds {
			if kind == "Spawn" {
				continue // it has no caller that could be killed
			}
			t.Run(child+"/"+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					release := make(chan struct{})
					init := heeds
					if child == "stuck" {
						init = stuckUntil(release)
					}
					parent := start(t, sys, &script{})
					var refused error
					parent.Send(func(ctx *doContext) error {
						_, refused = spawn(ctx, behave(&scriptInit{init: init}), actor.Name("child"))
						return nil
					})
					settle()
					begin := time.Now()
					parent.PID().Exit(errBoom)
					if err := ended(t, parent.PID()); err != errBoom || time.Since(begin) != 0 {
						t.Errorf("the parent ended with %v after %v", err, time.Since(begin))
					}
					if !errors.Is(refused, errBoom) {
						t.Errorf("spawn: %v", refused)
					}
					time.Sleep(actor.KillGrace)
					settle()
					if n := sys.Count(); n != 0 {
						t.Errorf("%d actors are left", n)
					}
					if _, taken := sys.WhereIs("child"); taken {
						t.Error("the name is left")
					}
					if n := len(sys.Stuck()); n == 1 != (child == "stuck") {
						t.Errorf("%d are stuck", n)
					}
					close(release)
					settle()
				})
			})
		}
	}
}

// GO-24: an actor that traps exits and is told to end by its parent passes that on to
// the child that it is starting, and does not wait.
func TestParentThatIsToldToEndDuringInit(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		top := start(t, sys, &script{})
		var middle actor.Ref[do]
		in(t, top, func(ctx *doContext) {
			middle, _ = actor.SpawnLink(ctx, behave(&script{terminate: func(_ *doContext, reason error) { j.add("terminate %v", reason) }}))
		})
		middle.Send(func(ctx *doContext) error {
			ctx.TrapExit(true)
			_, err := actor.SpawnLink(ctx, behave(&scriptInit{init: heeds}))
			j.add("spawn: %v", errors.Is(err, actor.Shutdown))
			return nil
		})
		settle()
		begin := time.Now()
		in(t, top, func(ctx *doContext) { ctx.Exit(middle.PID(), actor.Shutdown) })
		if err := ended(t, middle.PID()); err != actor.Shutdown || time.Since(begin) != 0 {
			t.Errorf("ended with %v after %v", err, time.Since(begin))
		}
		j.expect(t, "spawn: true", "terminate shutdown")
	})
}

// GS-1: an actor that is killed or abandoned during its Init is waited for no longer
// than a moment.
func TestChildThatIsKilledDuringInit(t *testing.T) {
	for _, how := range []string{"killed", "abandoned"} {
		for kind, spawn := range spawnKinds {
			t.Run(how+"/"+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					release := make(chan struct{})
					parent := start(t, sys, &script{})
					trapping(t, parent)
					answer := make(chan error, 1)
					parent.Send(func(ctx *doContext) error {
						_, err := spawn(ctx, behave(&scriptInit{init: stuckUntil(release)}), actor.Name("child"))
						answer <- err
						return nil
					})
					settle()
					child, _ := sys.WhereIs("child")
					child.Exit(actor.Kill)
					begin, want := time.Now(), actor.KillGrace
					if how == "abandoned" {
						want = 0
						if !child.Abandon() {
							t.Error("not abandoned")
						}
					}
					if err := await(t, answer); !errors.Is(err, actor.Killed) || time.Since(begin) != want {
						t.Errorf("spawn: %v after %v", err, time.Since(begin))
					}
					if n := sys.Abandoned(); n != 1 {
						t.Errorf("%d were abandoned", n)
					}
					close(release)
					settle()
					// What is used again for the next Init is clean.
					in(t, parent, func(ctx *doContext) {
						for range 3 {
							if _, err := spawn(ctx, behave(&scriptInit{init: func(*doContext) error { return nil }})); err != nil {
								t.Errorf("the next spawn: %v", err)
							}
						}
					})
				})
			})
		}
	}
}

// GS-1: after a start timeout neither the actor nor its name is left, whether Init heeds
// its context or not, and it can be started again.
func TestStartTimeoutLeavesNothing(t *testing.T) {
	for _, child := range []string{"heeds", "stuck"} {
		t.Run(child, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				release := make(chan struct{})
				init, took := heeds, time.Second
				if child == "stuck" {
					init, took = stuckUntil(release), time.Second+actor.KillGrace
				}
				begin := time.Now()
				_, err := actor.Spawn(sys, behave(&scriptInit{init: init}), actor.Name("child"), actor.StartTimeout(time.Second))
				if !errors.Is(err, actor.ErrStartTimeout) || time.Since(begin) != took {
					t.Errorf("spawn: %v after %v", err, time.Since(begin))
				}
				if n := sys.Count(); n != 0 {
					t.Errorf("%d actors are left", n)
				}
				start(t, sys, &script{}, actor.Name("child"))
				close(release)
			})
		})
	}
}

// PROC-4: an actor that is refused a spawn hears of it by the error, and by nothing else.
func TestRefusedSpawnDoesNotStrikeTheCaller(t *testing.T) {
	refusals := map[string]struct {
		prepare func(t *testing.T, sys *actor.System)
		want    func(error) bool
	}{
		"shutdown": {
			func(t *testing.T, sys *actor.System) {
				slow := start(t, sys, &script{terminate: func(*doContext, error) { time.Sleep(time.Minute) }})
				trapping(t, slow)
				go sys.Shutdown(context.Background())
				settle()
			},
			func(err error) bool { return errors.Is(err, actor.ErrClosed) },
		},
		"name": {
			func(t *testing.T, sys *actor.System) { start(t, sys, &script{}, actor.Name("x")) },
			func(err error) bool { _, ok := errors.AsType[*actor.NameTakenError](err); return ok },
		},
	}
	for refusal, c := range refusals {
		for kind, spawn := range spawnKinds {
			t.Run(refusal+"/"+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					caller := start(t, sys, &script{})
					c.prepare(t, sys)
					in(t, caller, func(ctx *doContext) {
						for _, b := range []actor.Behavior[do]{&script{}, &scriptInit{init: func(*doContext) error { t.Error("Init ran"); return nil }}} {
							if _, err := spawn(ctx, behave(b), actor.Name("x")); !c.want(err) {
								t.Errorf("spawn: %v", err)
							}
							if err := ctx.Err(); err != nil {
								t.Fatalf("the caller is doomed: %v", ctx.PID().Err())
							}
						}
					})
					if info, ok := caller.PID().Info(); ok && len(info.Links)+len(info.Monitors) != 0 {
						t.Errorf("ties are left: %v, %v", info.Links, info.Monitors)
					}
					time.Sleep(time.Hour)
				})
			})
		}
	}
}

// T-41: a spawn waits for a name whose holder is about to end.
func TestNameOfALeavingHolder(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(ctx *doContext, holder actor.PID)
		took time.Duration
		ok   bool
	}{
		"killed":           {func(_ *doContext, holder actor.PID) { holder.Exit(actor.Kill) }, 500 * time.Millisecond, true},
		"told by parent":   {func(ctx *doContext, holder actor.PID) { ctx.Exit(holder, actor.Shutdown) }, 500 * time.Millisecond, true},
		"told by others":   {func(_ *doContext, holder actor.PID) { holder.Exit(actor.Shutdown) }, 0, false},
		"asked to stop":    {func(_ *doContext, holder actor.PID) { go holder.Stop(context.Background(), nil) }, 500 * time.Millisecond, true},
		"alive":            {func(*doContext, actor.PID) {}, 0, false},
		"stuck and killed": {func(_ *doContext, holder actor.PID) { holder.Exit(actor.Kill) }, time.Second, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				parent := start(t, sys, &script{})
				in(t, parent, func(ctx *doContext) {
					ctx.TrapExit(true)
					holder, err := actor.SpawnLink(ctx, behave(&script{}), actor.Name("x"))
					if err != nil {
						t.Fatal(err)
					}
					works := 500 * time.Millisecond
					if name == "stuck and killed" {
						works = time.Hour
					}
					holder.Send(func(ctx *doContext) error {
						ctx.TrapExit(true)
						time.Sleep(works)
						return nil
					})
					settleInside()
					c.end(ctx, holder.PID())
					settleInside()
					begin := time.Now()
					_, err = actor.SpawnLink(ctx, behave(&script{}), actor.Name("x"))
					if took := time.Since(begin).Round(time.Millisecond); (err == nil) != c.ok || took != c.took {
						t.Errorf("spawn: %v after %v", err, took)
					}
				})
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// settleInside lets the other actors of a bubble act, from within a handler.
func settleInside() { time.Sleep(time.Nanosecond) }

// PROC-7: when the parent hears of a death, those that were linked to the dead actor
// have been struck, whatever the order in which they were linked.
func TestParentIsToldLast(t *testing.T) {
	sys := newSystem(t)
	for round := range 200 {
		alive := make(chan []actor.PID, 1)
		var helpers []actor.PID
		parent := start(t, sys, &script{exit: func(*doContext, actor.Exit) error {
			alive <- slices.DeleteFunc(slices.Clone(helpers), func(p actor.PID) bool { return !p.Alive() })
			return nil
		}})
		var owner actor.Ref[do]
		in(t, parent, func(ctx *doContext) {
			ctx.TrapExit(true)
			owner, _ = actor.SpawnLink(ctx, behave(&script{}))
		})
		in(t, owner, func(ctx *doContext) {
			for range round % 12 {
				helper, err := actor.SpawnLink(ctx, behave(&script{}))
				if err != nil {
					t.Error(err)
				}
				helpers = append(helpers, helper.PID())
			}
		})
		owner.Send(returning(errBoom))
		if left := await(t, alive); len(left) != 0 {
			t.Fatalf("round %d: %v live when the parent is told", round, left)
		}
		parent.Send(returning(actor.Stop))
	}
}

// GS-3: an Init that returns an error that wraps Ignore is not wanted, as one that
// returns Ignore itself.
func TestInitThatReturnsAWrappedIgnore(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watchEvents(sys, &j)
		_, err := actor.Spawn(sys, behave(&scriptInit{init: func(*doContext) error { return fmt.Errorf("not today: %w", actor.Ignore) }}))
		if !errors.Is(err, actor.Ignore) {
			t.Errorf("spawn: %v", err)
		}
		settle()
		j.expect(t, "spawned <0.1> by <>", "exited <0.1> normal")
	})
}
