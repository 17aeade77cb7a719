package actor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// odd is an error whose methods do as they like.
type odd struct{ is, as, unwrap func() }

func (*odd) Error() string { return "odd" }

func (e *odd) Is(error) bool {
	e.is()
	return false
}

func (e *odd) As(any) bool {
	e.as()
	return false
}

func (e *odd) Unwrap() error {
	e.unwrap()
	return errBoom
}

// onlyAs is one that has the one method.
type onlyAs func()

func (onlyAs) Error() string { return "only as" }

func (f onlyAs) As(any) bool {
	f()
	return false
}

// Code that looks for an error in the reason of another's panic is not struck by what
// the methods of the panic's value do.
func TestPanicWithAnErrorWhoseMethodsFail(t *testing.T) {
	fine := func() {}
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		for name, fail := range map[string]func(){
			"panic":  func() { panic("oops") },
			"Goexit": runtime.Goexit,
			"blocks": func() { <-release },
		} {
			for _, value := range []error{onlyAs(fail), &odd{fail, fine, fine}, &odd{fine, fail, fine}, &odd{fine, fine, fail}, (*odd)(nil)} {
				for _, wrapped := range []error{value, fmt.Errorf("wrapped: %w", value), errors.Join(errBoom, value)} {
					err := error(&actor.PanicError{Value: wrapped})
					var other *actor.CallError
					if errors.Is(err, actor.Shutdown) || errors.As(err, &other) || errors.Unwrap(err) != nil {
						t.Errorf("%s: it has a cause: %v", name, errors.Unwrap(err))
					}
				}
			}
		}
		good := &odd{fine, fine, fine}
		err := error(&actor.PanicError{Value: fmt.Errorf("wrapped: %w", good)})
		var found *odd
		if !errors.Is(err, errBoom) || !errors.As(err, &found) || found != good {
			t.Errorf("an error whose methods work is not found: %v", err)
		}
	})
}

// A panic's value may contain itself, or a map that is being written to: to print either
// would end the program.
func TestPanicWithAValueThatCannotBePrinted(t *testing.T) {
	type tree []tree
	list, deep := []any{nil}, tree{nil}
	list[0], deep[0] = list, deep
	for _, v := range []struct {
		value any
		text  string
	}{
		{list, "a value of type []interface {}"},
		{&list, "a value of type *[]interface {}"},
		{deep, "a value of type actor_test.tree"},
		{map[int]int{1: 2}, "a value of type map[int]int"},
		{struct{ m map[int]int }{}, "a value of type struct { m map[int]int }"},
		{struct {
			n int
			p *map[int]int
		}{n: 1}, "{1 <nil>}"},
		{&struct{ a, b string }{"a", "b"}, "&{a b}"},
		{[]byte("ab"), "[97 98]"},
		{time.Second, "1s"},
		{7, "7"},
	} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			a := start(t, sys, &script{})
			a.Send(func(*doContext) error { panic(v.value) })
			if err := ended(t, a.PID()); err.Error() != "panic: "+v.text {
				t.Errorf("%T: ended with %q, want %q", v.value, err, v.text)
			}
			if err := (&actor.PanicError{Value: v.value}); err.Error() != "panic: "+v.text {
				t.Errorf("%T: the text of an error made by hand is %q", v.value, err)
			}
		})
	}
}

// GO-8: the stack of a panic is the user's part of it: it starts at the function that
// panicked, wherever that was called, and ends where this package called the user's code.
func TestPanicStackIsTheUsers(t *testing.T) {
	type out = chan<- *actor.PanicError
	// Each makes panics run in one of the places where users' code runs, and sends the panic.
	ending := func(b actor.Behavior[do], act func(actor.Ref[do])) func(*testing.T, *actor.System, out) {
		return func(t *testing.T, sys *actor.System, got out) {
			ref, err := actor.Spawn(sys, behave(b))
			var p *actor.PanicError
			if errors.As(err, &p) {
				got <- p
				return
			} else if err != nil {
				t.Fatal(err)
			}
			act(ref)
			errors.As(ended(t, ref.PID()), &p)
			got <- p
		}
	}
	send := func(m do) func(actor.Ref[do]) { return func(ref actor.Ref[do]) { ref.Send(m) } }
	cases := map[string]func(*testing.T, *actor.System, out){
		"Receive":   ending(&script{}, send(func(*doContext) error { panicsHere(); return nil })),
		"Init":      ending(&scriptInit{init: func(*doContext) error { panicsHere(); return nil }}, nil),
		"Terminate": ending(&script{terminate: func(*doContext, error) { panicsHere() }}, send(returning(actor.Stop))),
		"Continue": ending(&script{}, send(func(ctx *doContext) error {
			ctx.Continue(func(*doContext) error { panicsHere(); return nil })
			return nil
		})),
		"After": ending(&script{}, send(func(ctx *doContext) error {
			ctx.After(0, func(*doContext) error { panicsHere(); return nil })
			return nil
		})),
		"Go": ending(&script{}, send(func(ctx *doContext) error {
			ctx.Go(func(context.Context) { panicsHere() })
			return nil
		})),
		"constructor": func(_ *testing.T, sys *actor.System, got out) {
			_, err := actor.Spawn(sys, func() *script { panicsHere(); return nil })
			p, _ := errors.AsType[*actor.PanicError](err)
			got <- p
		},
		"BeforeInit": func(_ *testing.T, sys *actor.System, got out) {
			_, err := actor.Spawn(sys, behave(&script{}), actor.BeforeInit(func(actor.PID) error { panicsHere(); return nil }))
			p, _ := errors.AsType[*actor.PanicError](err)
			got <- p
		},
		"Guard": func(t *testing.T, _ *actor.System, got out) {
			p, _ := errors.AsType[*actor.PanicError](actor.Guard(t.Context(), func() error { panicsHere(); return nil }))
			got <- p
		},
		"method of an error": func(t *testing.T, _ *actor.System, got out) {
			r, _ := errors.AsType[*actor.ReasonError](actor.Guard(t.Context(), func() error { return panicsInError{} }))
			got <- r.Panic
		},
		"panic of a deferred function": ending(&script{}, send(func(*doContext) error {
			defer panicsHere()
			panic("before")
		})),
	}
	for name, run := range cases {
		t.Run(name, func(t *testing.T) {
			got := make(chan *actor.PanicError, 1)
			run(t, newSystem(t), got)
			p := <-got
			if p == nil {
				t.Fatal("no panic")
			}
			var functions []string
			for line := range strings.Lines(p.Stack.String()) {
				if !strings.HasPrefix(line, "\t") {
					functions = append(functions, strings.TrimSpace(line))
				}
			}
			if len(functions) == 0 || !strings.HasSuffix(functions[0], ".panicsHere") {
				t.Fatalf("the stack starts elsewhere:\n%v", p.Stack)
			}
			if first := runtime.FuncForPC(p.Stack[0] - 1).Name(); !strings.HasSuffix(first, ".panicsHere") {
				t.Errorf("its first address is in %s", first)
			}
			if last := functions[len(functions)-1]; !strings.Contains(last, "/actor_test.") && name != "constructor" { // runs in its caller's place
				t.Errorf("the stack ends with %s:\n%v", last, p.Stack)
			}
		})
	}
}

type panicsInError struct{}

func (panicsInError) Error() string { panicsHere(); return "" }

// What the runtime does to raise a panic is not in the stack either.
func TestPanicStackOfRuntimeErrors(t *testing.T) {
	var none *script
	var list []int
	var table map[int]int
	for name, f := range map[string]func() error{
		"nil pointer": func() error { return none.exit(nil, actor.Exit{}) },
		"index":       func() error { _ = list[len(t.Name())]; return nil },
		"nil map":     func() error { table[1] = 1; return nil },
	} {
		p, ok := errors.AsType[*actor.PanicError](actor.Guard(t.Context(), f))
		if !ok {
			t.Fatal(name)
		}
		if first := runtime.FuncForPC(p.Stack[0] - 1).Name(); !strings.Contains(first, "TestPanicStackOfRuntimeErrors") {
			t.Errorf("%s: the stack starts in %s", name, first)
		}
	}
}

//go:noinline
func panicsHere() { panic("here") }
