package actor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// spawnKinds are the ways to spawn. Each returns the error of the spawn.
var spawnKinds = map[string]func(parent *doContext, newBehavior func() actor.Behavior[do], opts ...actor.Option) (actor.PID, error){
	"Spawn": func(parent *doContext, nb func() actor.Behavior[do], opts ...actor.Option) (actor.PID, error) {
		ref, err := actor.Spawn(parent.System(), nb, opts...)
		return ref.PID(), err
	},
	"SpawnLink": func(parent *doContext, nb func() actor.Behavior[do], opts ...actor.Option) (actor.PID, error) {
		ref, err := actor.SpawnLink(parent, nb, opts...)
		return ref.PID(), err
	},
	"SpawnMonitor": func(parent *doContext, nb func() actor.Behavior[do], opts ...actor.Option) (actor.PID, error) {
		ref, _, err := actor.SpawnMonitor(parent, nb, opts...)
		return ref.PID(), err
	},
}

// GS-3, GS-4, GS-5, GS-6, GS-7, T-40: an Init that fails, in all ways, and what the spawn returns,
// what the actor ends with and whether a linked parent is struck.
func TestFailingInit(t *testing.T) {
	isPanic := func(err error) bool { var p *actor.PanicError; return errors.As(err, &p) && p.Value == "ouch" }
	is := func(target error) func(error) bool { return func(err error) bool { return errors.Is(err, target) } }
	cases := []struct {
		name    string
		init    func(ctx *doContext) error
		err     func(error) bool // of the spawn
		reason  func(error) bool // of the actor
		strikes bool             // the parent by its link
	}{
		{"error", func(*doContext) error { return errBoom }, is(errBoom), is(errBoom), false},
		{"Ignore", func(*doContext) error { return actor.Ignore }, is(actor.Ignore), is(actor.Normal), false},
		{"panic", func(*doContext) error { panic("ouch") }, isPanic, isPanic, true},
		{"Goexit", func(*doContext) error { runtime.Goexit(); return nil }, is(actor.Goexit), is(actor.Goexit), true},
		{"exit itself", func(ctx *doContext) error { ctx.Exit(ctx.PID(), errBoom); return nil }, is(errBoom), is(errBoom), true},
		{"timeout", func(ctx *doContext) error { <-ctx.Done(); return nil }, is(actor.ErrStartTimeout), is(actor.Killed), false},
	}
	for _, c := range cases {
		for kind, spawn := range spawnKinds {
			t.Run(c.name+"/"+kind, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var events []actor.Exited
					defer sys.Observe(func(e actor.Event) {
						if e, ok := e.(actor.Exited); ok {
							events = append(events, e)
						}
					})()
					child := &scriptInit{init: func(ctx *doContext) error {
						ctx.Continue(func(*doContext) error { t.Error("Continue ran"); return nil })
						ctx.Self().Send(func(*doContext) error { t.Error("a message was handled"); return nil })
						ctx.SendAfter(time.Hour, nil)
						return c.init(ctx)
					}}
					child.terminate = func(*doContext, error) { t.Error("Terminate ran after a failed Init") } // GS-7
					exits := 0
					parent := start(t, sys, &script{
						exit: func(_ *doContext, e actor.Exit) error {
							exits++
							if !c.reason(e.Reason) {
								t.Errorf("the link says %v", e.Reason)
							}
							return nil
						},
						down: func(_ *doContext, d actor.Down) error {
							t.Errorf("the monitor of a failed spawn fired: %v", d)
							return nil
						},
					})
					in(t, parent, func(ctx *doContext) {
						ctx.TrapExit(true)
						pid, err := spawn(ctx, behave(child), actor.Name("x"), actor.StartTimeout(time.Second))
						if !c.err(err) || !pid.IsZero() {
							t.Errorf("the spawn returned %v, %v", pid, err)
						}
						if _, there := sys.WhereIs("x"); there && c.name != "timeout" {
							t.Error("the name is still taken") // GS-8
						}
					})
					synctest.Wait()
					if want := c.strikes && kind == "SpawnLink"; (exits > 0) != want {
						t.Errorf("%d exits from the link, want any: %v", exits, want)
					}
					if len(events) != 1 || !c.reason(events[0].Reason) {
						t.Errorf("it ended with %v", events)
					}
					if n := sys.Count(); n != 1 {
						t.Errorf("%d actors, want only the parent", n)
					}
					if _, there := sys.WhereIs("x"); there {
						t.Error("the name is still taken")
					}
				})
			})
		}
	}
}

// T-40, GS-1: a parent that does not trap exits survives the start timeout of its
// child.
func TestStartTimeoutDoesNotStrikeTheParent(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		parent := start(t, sys, &script{})
		in(t, parent, func(ctx *doContext) {
			begin := time.Now()
			_, err := actor.SpawnLink(ctx, behave(&scriptInit{init: func(ctx *doContext) error {
				time.Sleep(3 * time.Second)
				return nil
			}}), actor.StartTimeout(time.Second))
			if !errors.Is(err, actor.ErrStartTimeout) || time.Since(begin) != time.Second+actor.KillGrace {
				t.Errorf("%v after %v", err, time.Since(begin))
			}
		})
		if n, m := sys.Count(), sys.Stuck(); n != 1 || len(m) != 1 { // Go cannot stop an Init
			t.Errorf("%d actors and %v stuck while Init runs, want 1 and one", n, m)
		}
		time.Sleep(5 * time.Second)
		if m := sys.Stuck(); len(m) != 0 {
			t.Errorf("%v are stuck when Init has returned", m)
		}
		if !parent.PID().Alive() || sys.Count() != 1 {
			t.Errorf("parent: %v, actors: %d", parent.PID().Err(), sys.Count())
		}
	})
}

// GS-1: an Init in time is not hurt by the timeout.
func TestStartInTime(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		ref, err := actor.Spawn(sys, behave(&scriptInit{init: func(*doContext) error {
			time.Sleep(time.Second)
			return nil
		}}), actor.StartTimeout(2*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		in(t, ref, func(*doContext) {})
	})
}

// A constructor of any type that implements Behavior will do.
func TestConstructorsOfAllKinds(t *testing.T) {
	sys := newSystem(t)
	byPointer, err := actor.Spawn(sys, func() *adder { return new(adder) })
	if err != nil {
		t.Fatal(err)
	}
	byValue, err := actor.Spawn(sys, func() summand { return summand{2} })
	if err != nil {
		t.Fatal(err)
	}
	byInterface, err := actor.Spawn(sys, func() actor.Behavior[actor.Reply[int]] { return summand{3} })
	if err != nil {
		t.Fatal(err)
	}
	byFunction, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
		r.Send(4)
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	for i, ref := range []actor.Ref[actor.Reply[int]]{byPointer, byValue, byInterface, byFunction} {
		n, err := actor.Call(t.Context(), ref, func(r actor.Reply[int]) actor.Reply[int] { return r })
		if n != i+1 || err != nil {
			t.Errorf("actor %d answers %d, %v", i+1, n, err)
		}
	}
}

type adder struct{ n int }

func (a *adder) Receive(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
	a.n++
	r.Send(a.n)
	return nil
}

type summand struct{ n int }

func (s summand) Receive(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
	r.Send(s.n)
	return nil
}

// A constructor that makes nothing fails the spawn; no actor comes to be.
func TestConstructorOfNothing(t *testing.T) {
	sys := newSystem(t)
	for name, spawn := range map[string]func() (actor.Ref[do], error){
		"no constructor":     func() (actor.Ref[do], error) { return actor.Spawn[do, *script](sys, nil) },
		"a nil pointer":      func() (actor.Ref[do], error) { return actor.Spawn(sys, func() *script { return nil }) },
		"a nil interface":    func() (actor.Ref[do], error) { return actor.Spawn(sys, behave(nil)) },
		"a pointer in it":    func() (actor.Ref[do], error) { return actor.Spawn(sys, behave((*script)(nil))) },
		"a pointer, by name": func() (actor.Ref[do], error) { return actor.Spawn(sys, behave((*script)(nil)), actor.Name("a")) },
	} {
		ref, err := spawn()
		if err == nil || !ref.PID().IsZero() || sys.Count() != 0 || len(sys.Names()) != 0 {
			t.Errorf("%s: %v, %v, %d actors, names %v", name, ref, err, sys.Count(), sys.Names())
		}
	}
}

// A constructor that panics fails the spawn; no actor comes to be.
func TestPanickingConstructor(t *testing.T) {
	sys := newSystem(t)
	_, err := actor.Spawn(sys, func() actor.Behavior[do] { panic(errBoom) })
	if !errors.Is(err, errBoom) || sys.Count() != 0 {
		t.Errorf("%v, %d actors", err, sys.Count())
	}
}

// GS-1, PROC-1: a spawn returns when Init has; it does not wait for Continue.
func TestSpawnWaitsForInitButNotForContinue(t *testing.T) {
	sys := newSystem(t)
	var initDone bool
	gate := make(chan struct{})
	ref, err := actor.Spawn(sys, behave(&scriptInit{init: func(ctx *doContext) error {
		initDone = true
		ctx.Continue(func(*doContext) error { <-gate; return nil })
		return nil
	}}))
	if err != nil || !initDone {
		t.Errorf("%v, Init done: %v", err, initDone)
	}
	close(gate)
	in(t, ref, func(*doContext) {})
}

// GS-9, T-54: what is sent during Init waits, and Continue goes before all of it,
// even before what Init sent to itself.
func TestContinueRunsBeforeWhatInitMailed(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		note := func(s string) do { return func(*doContext) error { j.add("%s", s); return nil } }
		b := &scriptInit{init: func(ctx *doContext) error {
			ctx.Self().Send(note("to itself"))
			if ref, err := actor.Lookup[do](sys, "x"); err != nil {
				t.Error(err)
			} else {
				ref.Send(note("by name"))
			}
			ctx.SendAfter(0, note("timer"))
			time.Sleep(time.Second)
			ctx.Continue(func(ctx *doContext) error {
				j.add("continue 1")
				ctx.Continue(note("continue 3"))
				return nil
			})
			ctx.Continue(note("continue 2"))
			j.add("init")
			return nil
		}}
		if _, err := actor.Spawn(sys, behave(b), actor.Name("x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		j.expect(t, "init", "continue 1", "continue 2", "continue 3", "to itself", "by name", "timer")
	})
}

// GS-10: Continue from any handler runs before the next message; an error ends
// the actor.
func TestContinueFromHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		then := func(what string) func(*doContext) error {
			return func(*doContext) error { j.add("then %s", what); return nil }
		}
		a := start(t, sys, &script{
			exit: func(ctx *doContext, _ actor.Exit) error { ctx.Continue(then("exit")); return nil },
			down: func(ctx *doContext, _ actor.Down) error { ctx.Continue(then("down")); return nil },
		})
		gate := make(chan struct{})
		a.Send(func(ctx *doContext) error {
			ctx.TrapExit(true)
			ctx.Monitor(actor.PID{})
			<-gate
			ctx.Continue(then("message"))
			return nil
		})
		synctest.Wait()
		a.PID().Exit(errBoom)
		a.Send(func(ctx *doContext) error {
			j.add("next")
			ctx.Continue(returning(errBoom))
			return nil
		})
		a.Send(func(*doContext) error { j.add("never"); return nil })
		close(gate)
		synctest.Wait()
		j.expect(t, "then message", "then down", "then exit", "next")
		if err := a.PID().Err(); err != errBoom {
			t.Errorf("ended with %v", err)
		}
	})
}

// A lethal signal between a handler and its Continue stops the latter.
func TestNoContinueForTheDoomed(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	a.Send(func(ctx *doContext) error {
		ctx.Continue(func(ctx *doContext) error {
			ctx.Continue(func(*doContext) error { t.Error("it ran"); return nil })
			ctx.PID().Exit(actor.Kill)
			return nil
		})
		return nil
	})
	ended(t, a.PID())
}

// T-81, PROC-5, MON-9: a monitor is in place before the actor does anything: its
// down has the true reason however soon the actor ends.
func TestSpawnMonitorOfAnInstantExit(t *testing.T) {
	sys := newSystem(t)
	downs := make(chan actor.Down, 1)
	watcher := start(t, sys, &script{down: func(_ *doContext, d actor.Down) error { downs <- d; return nil }})
	for i := range long.Rounds(2000, 10_000) {
		reason := fmt.Errorf("end %d", i)
		var pid actor.PID
		in(t, watcher, func(ctx *doContext) {
			child := &scriptInit{init: func(ctx *doContext) error {
				ctx.Continue(returning(reason))
				return nil
			}}
			ref, _, err := actor.SpawnMonitor(ctx, behave(child))
			if err != nil {
				t.Error(err)
			}
			pid = ref.PID()
		})
		if d := await(t, downs); d.Reason != reason || d.PID != pid {
			t.Fatalf("round %d: %v", i, d)
		}
	}
}

// T-81, PROC-5: the same for a link.
func TestSpawnLinkOfAnInstantExit(t *testing.T) {
	sys := newSystem(t)
	exits := make(chan actor.Exit, 1)
	parent := start(t, sys, &script{exit: func(_ *doContext, e actor.Exit) error { exits <- e; return nil }})
	trapping(t, parent)
	for i := range 2000 {
		reason := fmt.Errorf("end %d", i)
		in(t, parent, func(ctx *doContext) {
			child := &scriptInit{init: func(ctx *doContext) error {
				if ctx.Parent() != parent.PID() {
					t.Errorf("parent %v, want %v", ctx.Parent(), parent)
				}
				ctx.Continue(returning(reason))
				return nil
			}}
			if _, err := actor.SpawnLink(ctx, behave(child)); err != nil {
				t.Error(err)
			}
		})
		if e := await(t, exits); e.Reason != reason {
			t.Fatalf("round %d: %v", i, e)
		}
	}
}

// GO-24: the children of a dying parent die with it, whenever they were spawned.
func TestChildrenOfTheDoomedDie(t *testing.T) {
	for kind, b := range map[string]func() actor.Behavior[do]{
		"plain":     behave(&script{}),
		"with Init": behave(&scriptInit{init: func(ctx *doContext) error { return nil }}),
	} {
		t.Run(kind, func(t *testing.T) {
			sys := newSystem(t)
			parent := start(t, sys, &script{})
			var child actor.Ref[do]
			var refused error
			parent.Send(func(ctx *doContext) error {
				ctx.PID().Exit(errBoom) // doomed, but its handler goes on
				child, refused = actor.SpawnLink(ctx, b)
				return nil
			})
			ended(t, parent.PID())
			if kind == "with Init" {
				if !errors.Is(refused, errBoom) || slices.ContainsFunc(sys.Actors(), actor.PID.Alive) {
					t.Errorf("spawned all the same: %v, %v", refused, sys.Actors())
				}
				return
			}
			if err := ended(t, child.PID()); err != errBoom || refused != nil {
				t.Errorf("the child ended with %v, %v", err, refused)
			}
		})
	}
}

// Spawns of all kinds are refused in a system that is shut down.
func TestSpawnAfterShutdown(t *testing.T) {
	sys := actor.NewSystem(actor.Config{})
	if err := sys.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	ref, err := actor.Spawn(sys, behave(&script{}), actor.Name("x"))
	if !errors.Is(err, actor.ErrClosed) || ref != (actor.Ref[do]{}) {
		t.Errorf("%v, %v", ref, err)
	}
	if _, there := sys.WhereIs("x"); there {
		t.Error("the name is taken")
	}
}

// GS-9: nobody who finds an actor early, by its name or by an event, gets a
// message handled before its Init has returned.
func TestNothingIsHandledBeforeInit(t *testing.T) {
	sys := newSystem(t)
	early := 0
	stop := sys.Observe(func(e actor.Event) {
		if e, ok := e.(actor.Spawned); ok {
			if ref, ok := actor.RefOf[do](e.PID); ok {
				early++
				ref.Send(func(*doContext) error { panic("never: Init has not run") })
			}
		}
	})
	for range 100 {
		ref, err := actor.Spawn(sys, behave(&scriptInit{init: func(*doContext) error {
			runtime.Gosched()
			return errBoom
		}}))
		if !errors.Is(err, errBoom) {
			t.Errorf("%v, %v", ref, err)
		}
	}
	stop()
	if early != 100 || sys.DeadLetters() != 100 {
		t.Errorf("%d sent, %d dead letters", early, sys.DeadLetters())
	}
}

// What comes for an actor without Init while it is set up is handled.
func TestEarlyMessagesAreHandled(t *testing.T) {
	sys := newSystem(t)
	handled := make(chan struct{})
	defer sys.Observe(func(e actor.Event) {
		if e, ok := e.(actor.Spawned); ok {
			ref, _ := actor.RefOf[do](e.PID)
			ref.Send(func(*doContext) error { close(handled); return nil })
		}
	})()
	start(t, sys, &script{})
	await(t, handled)
}

// An actor that is killed before its spawn returns ends, and is not left over.
func TestKilledAsSoonAsItIsSpawned(t *testing.T) {
	for kind, b := range map[string]actor.Behavior[do]{
		"plain":     &script{},
		"with Init": &scriptInit{init: func(ctx *doContext) error { return nil }},
	} {
		t.Run(kind, func(t *testing.T) {
			sys := newSystem(t)
			var pid actor.PID
			defer sys.Observe(func(e actor.Event) {
				if e, ok := e.(actor.Spawned); ok {
					pid = e.PID
					pid.Exit(actor.Kill)
				}
			})()
			_, err := actor.Spawn(sys, behave(b), actor.Name("x"))
			if kind == "with Init" && !errors.Is(err, actor.Killed) {
				t.Errorf("the spawn returned %v", err)
			}
			if err := ended(t, pid); err != actor.Killed || sys.Count() != 0 {
				t.Errorf("ended with %v; %d left", err, sys.Count())
			}
		})
	}
}

// GS-2: Init may set an idle timeout and leave work for later.
func TestInitSetsTimeoutAndContinues(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		d := &dozerInit{init: func(ctx *doContext) error {
			ctx.IdleAfter(time.Second)
			ctx.Continue(func(*doContext) error { j.add("continue"); return nil })
			return nil
		}}
		d.idle = func(*doContext) error { j.add("idle"); return actor.Stop }
		ref, err := actor.Spawn(sys, behave(d))
		if err != nil {
			t.Fatal(err)
		}
		if err := ended(t, ref.PID()); err != actor.Normal {
			t.Errorf("ended with %v", err)
		}
		j.expect(t, "continue", "idle")
	})
}

type dozerInit struct {
	dozer
	init func(ctx *doContext) error
}

func (d *dozerInit) Init(ctx *doContext) error { return d.init(ctx) }
