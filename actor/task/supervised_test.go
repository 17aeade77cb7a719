package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
	"github.com/troupe-go/troupe/supervisor"
)

// TSUP-2: each incarnation runs the function anew, and ends as the function does.
// The spawn does not wait for it.
func TestBehavior(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		runs := 0
		newJob := task.Behavior(func(context.Context) error {
			runs++
			time.Sleep(time.Hour)
			switch runs {
			case 1:
				return errBoom
			case 2:
				panic("oops")
			}
			return nil
		})
		for _, want := range []func(error) bool{
			func(err error) bool { return err == errBoom }, isPanic("oops"), func(err error) bool { return err == actor.Normal },
		} {
			start := time.Now()
			ref, err := actor.Spawn(sys, newJob)
			if err != nil || time.Since(start) != 0 {
				t.Fatalf("spawn: %v in %v", err, time.Since(start))
			}
			<-ref.PID().Done()
			if err := ref.PID().Err(); !want(err) || time.Since(start) != time.Hour {
				t.Errorf("ended with %v after %v", err, time.Since(start))
			}
		}
	})
}

// TSUP-1: fire and forget: a crash strikes the parent, and the parent's end, of
// whatever reason, ends the task.
func TestStart(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		start := func(parent actor.Ref[do], f func(context.Context) error) (pid actor.PID) {
			in(t, parent, func(ctx *doContext) {
				var err error
				if pid, err = task.Start(ctx, f); err != nil {
					t.Error(err)
				}
			})
			return pid
		}
		parent := spawn(t, sys)
		actortest.ExpectExit(t, start(parent, func(context.Context) error { return nil }), actor.Normal)
		actortest.ExpectExit(t, start(parent, func(context.Context) error { time.Sleep(time.Millisecond); return errBoom }), errBoom)
		actortest.ExpectExit(t, parent.PID(), errBoom)
		for _, reason := range []error{actor.Normal, actor.Shutdown, errBoom} {
			parent := spawn(t, sys)
			pid := start(parent, func(ctx context.Context) error { <-ctx.Done(); return nil })
			if info, ok := pid.Info(); !ok || info.Parent != parent.PID() {
				t.Errorf("info: %+v, %v", info, ok)
			}
			parent.Send(func(*doContext) error { return reason })
			want := reason
			if reason == actor.Normal {
				want = actor.Shutdown
			}
			actortest.ExpectExit(t, pid, want)
		}
	})
}

// TSUP-1: a task that a supervisor starts is linked to that and, before it does
// anything, to its owner, who awaits it; one without a link only to the former.
func TestPrepare(t *testing.T) {
	for _, linked := range []bool{true, false} {
		for _, end := range []string{"value", "crash", "owner", "supervisor", "kill"} {
			t.Run(fmt.Sprint(end, " linked ", linked), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					sup, owner := spawn(t, sys), spawn(t, sys)
					in(t, sup, func(ctx *doContext) { ctx.TrapExit(true) })
					f := map[string]work{"value": value(1, time.Second), "crash": crashes["error"].f}[end]
					if f == nil {
						f = heed
					}
					var tk *task.Task[int]
					awaited := make(chan error, 1)
					in(t, owner, func(ctx *doContext) {
						if linked {
							tk = task.Prepare(ctx, f)
						} else {
							tk = task.PrepareNoLink(within(t, ctx, time.Hour), f)
						}
					})
					if _, done, err := tk.Poll(); done || err != nil || !tk.PID().IsZero() {
						t.Errorf("before the start: %v, %v, %v", done, err, tk.PID())
					}
					owner.Send(func(ctx *doContext) error {
						v, err := tk.Await(ctx) // from before the start
						if err == nil && v != 1 {
							t.Errorf("await: %v", v)
						}
						awaited <- err
						return nil
					})
					synctest.Wait()
					in(t, sup, func(ctx *doContext) {
						pid, err := tk.Start(ctx)
						if err != nil || pid != tk.PID() {
							t.Errorf("start: %v, %v", pid, err)
						}
						if _, err := tk.Start(ctx); !errors.Is(err, task.ErrStarted) {
							t.Errorf("second start: %v", err)
						}
					})
					synctest.Wait()
					if end == "value" || end == "owner" {
						info, _ := tk.PID().Info()
						if len(info.Links) != map[bool]int{true: 2, false: 1}[linked] || info.Parent != sup.PID() {
							t.Errorf("%+v", info)
						}
					}
					var want error
					ownerLives := !linked
					switch end {
					case "value":
						ownerLives = true
					case "crash":
						want = errBoom
					case "kill":
						if _, err := tk.Kill(); !errors.Is(err, actor.Killed) {
							t.Errorf("kill: %v", err)
						}
						want, ownerLives = actor.Killed, true
					case "owner":
						owner.PID().Exit(errBoom)
						want, ownerLives = context.Canceled, false
					case "supervisor":
						sup.Send(func(*doContext) error { return errBoom })
						want = errBoom
					}
					if err := <-awaited; !errors.Is(err, want) && !(end == "owner" && errors.Is(err, actor.Shutdown)) {
						t.Errorf("await: %v, want %v", err, want)
					}
					synctest.Wait()
					if owner.PID().Alive() != ownerLives {
						t.Errorf("the owner lives: %v, %v", owner.PID().Alive(), owner.PID().Err())
					}
					if tk.PID().Alive() {
						t.Error("the task lives")
					}
				})
			})
		}
	}
}

// TSUP-1, TSUP-2: a task that a dynamic supervisor starts counts to its maximum and
// is never restarted, however it ends; nor does its crash end the supervisor.
func TestStartTask(t *testing.T) {
	for name, test := range crashes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				sup, runs := startDynamic(t, sys, 1), 0
				tk := task.PrepareNoLink(t.Context(), func(ctx context.Context) (int, error) {
					runs++
					time.Sleep(time.Second)
					return test.f(ctx)
				})
				if pid, err := sup.StartTask(t.Context(), tk.Start); err != nil || pid != tk.PID() {
					t.Fatalf("start: %v, %v", pid, err)
				}
				expectChildren(t, sup, 1)
				second := task.PrepareNoLink(t.Context(), heed)
				if _, err := sup.StartTask(t.Context(), second.Start); !errors.Is(err, supervisor.ErrMaxChildren) {
					t.Errorf("start of a second one: %v", err)
				}
				if _, err := tk.Await(t.Context()); !test.want(err) {
					t.Errorf("await: %v", err)
				}
				synctest.Wait()
				expectChildren(t, sup, 0)
				if runs != 1 || !sup.PID().Alive() {
					t.Errorf("%d runs; the supervisor: %v", runs, sup.PID().Err())
				}
				if _, err := sup.StartTask(t.Context(), second.Start); err != nil { // when there is room
					t.Errorf("second start: %v", err)
				}
			})
		})
	}
}

// A task that is ended before its start does not start.
func TestPrepareAndEnd(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		sup := spawn(t, sys)
		for _, want := range []error{actor.Killed, actor.Shutdown} {
			tk := task.PrepareNoLink(t.Context(), heed)
			awaited := make(chan error, 1)
			go func() { _, err := tk.Await(t.Context()); awaited <- err }()
			synctest.Wait()
			if want == actor.Killed {
				tk.Kill()
			} else {
				tk.Shutdown(t.Context())
			}
			if err := <-awaited; !errors.Is(err, want) {
				t.Errorf("await: %v, want %v", err, want)
			}
			in(t, sup, func(ctx *doContext) {
				if _, err := tk.Start(ctx); !errors.Is(err, task.ErrStarted) {
					t.Errorf("start: %v", err)
				}
			})
		}
		tk := task.Go(t.Context(), sys, heed)
		in(t, sup, func(ctx *doContext) {
			if _, err := tk.Start(ctx); !errors.Is(err, task.ErrStarted) {
				t.Errorf("start of a running task: %v", err)
			}
		})
	})
}

// The owner ends before a supervisor has started its task: the task ends as well.
func TestPrepareByTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		sup, owner := spawn(t, sys), spawn(t, sys)
		var tk *task.Task[int]
		in(t, owner, func(ctx *doContext) { tk = task.Prepare(ctx, heed) })
		actortest.Crash(t, owner.PID(), nil)
		in(t, sup, func(ctx *doContext) {
			ctx.TrapExit(true)
			if _, err := tk.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		actortest.ExpectExit(t, tk.PID(), actor.Shutdown)
	})
}

// A kill of a task that is just being started never strikes the owner.
func TestKillRacesTheStart(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	sup, owner := spawn(t, sys), spawn(t, sys)
	in(t, sup, func(ctx *doContext) { ctx.TrapExit(true) })
	for range 1000 {
		var tk *task.Task[int]
		in(t, owner, func(ctx *doContext) { tk = task.Prepare(ctx, value(1, 0)) })
		sup.Send(func(ctx *doContext) error { tk.Start(ctx); return nil })
		v, err := tk.Kill()
		if err == nil && v != 1 || err != nil && !errors.Is(err, actor.Killed) {
			t.Fatalf("kill: %v, %v", v, err)
		}
		actortest.Sync(t, sup.PID())
		if pid := tk.PID(); !pid.IsZero() {
			<-pid.Done()
		}
	}
	actortest.Sync(t, owner.PID())
	if !owner.PID().Alive() {
		t.Errorf("the owner ended: %v", owner.PID().Err())
	}
}
