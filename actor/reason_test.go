package actor_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// broken is an error one of whose methods fails.
type broken struct {
	error
	is     func(error) bool
	unwrap func() error
}

func (b *broken) Error() string {
	if b.error == nil {
		panic("Error")
	}
	return b.error.Error()
}
func (b *broken) Is(target error) bool { return b.is != nil && b.is(target) }
func (b *broken) Unwrap() error {
	if b.unwrap == nil {
		return nil
	}
	return b.unwrap()
}

// list is an error that cannot be compared.
type list []error

func (l list) Error() string { return fmt.Sprintf("%d errors", len(l)) }

// brokenReasons are errors that cannot be asked what they are.
func brokenReasons() map[string]error {
	var missing *fs.PathError
	return map[string]error{
		"typed nil":           missing,
		"Error panics":        &broken{},
		"Is panics":           &broken{error: errBoom, is: func(err error) bool { return err.(*fs.PathError) != nil }},
		"Unwrap panics":       &broken{error: errBoom, unwrap: func() error { panic("Unwrap") }},
		"deep below panics":   fmt.Errorf("deep: %w", &broken{error: errBoom, unwrap: func() error { panic("Unwrap") }}),
		"beside others":       errors.Join(errBoom, &broken{error: errBoom, is: func(error) bool { panic("Is") }}),
		"typed nil in a join": errors.Join(errBoom, fmt.Errorf("below: %w", &broken{error: errBoom, unwrap: func() error { return missing.Unwrap() }})),
	}
}

// entrances are the ways in which a reason reaches an actor.
var entrances = map[string]func(victim actor.Ref[do], reason error){
	"Receive": func(victim actor.Ref[do], reason error) { victim.Send(returning(reason)) },
	"Continue": func(victim actor.Ref[do], reason error) {
		victim.Send(func(ctx *doContext) error { ctx.Continue(returning(reason)); return nil })
	},
	"After": func(victim actor.Ref[do], reason error) {
		victim.Send(func(ctx *doContext) error { ctx.After(0, returning(reason)); return nil })
	},
	"PID.Exit": func(victim actor.Ref[do], reason error) { victim.PID().Exit(reason) },
	"Context.Exit": func(victim actor.Ref[do], reason error) {
		victim.Send(func(ctx *doContext) error { ctx.Exit(ctx.PID(), reason); return nil })
	},
	"panic": func(victim actor.Ref[do], reason error) { victim.Send(func(*doContext) error { panic(reason) }) },
	"Stop":  func(victim actor.Ref[do], reason error) { _ = victim.PID().Stop(context.Background(), reason) },
}

// GO-8, GO-9: a reason whose methods fail costs the actor that gives it, and those that
// are linked to it are told of a crash.
func TestBrokenReasonsCostOneActor(t *testing.T) {
	for name, reason := range brokenReasons() {
		for entrance, give := range entrances {
			t.Run(entrance+"/"+name, func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var exits []actor.Exit
					var downs []actor.Down
					peer := start(t, sys, &script{
						exit: func(_ *doContext, e actor.Exit) error { exits = append(exits, e); return nil },
						down: func(_ *doContext, d actor.Down) error { downs = append(downs, d); return nil },
					})
					trapping(t, peer)
					victim := start(t, sys, &script{})
					link(t, peer, victim)
					in(t, peer, func(ctx *doContext) { ctx.Monitor(victim.PID()) })
					give(victim, reason)
					settle()
					if len(exits) != 1 || len(downs) != 1 || !exits[0].Crashed() || !downs[0].Crashed() || !victim.PID().Crashed() {
						t.Fatalf("exits %v, downs %v", exits, downs)
					}
					var unusable *actor.ReasonError
					var panicked *actor.PanicError
					if got := exits[0].Reason; entrance == "panic" {
						if !errors.As(got, &panicked) || got.Error() == "" {
							t.Errorf("ended with %v", got)
						}
					} else if !errors.As(got, &unusable) || unusable.Nil != (name == "typed nil") {
						t.Errorf("ended with %v", got)
					}
					if !peer.PID().Alive() {
						t.Errorf("the peer ended with %v", peer.PID().Err())
					}
				})
			})
		}
	}
}

// GS-6: so it is with what Init returns, which the spawner gets.
func TestBrokenErrorOfInit(t *testing.T) {
	for name, reason := range brokenReasons() {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				parent := start(t, sys, &script{})
				in(t, parent, func(ctx *doContext) {
					_, err := actor.SpawnLink(ctx, behave(&scriptInit{init: func(*doContext) error { return reason }}))
					var unusable *actor.ReasonError
					if !errors.As(err, &unusable) {
						t.Errorf("spawn: %v", err)
					}
				})
				if n := sys.Count(); n != 1 || !parent.PID().Alive() {
					t.Errorf("%d actors, parent %v", n, parent.PID().Err())
				}
			})
		})
	}
}

// A reason is asked once, where it comes up, and never again: not for the signals of
// 10 links, not by those that judge them.
func TestReasonIsJudgedOnce(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		asked := 0
		reason := &broken{error: errBoom, unwrap: func() error { asked++; return actor.Shutdown }}
		victim := start(t, sys, &script{})
		var clean atomic.Int32
		for range 10 {
			peer := start(t, sys, &script{exit: func(_ *doContext, e actor.Exit) error {
				if !e.Crashed() && e.Reason == reason {
					clean.Add(1)
				}
				return nil
			}})
			trapping(t, peer)
			link(t, peer, victim)
		}
		victim.Send(func(*doContext) error { return reason })
		settle()
		if n := clean.Load(); n != 10 || victim.PID().Crashed() {
			t.Errorf("%d of 10 were told of a clean end", n)
		}
		if asked > 2 { // for Shutdown and for Ignore
			t.Errorf("its Unwrap was called %d times", asked)
		}
	})
}

// EXIT-2: neither a panic with a clean reason nor an error that wraps such a panic is
// clean.
func TestPanicIsNeverClean(t *testing.T) {
	p := &actor.PanicError{Value: actor.Shutdown}
	for _, reason := range []error{p, fmt.Errorf("late: %w", p), errors.Join(errBoom, p)} {
		if actor.IsClean(reason) {
			t.Errorf("%v is clean", reason)
		}
	}
	if !actor.IsClean(errors.Join(errBoom, fmt.Errorf("late: %w", actor.Shutdown))) {
		t.Error("an error that wraps Shutdown beside others is not clean")
	}
}

// A method of a reason that calls Goexit ends the goroutine that gave the reason: an
// actor ends with Goexit.
func TestReasonThatCallsGoexit(t *testing.T) {
	reason := &broken{error: errBoom, unwrap: func() error { runtime.Goexit(); return nil }}
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{})
		a.Send(returning(reason))
		if err := ended(t, a.PID()); err != actor.Goexit {
			t.Errorf("ended with %v", err)
		}
	})
}

// A panic whose value cannot be printed is told all the same.
func TestPanicWithABrokenValue(t *testing.T) {
	type brokenText struct{ fmt.Stringer }
	for name, value := range map[string]any{
		"nil inside":    brokenText{},
		"Goexit":        stringer(func() string { runtime.Goexit(); return "" }),
		"blocks":        nil, // see below
		"panics":        stringer(func() string { panic("String") }),
		"ten megabytes": strings.Repeat("x", 10<<20),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				a := start(t, sys, &script{})
				if name == "blocks" {
					release := make(chan struct{})
					defer close(release)
					value = stringer(func() string { <-release; return "" })
				}
				a.Send(func(*doContext) error { panic(value) })
				var panicked *actor.PanicError
				if err := ended(t, a.PID()); !errors.As(err, &panicked) || len(err.Error()) > 10<<10 || err.Error() == "" {
					t.Errorf("ended with an error of %d bytes", len(err.Error()))
				}
			})
		})
	}
}

type stringer func() string

func (s stringer) String() string { return s() }

// GS-44: Stop tells whether the actor ended with that very reason, comparable or not.
func TestStopComparesReasonsExactly(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		stop := func(reason error, do do) error {
			a := start(t, sys, &script{})
			if do != nil {
				a.Send(do)
			}
			return a.PID().Stop(t.Context(), reason)
		}
		for _, reason := range []error{actor.Normal, actor.Shutdown, errBoom, list{errBoom}, fmt.Errorf("on: %w", actor.Shutdown)} {
			if err := stop(reason, nil); err != nil {
				t.Errorf("stop with %v: %v", reason, err)
			}
		}
		panics := func(*doContext) error { panic(actor.Stop) }
		if err := stop(actor.Normal, panics); err == nil {
			t.Error("a panic with Stop passes for a normal end")
		}
		wraps := returning(fmt.Errorf("for: %w", actor.Shutdown))
		if err := stop(actor.Shutdown, wraps); err == nil {
			t.Error("another reason that wraps the wanted one passes for it")
		}
		if err := stop(list{errBoom}, returning(list{errBoom})); err == nil {
			t.Error("another reason that cannot be compared passes for the wanted one")
		}
	})
}

// A request whose context has ended is not made.
func TestRequestsOfTheGivenUpAreNotMade(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		given, giveUp := context.WithCancel(t.Context())
		giveUp()
		handled := 0
		a := start(t, sys, &script{})
		for range 100 {
			_, err := actor.Call(given, a, func(r actor.Reply[int]) do {
				return func(*doContext) error { handled++; r.Send(1); return nil }
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("call: %v", err)
			}
		}
		if err := a.PID().Stop(given, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("stop: %v", err)
		}
		if err := a.PID().Inspect(given, func(any) { handled++ }); !errors.Is(err, context.Canceled) {
			t.Errorf("inspect: %v", err)
		}
		settle()
		if handled != 0 || !a.PID().Alive() {
			t.Errorf("%d requests were carried out, alive: %v", handled, a.PID().Alive())
		}
	})
}

// GS-25, GS-26: Send tells whether the caller gets the answer.
func TestReplySendTellsWhetherItIsTheAnswer(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var late actor.Reply[int]
		a := start(t, sys, &script{})
		given, giveUp := context.WithCancel(t.Context())
		answers := make(chan error, 1)
		go func() {
			_, err := actor.Call(given, a, func(r actor.Reply[int]) do {
				return func(*doContext) error { late = r; return nil }
			})
			answers <- err
		}()
		settle()
		giveUp()
		if err := <-answers; !errors.Is(err, context.Canceled) {
			t.Errorf("call: %v", err)
		}
		if late.Send(1) || late.Fail(errBoom) {
			t.Error("an answer to a caller that has given up was taken")
		}
		_, err := actor.Call(t.Context(), a, func(r actor.Reply[int]) do {
			return func(*doContext) error {
				if !r.Send(1) || r.Send(2) || r.Fail(errBoom) || (actor.Reply[int]{}).Send(1) {
					t.Error("Send does not tell whether it is the first answer")
				}
				return nil
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}

// A request that panics while it is made leaves the callee's kept call for others.
func TestRequestThatCannotBeMade(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	ok := func() {
		if _, err := actor.Call(t.Context(), server, asking(1)); err != nil {
			t.Fatal(err)
		}
	}
	ok()
	ok()
	func() {
		defer func() { _ = recover() }()
		_, _ = actor.Call(t.Context(), server, func(actor.Reply[int]) ask { panic("no request") })
	}()
	if n := testing.AllocsPerRun(100, ok); n > 0 {
		t.Errorf("a call allocates %v times after one that could not be made", n)
	}
}

var _ slog.Handler = (*brokenLog)(nil)

// brokenLog is a log handler that fails.
type brokenLog struct{ fail func() }

func (b *brokenLog) Enabled(context.Context, slog.Level) bool  { b.fail(); return true }
func (b *brokenLog) Handle(context.Context, slog.Record) error { b.fail(); return nil }
func (b *brokenLog) WithAttrs([]slog.Attr) slog.Handler        { b.fail(); return nil }
func (b *brokenLog) WithGroup(string) slog.Handler             { b.fail(); return nil }

// LOG-2: a crash is a crash of one actor even if it cannot be logged.
func TestBrokenLogHandlers(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *actor.System) {
				release := make(chan struct{})
				defer close(release)
				sys := actor.NewSystem(actor.Config{Logger: slog.New(&brokenLog{func() { fail(release) }})})
				peer := start(t, sys, &script{})
				trapping(t, peer)
				for range 100 { // more than may hang
					victim := start(t, sys, &script{})
					link(t, peer, victim)
					victim.Send(returning(errBoom))
					if err := ended(t, victim.PID()); err != errBoom {
						t.Errorf("ended with %v", err)
					}
					victim.Send(nil) // a dead letter, on our own goroutine
				}
				sys.Logger().With("a", 1).WithGroup("b").Error("by a user")
				if !peer.PID().Alive() {
					t.Errorf("the peer ended with %v", peer.PID().Err())
				}
				if err := sys.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// failures are what users' code may do.
var failures = map[string]func(release <-chan struct{}){
	"panic":     func(<-chan struct{}) { panic("callback") },
	"Goexit":    func(<-chan struct{}) { runtime.Goexit() },
	"typed nil": func(<-chan struct{}) { var e *fs.PathError; _ = e.Error() },
	"blocks":    func(release <-chan struct{}) { <-release },
}

// EXIT-1: what counts as clean.
func TestIsClean(t *testing.T) {
	for _, c := range []struct {
		reason error
		want   bool
	}{
		{actor.Normal, true},
		{actor.Shutdown, true},
		{fmt.Errorf("bye: %w", actor.Shutdown), true},
		{actor.Kill, false},
		{actor.Killed, false},
		{actor.NoProc, false},
		{errBoom, false},
		{&actor.PanicError{Value: actor.Shutdown}, false},
	} {
		if got := actor.IsClean(c.reason); got != c.want {
			t.Errorf("IsClean(%v) = %v", c.reason, got)
		}
	}
}

// PROC-3, PROC-4, GO-8, GO-9, GO-20: the reason is what the handler did.
func TestReasonIsWhatTheHandlerDid(t *testing.T) {
	own := fmt.Errorf("mine: %w", errBoom)
	is := func(want error) func(error) bool { return func(err error) bool { return err == want } }
	cases := []struct {
		name    string
		handler do
		want    func(error) bool
	}{
		{"Stop", returning(actor.Stop), is(actor.Normal)},
		{"an error", returning(own), is(own)},
		{"runtime.Goexit", func(*doContext) error { runtime.Goexit(); return nil }, is(actor.Goexit)}, // T-112
		{"panic with a value", func(*doContext) error { panic("ouch") }, func(err error) bool {
			var p *actor.PanicError
			return errors.As(err, &p) && p.Value == "ouch" && err.Error() == "panic: ouch"
		}},
		{"panic with an error", func(*doContext) error { panic(own) }, func(err error) bool {
			return errors.Is(err, errBoom)
		}},
		{"panic(nil)", func(*doContext) error { panic(any(nil)) }, func(err error) bool {
			var p *runtime.PanicNilError
			return errors.As(err, &p)
		}},
		{"a runtime error", func(*doContext) error { s := []int{}; s[len(s)] = 1; return nil }, func(err error) bool {
			var r runtime.Error
			return errors.As(err, &r)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sys := newSystem(t)
			a, bystander := start(t, sys, &script{}), start(t, sys, &script{})
			a.Send(c.handler)
			if err := ended(t, a.PID()); !c.want(err) {
				t.Errorf("ended with %#v", err)
			}
			in(t, bystander, func(*doContext) {}) // unharmed, and so is the runtime
		})
	}
}
