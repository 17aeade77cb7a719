package actor_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// MON-1, MON-5: a down comes for every reason and does nothing else.
func TestDownComesForEveryReason(t *testing.T) {
	ends := map[string]struct {
		end  func(a actor.Ref[do])
		want error
	}{
		"normal":   {func(a actor.Ref[do]) { a.Send(returning(actor.Stop)) }, actor.Normal},
		"shutdown": {func(a actor.Ref[do]) { a.PID().Exit(actor.Shutdown) }, actor.Shutdown},
		"kill":     {func(a actor.Ref[do]) { a.PID().Exit(actor.Kill) }, actor.Killed}, // MON-9
		"crash":    {func(a actor.Ref[do]) { a.Send(func(*doContext) error { panic(errBoom) }) }, errBoom},
	}
	for name, c := range ends {
		for _, trap := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ",trap=", trap), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var downs []actor.Down
					var m actor.Monitor
					watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error {
						downs = append(downs, d)
						return nil
					}})
					target := start(t, sys, &script{})
					in(t, watcher, func(ctx *doContext) {
						ctx.TrapExit(trap)
						m = ctx.Monitor(target.PID())
					})
					c.end(target)
					synctest.Wait()
					if len(downs) != 1 || downs[0].PID != target.PID() || downs[0].Monitor != m || !errors.Is(downs[0].Reason, c.want) {
						t.Errorf("downs: %v", downs)
					}
					if !watcher.PID().Alive() {
						t.Error("the watcher died")
					}
				})
			})
		}
	}
}

// MON-1: the end of the watcher is nothing to the target; MON-10: its monitors go.
func TestWatchersEndLeavesTheTargetAlone(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		watcher, target := start(t, sys, &script{}), start(t, sys, &script{})
		in(t, watcher, func(ctx *doContext) { ctx.Monitor(target.PID()) })
		watcher.PID().Exit(actor.Kill)
		synctest.Wait()
		if !target.PID().Alive() {
			t.Error("the target died")
		}
		target.PID().Exit(actor.Kill)
	})
}

// MON-2, MON-3: n monitors on one target are n downs.
func TestEachMonitorFiresOnce(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		fired := map[actor.Monitor]int{}
		watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error { fired[d.Monitor]++; return nil }})
		target := start(t, sys, &script{})
		var set []actor.Monitor
		in(t, watcher, func(ctx *doContext) {
			for range 5 {
				set = append(set, ctx.Monitor(target.PID()))
			}
			if !ctx.Demonitor(set[2]) {
				t.Error("the monitor was not up")
			}
		})
		target.Send(returning(errBoom))
		synctest.Wait()
		for i, m := range set {
			if want := map[bool]int{true: 0, false: 1}[i == 2]; fired[m] != want {
				t.Errorf("monitor %d fired %d times", i, fired[m])
			}
		}
	})
}

// T-77, MON-4, EXIT-5: a monitor on the dead, or on nobody, fires with NoProc, by
// message.
func TestMonitorOnTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		dead, watcher := start(t, sys, &script{}), start(t, sys, journaled(&j))
		dead.Send(returning(errBoom))
		ended(t, dead.PID())
		in(t, watcher, func(ctx *doContext) {
			ctx.Monitor(dead.PID())
			ctx.Monitor(actor.PID{})
			j.add("handler returns")
		})
		synctest.Wait()
		j.expect(t, "handler returns", fmt.Sprintf("down %v not running", dead), "down <> not running")
	})
}

// MON-8: a monitor on oneself never fires.
func TestMonitorOnOneself(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, journaled(&j))
		in(t, a, func(ctx *doContext) { ctx.Demonitor(ctx.Monitor(ctx.PID())); ctx.Monitor(ctx.PID()) })
		a.Send(returning(actor.Stop))
		synctest.Wait()
		j.expect(t)
	})
}

// MON-6: Demonitor tells whether it took a live monitor down, and takes back a
// down that waits already.
func TestDemonitor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		watcher, stranger := start(t, sys, journaled(&j)), start(t, sys, &script{})
		target := start(t, sys, &script{})
		gate := make(chan struct{})
		watcher.Send(func(ctx *doContext) error {
			live, late := ctx.Monitor(target.PID()), ctx.Monitor(target.PID())
			in(t, stranger, func(ctx *doContext) {
				if ctx.Demonitor(live) {
					t.Error("a stranger took the monitor down")
				}
			})
			for i, want := range []bool{true, false} {
				if got := ctx.Demonitor(live); got != want {
					t.Errorf("Demonitor %d = %v", i, got)
				}
			}
			<-gate // the target ends
			if ctx.Demonitor(late) || ctx.Demonitor(actor.Monitor{}) {
				t.Error("Demonitor says that the monitor was up")
			}
			return nil
		})
		synctest.Wait()
		target.Send(returning(errBoom))
		synctest.Wait()
		close(gate)
		synctest.Wait()
		j.expect(t)
	})
}

// T-80, MON-6: when Demonitor has returned no down comes, whatever it raced.
func TestDemonitorRacesTheTargetsDeath(t *testing.T) {
	sys := newSystem(t)
	var one, dropped actor.Monitor
	var ones, others int // downs
	watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error {
		switch d.Monitor {
		case dropped:
			t.Error("a down after Demonitor")
		case one:
			ones++
		default:
			others++
		}
		return nil
	}})
	for range 2000 {
		target := start(t, sys, &script{})
		in(t, watcher, func(ctx *doContext) {
			ones, others = 0, 0
			one = ctx.Monitor(target.PID())
			ctx.Monitor(target.PID())
		})
		target.Send(returning(errBoom))
		in(t, watcher, func(ctx *doContext) {
			if ctx.Demonitor(one) && ones != 0 {
				t.Error("Demonitor says that a monitor was up which has fired")
			}
			dropped = one
		})
		ended(t, target.PID())
		in(t, watcher, func(*doContext) {
			if others != 1 {
				t.Errorf("%d downs of the other monitor, want 1", others)
			}
		})
	}
}
