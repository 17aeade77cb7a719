package actor_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

func TestGuard(t *testing.T) {
	var missing *fs.PathError
	var panicked *actor.PanicError
	var unusable *actor.ReasonError
	for name, c := range map[string]struct {
		f    func() error
		want func(error) bool
	}{
		"returns nil":  {func() error { return nil }, func(err error) bool { return err == nil }},
		"returns":      {func() error { return errBoom }, func(err error) bool { return err == errBoom }},
		"panics":       {func() error { panic(errBoom) }, func(err error) bool { return errors.As(err, &panicked) && errors.Is(err, errBoom) }},
		"calls Goexit": {func() error { runtime.Goexit(); return nil }, func(err error) bool { return err == actor.Goexit }},
		"typed nil":    {func() error { return missing }, func(err error) bool { return errors.As(err, &unusable) && unusable.Nil }},
		"nil function": {nil, func(err error) bool { return errors.As(err, &panicked) }},
	} {
		t.Run(name, func(t *testing.T) {
			if err := actor.Guard(t.Context(), c.f); !c.want(err) {
				t.Errorf("got %v", err)
			}
		})
	}
	t.Run("blocks", func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(errBoom)
		if err := actor.Guard(ctx, func() error { <-release; return nil }); err != errBoom {
			t.Errorf("got %v", err)
		}
	})
}

// PROC-7: whatever a Release does, the others are released, the end is announced, and
// nobody else is hurt.
func TestReleasesThatFail(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var j journal
				release := make(chan struct{})
				watcher, owner := start(t, sys, journaled(&j)), start(t, sys, &script{}, actor.Name("owner"))
				trapping(t, watcher)
				link(t, watcher, owner)
				in(t, watcher, func(ctx *doContext) { ctx.Monitor(owner.PID()) })
				for range 2 {
					bad := resource(func(actor.PID, error) { fail(release) })
					good := resource(func(actor.PID, error) { j.add("released") })
					owner.PID().Own(&bad)
					owner.PID().Own(&good)
				}
				owner.PID().Exit(errBoom)
				settle()
				stuck := name == "blocks"
				if stuck { // as in a handler
					if !owner.PID().Abandon() {
						t.Error("an actor that is stuck in a Release cannot be abandoned")
					}
					settle()
				}
				told := []string{"exit " + owner.String() + " boom", "down " + owner.String() + " boom"}
				lines := j.take()
				if len(lines) != 4 && !(stuck && len(lines) >= 2) || lines[len(lines)-2] != told[0] || lines[len(lines)-1] != told[1] {
					t.Errorf("happened: %q", lines)
				}
				select {
				case <-owner.PID().Done():
				default:
					t.Error("the end is not announced")
				}
				if _, ok := sys.WhereIs("owner"); ok {
					t.Error("the name is not free")
				}
				if n := sys.Count(); n != 1 {
					t.Errorf("%d actors, want the watcher", n)
				}
				close(release)
				settle()
				if n := len(sys.Stuck()); n != 0 {
					t.Errorf("%d are stuck when all has returned", n)
				}
			})
		})
	}
}

// An observer that fails is taken off; what caused the event goes on, and the others
// are told.
func TestObserversThatFail(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				release := make(chan struct{})
				defer close(release)
				var calls atomic.Int32
				sys.Observe(func(actor.Event) { calls.Add(1); fail(release) })
				var j journal
				watchEvents(sys, &j)
				a := start(t, sys, &script{})
				a.Send(returning(actor.Stop))
				settle()
				a.Send(returning(nil)) // a dead letter, on our own goroutine
				j.expect(t, "spawned "+a.String()+" by <>", "exited "+a.String()+" normal", "dead letter to "+a.String()+": not running")
				if n := calls.Load(); n != 1 {
					t.Errorf("called %d times", n)
				}
			})
		})
	}
}

// An observer of dead letters that fails does not keep an end from being announced.
func TestObserverOfDeadLettersThatFailsAtAnEnd(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				release := make(chan struct{})
				defer close(release)
				a := start(t, sys, &script{})
				in(t, a, func(*doContext) {
					sys.Observe(func(e actor.Event) {
						if _, ok := e.(actor.DeadLetter); ok {
							fail(release)
						}
					})
					a.Send(returning(nil)) // will not be handled
					a.PID().Exit(actor.Kill)
				})
				if err := ended(t, a.PID()); err != actor.Killed {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// OBS-3: looking into an actor does not hurt it, whatever the function does.
func TestInspectorsThatFail(t *testing.T) {
	for name, fail := range failures {
		for what, inspect := range map[string]func(context.Context, actor.Ref[do], func()) error{
			"Inspect": func(ctx context.Context, a actor.Ref[do], f func()) error {
				return a.PID().Inspect(ctx, func(any) { f() })
			},
			"Replace": func(ctx context.Context, a actor.Ref[do], f func()) error {
				return actor.Replace(ctx, a, func(b actor.Behavior[do]) (actor.Behavior[do], error) { f(); return b, nil })
			},
			"Replace by nil": func(ctx context.Context, a actor.Ref[do], f func()) error {
				return actor.Replace(ctx, a, func(actor.Behavior[do]) (actor.Behavior[do], error) { f(); return (*script)(nil), nil })
			},
		} {
			t.Run(what+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					release := make(chan struct{})
					a := start(t, sys, &script{})
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					if err := inspect(ctx, a, func() { fail(release) }); err == nil {
						t.Error("no error")
					}
					close(release)
					in(t, a, func(*doContext) {}) // it goes on
				})
			})
		}
	}
}

// OBS-4: a trace that fails is taken off.
func TestTracesThatFail(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				release := make(chan struct{})
				a := start(t, sys, &script{})
				var calls atomic.Int32
				if err := a.PID().Trace(t.Context(), func(actor.Trace) { calls.Add(1); fail(release) }); err != nil {
					t.Fatal(err)
				}
				a.Send(returning(nil))
				settle()
				if name == "blocks" { // the actor waits with it, but can be killed
					a.PID().Exit(actor.Kill)
					if err := ended(t, a.PID()); err != actor.Killed {
						t.Errorf("ended with %v", err)
					}
					close(release)
					return
				}
				in(t, a, func(*doContext) {})
				if n := calls.Load(); n != 1 {
					t.Errorf("called %d times", n)
				}
			})
		})
	}
}

// The state that a behavior shows for the log of its crash.
func TestLogValueThatFails(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *actor.System) {
				release := make(chan struct{})
				defer close(release)
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
				a, err := actor.Spawn(sys, behave(&vault{show: func() slog.Value { fail(release); return slog.Value{} }}))
				if err != nil {
					t.Fatal(err)
				}
				a.Send(returning(errBoom))
				if err := ended(t, a.PID()); err != errBoom {
					t.Errorf("ended with %v", err)
				}
			})
		})
	}
}

// A behavior that is nil is refused.
func TestNilBehavior(t *testing.T) {
	sys := newSystem(t)
	for name, b := range map[string]actor.Behavior[do]{"nil": nil, "typed nil": (*script)(nil)} {
		if _, err := actor.Spawn(sys, behave(b)); err == nil {
			t.Errorf("%s: spawned", name)
		}
	}
	a := start(t, sys, &script{})
	a.Send(func(ctx *doContext) error { ctx.Become((*script)(nil)); return nil })
	var panicked *actor.PanicError
	if err := ended(t, a.PID()); !errors.As(err, &panicked) {
		t.Errorf("ended with %v", err)
	}
}

// fickleError is an error whose Error works once.
type fickleError struct {
	asked atomic.Bool
	fail  func()
}

func (e *fickleError) Error() string {
	if e.asked.Swap(true) {
		e.fail()
	}
	return "fickle"
}

// That the text of a reason could be had once does not say that it can be had again, for
// the crash report.
func TestReasonWhoseTextIsHadOnce(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *actor.System) {
				release := make(chan struct{})
				defer close(release)
				sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
				a := start(t, sys, &script{})
				reason := &fickleError{fail: func() { fail(release) }}
				a.Send(returning(reason))
				if err := ended(t, a.PID()); err != reason {
					t.Errorf("ended with %T", err)
				}
			})
		})
	}
}

// level is a user's Leveler.
type level func()

func (l level) Level() slog.Level { l(); return 0 }

// gate is a log handler whose Enabled may fail.
type gate struct {
	slog.Handler
	enabled func()
}

func (g gate) Enabled(context.Context, slog.Level) bool { g.enabled(); return true }

// What slog's own handlers ask whether a record is wanted is a user's, too.
func TestLogLevelThatFails(t *testing.T) {
	for name, fail := range failures {
		for kind, handler := range map[string]func(f func()) slog.Handler{
			"text": func(f func()) slog.Handler {
				return slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: level(f)})
			},
			"JSON": func(f func()) slog.Handler {
				return slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: level(f)})
			},
			"multi": func(f func()) slog.Handler { return slog.NewMultiHandler(gate{slog.DiscardHandler, f}) },
		} {
			t.Run(kind+" "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, _ *actor.System) {
					release := make(chan struct{})
					defer close(release)
					sys := actor.NewSystem(actor.Config{Logger: slog.New(handler(func() { fail(release) }))})
					a := start(t, sys, &script{})
					a.Send(returning(errBoom))
					if err := ended(t, a.PID()); err != errBoom {
						t.Errorf("ended with %v", err)
					}
				})
			})
		}
	}
}

// Failures to release do not add up on the stack: a million would make it overflow.
func TestManyReleasesThatFail(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("oops") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			sys := newSystem(t)
			a := start(t, sys, &script{})
			var released, deepest int
			pcs := make([]uintptr, 1000)
			for range 100 {
				r := resource(func(actor.PID, error) {
					released++
					deepest = max(deepest, runtime.Callers(0, pcs))
					fail()
				})
				a.PID().Own(&r)
			}
			a.Send(returning(actor.Stop))
			ended(t, a.PID())
			if released != 100 || deepest > 50 {
				t.Errorf("%d were released, %d calls deep", released, deepest)
			}
		})
	}
}
