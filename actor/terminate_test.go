package actor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// child spawns a script linked to parent.
func child(tb testing.TB, parent actor.Ref[do], s *script) (ref actor.Ref[do]) {
	tb.Helper()
	in(tb, parent, func(ctx *doContext) {
		var err error
		if ref, err = actor.SpawnLink(ctx, behave(s)); err != nil {
			tb.Error(err)
		}
	})
	return ref
}

// GS-40, GS-41, GS-42: Terminate runs when OTP says so, once, with the reason.
func TestTerminateRunsWhenItShould(t *testing.T) {
	type world struct {
		t                    *testing.T
		sys                  *actor.System
		parent, peer, victim actor.Ref[do]
	}
	trap := func(w world) { trapping(w.t, w.victim) }
	dont := func(world) {}
	cases := []struct {
		name    string
		prepare func(w world)
		end     func(w world)
		want    error // what Terminate gets, nil: it does not run
	}{
		{"it stops", dont, func(w world) { w.victim.Send(returning(actor.Stop)) }, actor.Normal},
		{"it fails", dont, func(w world) { w.victim.Send(returning(errBoom)) }, errBoom},
		{"it panics", dont, func(w world) { w.victim.Send(func(*doContext) error { panic(errBoom) }) }, errBoom},
		{"it calls Goexit", dont, func(w world) { w.victim.Send(func(*doContext) error { runtime.Goexit(); return nil }) }, actor.Goexit},
		{"it is stopped", dont, func(w world) { go w.victim.PID().Stop(context.Background(), actor.Shutdown) }, actor.Shutdown},

		{"kill", dont, func(w world) { w.victim.PID().Exit(actor.Kill) }, nil},
		{"kill, trap", trap, func(w world) { w.victim.PID().Exit(actor.Kill) }, nil},
		{"exit signal", dont, func(w world) { w.victim.PID().Exit(actor.Shutdown) }, nil},
		{"exit to itself", dont, func(w world) { in(w.t, w.victim, func(ctx *doContext) { ctx.Exit(ctx.PID(), errBoom) }) }, nil},
		{"a peer's end", dont, func(w world) { w.peer.Send(returning(errBoom)) }, nil},

		{"parent ends", dont, func(w world) { w.parent.Send(returning(errBoom)) }, nil},
		{"parent ends, trap", trap, func(w world) { w.parent.Send(returning(errBoom)) }, errBoom},
		{"parent ends normally, trap", trap, func(w world) { w.parent.Send(returning(actor.Stop)) }, actor.Normal},
		{"parent is killed, trap", trap, func(w world) { w.parent.PID().Exit(actor.Kill) }, actor.Killed},
		{"parent's exit signal, trap", trap, func(w world) {
			in(w.t, w.parent, func(ctx *doContext) { ctx.Exit(w.victim.PID(), actor.Shutdown) })
		}, actor.Shutdown},
		{"system's shutdown, trap", func(w world) {
			// An orphan: the system is all that is left.
			in(w.t, w.parent, func(ctx *doContext) { ctx.Unlink(w.victim.PID()) })
			trap(w)
		}, func(w world) { go w.sys.Shutdown(context.Background()) }, actor.Shutdown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var got []error
				w := world{t: t, sys: sys, parent: start(t, sys, &script{}), peer: start(t, sys, &script{})}
				w.victim = child(t, w.parent, &script{
					terminate: func(ctx *doContext, reason error) {
						got = append(got, reason)
						if ctx.Err() != nil {
							t.Error("the context of Terminate is dead") // T-116
						}
					},
					exit: func(_ *doContext, e actor.Exit) error {
						if e.From == w.parent.PID() {
							t.Error("HandleExit got the parent's exit") // GS-42
						}
						return nil
					},
				})
				link(t, w.victim, w.peer)
				c.prepare(w)
				c.end(w)
				ended(t, w.victim.PID())
				if c.want == nil && len(got) != 0 || c.want != nil && (len(got) != 1 || !errors.Is(got[0], c.want)) {
					t.Errorf("Terminate got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// T-49, GS-42: a trapping actor handles the exits of others and lives.
func TestExitsOfOthersDoNotTerminate(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		parent, peer := start(t, sys, &script{}), start(t, sys, &script{})
		a := child(t, parent, journaled(&j))
		trapping(t, a)
		link(t, a, peer)
		peer.Send(returning(errBoom))
		synctest.Wait()
		j.expect(t, fmt.Sprintf("exit %v boom", peer))
		if !a.PID().Alive() {
			t.Error("it died")
		}
	})
}

// GS-43, GO-22, decided: the first failure is the reason, but a crash of Terminate
// replaces a clean one.
func TestCrashInTerminate(t *testing.T) {
	crashes := map[string]struct {
		terminate func(*doContext, error)
		is        func(error) bool
	}{
		"panic": {func(*doContext, error) { panic("in Terminate") }, func(err error) bool {
			var p *actor.PanicError
			return errors.As(err, &p) && p.Value == "in Terminate"
		}},
		"Goexit": {func(*doContext, error) { runtime.Goexit() }, func(err error) bool { return err == actor.Goexit }},
	}
	for name, crash := range crashes {
		for _, first := range []error{actor.Normal, actor.Shutdown, errBoom} {
			t.Run(fmt.Sprint(name, " after ", first), func(t *testing.T) {
				sys := newSystem(t)
				downs := make(chan actor.Down, 1)
				watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error { downs <- d; return nil }})
				a := start(t, sys, &script{terminate: crash.terminate})
				in(t, watcher, func(ctx *doContext) { ctx.Monitor(a.PID()) })
				a.Send(returning(first))
				err := ended(t, a.PID())
				if actor.IsClean(first) && !crash.is(err) || !actor.IsClean(first) && err != first {
					t.Errorf("ended with %v", err)
				}
				if d := await(t, downs); d.Reason != err {
					t.Errorf("the down says %v", d.Reason)
				}
			})
		}
	}
}

// EXIT-2: a kill during Terminate is the reason; so is any signal that the actor
// does not trap.
func TestKillDuringTerminate(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		cancelled := false
		a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) {
			<-ctx.Done()
			cancelled = context.Cause(ctx) == actor.Killed
		}})
		a.Send(returning(errBoom))
		synctest.Wait()
		if !a.PID().Alive() {
			t.Error("it is dead before its Terminate has returned")
		}
		a.PID().Exit(actor.Kill)
		if err := ended(t, a.PID()); err != actor.Killed || !cancelled {
			t.Errorf("ended with %v; context cancelled: %v", err, cancelled)
		}
	})
}

// T-116, GO-15: Terminate can use its context, and other actors, to clean up.
func TestTerminateMayCallOthers(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	got := make(chan int, 1)
	a := start(t, sys, &script{terminate: func(ctx *doContext, _ error) {
		ctx2, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		n, err := actor.Call(ctx2, server, asking(3))
		if err != nil {
			t.Error(err)
		}
		got <- n
	}})
	a.Send(returning(actor.Stop))
	if n := await(t, got); n != 3 {
		t.Errorf("got %d", n)
	}
	ended(t, a.PID())
}

// T-42, GS-44, GS-45: Stop returns when the actor is gone; again, it finds nobody.
func TestStop(t *testing.T) {
	sys := newSystem(t)
	for _, reason := range []error{nil, actor.Shutdown, errBoom} {
		var j journal
		a := start(t, sys, &script{terminate: func(_ *doContext, r error) { j.add("terminate %v", r) }})
		a.Send(func(*doContext) error { j.add("what was sent before"); return nil })
		if err := a.PID().Stop(t.Context(), reason); err != nil {
			t.Errorf("Stop: %v", err)
		}
		want := reason
		if want == nil {
			want = actor.Normal
		}
		j.expect(t, "what was sent before", fmt.Sprintf("terminate %v", want))
		if err := a.PID().Err(); err != want || sys.Count() != 0 {
			t.Errorf("ended with %v; %d actors", err, sys.Count())
		}
		if err := a.PID().Stop(t.Context(), reason); !errors.Is(err, actor.NoProc) {
			t.Errorf("again: %v, want NoProc", err)
		}
	}
	if err := (actor.PID{}).Stop(t.Context(), nil); !errors.Is(err, actor.NoProc) {
		t.Errorf("nobody: %v", err)
	}
}

// GS-44: Stop reports another reason, a deadline, and a stop of oneself.
func TestStopThatFails(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		crasher := start(t, sys, &script{terminate: func(*doContext, error) { panic(errBoom) }})
		if err := crasher.PID().Stop(t.Context(), nil); !errors.Is(err, errBoom) {
			t.Errorf("crash in Terminate: %v", err)
		}

		slow := start(t, sys, &script{terminate: func(*doContext, error) { time.Sleep(10 * time.Second) }})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := slow.PID().Stop(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slow Terminate: %v", err)
		}
		if err := ended(t, slow.PID()); err != actor.Normal { // the request stands
			t.Errorf("ended with %v", err)
		}

		self := start(t, sys, &script{})
		in(t, self, func(ctx *doContext) {
			if err := ctx.PID().Stop(ctx, nil); !errors.Is(err, actor.ErrSelf) {
				t.Errorf("itself: %v", err)
			}
		})
	})
}
