package actor_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// GO-15: the actor's context ends when the actor is doomed, with the reason as its
// cause, and so do the contexts derived from it.
func TestContextEndsWithTheActor(t *testing.T) {
	cases := map[string]struct {
		end  func(a actor.Ref[do])
		want error
	}{
		"kill":   {func(a actor.Ref[do]) { a.PID().Exit(actor.Kill) }, actor.Killed},
		"signal": {func(a actor.Ref[do]) { a.PID().Exit(errBoom) }, errBoom},
		"stop":   {func(a actor.Ref[do]) { a.Send(returning(actor.Stop)) }, actor.Normal},
		"crash":  {func(a actor.Ref[do]) { a.Send(returning(errBoom)) }, errBoom},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				a := start(t, sys, &script{})
				var own, derived context.Context
				in(t, a, func(ctx *doContext) {
					own = ctx
					d, cancel := context.WithTimeout(ctx, time.Hour)
					context.AfterFunc(d, cancel)
					derived = d
					if _, ok := ctx.Deadline(); ok || ctx.Err() != nil || ctx.Value("none") != nil {
						t.Error("the context of a living actor")
					}
				})
				c.end(a)
				synctest.Wait()
				for _, ctx := range []context.Context{own, derived} {
					select {
					case <-ctx.Done():
					default:
						t.Error("it is not done")
					}
					if ctx.Err() != context.Canceled || context.Cause(ctx) != c.want {
						t.Errorf("%v, cause %v", ctx.Err(), context.Cause(ctx))
					}
				}
			})
		})
	}
}

// A context that nobody asked for while the actor lived is done all the same.
func TestContextOfTheDead(t *testing.T) {
	sys := newSystem(t)
	var leaked [2]*doContext
	plain, named := start(t, sys, &script{}), start(t, sys, &script{}, actor.Name("x"))
	for i, a := range []actor.Ref[do]{plain, named} {
		a.Send(func(ctx *doContext) error { leaked[i] = ctx; return actor.Stop })
		ended(t, a.PID())
	}
	for _, ctx := range leaked {
		<-ctx.Done()
		if ctx.Err() == nil {
			t.Error("alive")
		}
	}
}

// The context needs no goroutine as the parent of another, which it would if it
// were a stranger to package context.
func TestDerivedContextsNeedNoGoroutine(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	in(t, a, func(ctx *doContext) {
		before := runtime.NumGoroutine()
		for range 100 {
			_, cancel := context.WithCancel(ctx)
			defer cancel()
		}
		if n := runtime.NumGoroutine() - before; n >= 100 {
			t.Errorf("%d goroutines", n)
		}
	})
}

// GO-1: a handler that waits in a call gives up when its actor is killed.
func TestKillEndsACallOfTheVictim(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		kept := make(chan actor.Reply[int], 1)
		server := spawnFunc(t, sys, mute(kept))
		caller := start(t, sys, &script{})
		var err error
		caller.Send(func(ctx *doContext) error {
			_, err = actor.Call(ctx, server, asking(1))
			return nil
		})
		synctest.Wait()
		caller.PID().Exit(actor.Kill)
		ended(t, caller.PID())
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call: %v", err)
		}
	})
}

// GO-10: a panic on a goroutine of Context.Go is an exit signal to its actor.
func TestPanicInContextGo(t *testing.T) {
	for _, trap := range []bool{false, true} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			var got []actor.Exit
			a := start(t, sys, &script{exit: func(_ *doContext, e actor.Exit) error { got = append(got, e); return nil }})
			in(t, a, func(ctx *doContext) {
				ctx.TrapExit(trap)
				ctx.Go(func(context.Context) { panic(errBoom) })
			})
			synctest.Wait()
			if !trap && !errors.Is(a.PID().Err(), errBoom) {
				t.Errorf("ended with %v", a.PID().Err())
			}
			if trap && (len(got) != 1 || got[0].From != a.PID() || !errors.Is(got[0].Reason, errBoom)) {
				t.Errorf("trapped %v", got)
			}
		})
	}
}

// Context.Go's goroutine is told of the actor's end.
func TestContextGoEndsWithTheActor(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	told := make(chan error, 1)
	in(t, a, func(ctx *doContext) {
		ctx.Go(func(ctx context.Context) { <-ctx.Done(); told <- context.Cause(ctx) })
	})
	a.Send(returning(actor.Stop))
	if err := await(t, told); err != actor.Normal {
		t.Errorf("told %v", err)
	}
}

func TestContextKnowsItsActor(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	in(t, a, func(ctx *doContext) {
		if ctx.PID() != a.PID() || ctx.Self() != a || ctx.System() != sys || !ctx.Parent().IsZero() {
			t.Errorf("%v %v %v", ctx.PID(), ctx.Self(), ctx.Parent())
		}
	})
	if ref, ok := actor.RefOf[do](a.PID()); !ok || ref != a {
		t.Errorf("RefOf = %v, %v", ref, ok)
	}
	if _, ok := actor.RefOf[int](a.PID()); ok {
		t.Error("RefOf with another type")
	}
	if _, ok := actor.RefOf[do](actor.PID{}); ok {
		t.Error("RefOf of nobody")
	}
	text, err := a.PID().MarshalText()
	if err != nil || string(text) != a.String() || a.String() != "<0.1>" {
		t.Errorf("%s, %v", text, err)
	}
}

// released tells that it was released.
type released chan error

func (r released) Release(_ actor.PID, reason error) { r <- reason }

// PROC-7: what an actor owns is released once, at its end; what it disowned is not.
func TestResources(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	kept, given := make(released, 2), make(released, 2)
	for _, r := range []released{kept, given, kept, given} { // twice is once
		if !a.PID().Own(r) {
			t.Error("not owned")
		}
	}
	a.PID().Disown(given)
	a.Send(returning(errBoom))
	ended(t, a.PID())
	if len(kept) != 1 || <-kept != errBoom || len(given) != 0 {
		t.Error("released wrongly")
	}
	if a.PID().Own(kept) || (actor.PID{}).Own(kept) {
		t.Error("the dead own nothing")
	}
}

// A context tells whose it is, also when another one is derived from it, and the
// context of a helper goroutine is nobody's.
func TestFromContext(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	helper := make(chan context.Context, 1)
	in(t, a, func(ctx *doContext) {
		derived, cancel := context.WithCancel(ctx)
		defer cancel()
		for _, c := range []context.Context{ctx, derived} {
			if pid, ok := actor.FromContext(c); !ok || pid != a.PID() {
				t.Errorf("FromContext: %v, %v; want %v", pid, ok, a)
			}
		}
		ctx.Go(func(ctx context.Context) { helper <- ctx })
	})
	for _, c := range []context.Context{context.Background(), await(t, helper)} {
		if pid, ok := actor.FromContext(c); ok || !pid.IsZero() {
			t.Errorf("FromContext: %v, %v; want nobody", pid, ok)
		}
	}
}

// A Context of an actor that has ended can do nothing, and says so where something would be
// lost; what tells of the actor goes on.
func TestContextAfterTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := spawnFunc(t, sys, echo)
		var late *doContext
		a := start(t, sys, &script{}, actor.Name("late"))
		a.Send(func(ctx *doContext) error {
			late = ctx
			ctx.Continue(func(*doContext) error { return actor.Stop }) // it has had rare state
			return nil
		})
		settle()
		nothing := func(*doContext) error { return nil }
		for name, f := range map[string]func(){
			"Continue":    func() { late.Continue(nothing) },
			"Stash":       func() { _ = late.Stash(nothing) },
			"SetTimer":    func() { late.SetTimer("t", time.Second, nothing) },
			"CancelTimer": func() { late.CancelTimer("t") },
			"IdleAfter":   func() { late.IdleAfter(time.Second) },
			"Urgent":      func() { late.Urgent() },
			"Become":      func() { late.Become(&script{}) },
		} {
			func() {
				defer func() {
					if got, want := recover(), `actor: the Context of "late" is used after its end`; got != want {
						t.Errorf("%s: got %v, want %s", name, got, want)
					}
				}()
				f()
			}()
		}
		if late.PID() != a.PID() || late.Self() != a || late.System() != sys || late.Err() == nil || !late.Parent().IsZero() {
			t.Error("it does not say whose it was")
		}
		if err := late.Link(server.PID()); !errors.Is(err, actor.NoProc) {
			t.Errorf("link: %v", err)
		}
		if _, err := actor.SpawnLink(late, behave(&script{})); !errors.Is(err, actor.NoProc) {
			t.Errorf("spawn: %v", err)
		}
		late.Monitor(server.PID())
		if _, ok := late.SendAfter(time.Second, nothing).Left(); ok {
			t.Error("a timer was set")
		}
		p := actor.AskTo(late, server, asking(1), func(int, error) do { t.Error("an answer"); return nothing })
		_, err := p.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.Canceled)
		late.Unstash()
		late.SetLabel("it was late")
		settle()
		wantNothingAsked(t, server.PID())
		if n := sys.Count(); n != 1 {
			t.Errorf("%d actors", n)
		}
	})
}
