package actor_test

import (
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

// GO-8: the stack names the handler that panicked, and not the machinery.
func TestPanicStackStartsAtThePanic(t *testing.T) {
	sys := newSystem(t)
	a := start(t, sys, &script{})
	a.Send(func(*doContext) error { panicsHere(); return nil })
	var p *actor.PanicError
	if err := ended(t, a.PID()); !errors.As(err, &p) {
		t.Fatalf("ended with %v", err)
	}
	if first, _, _ := strings.Cut(p.Stack.String(), "\n"); !strings.HasSuffix(first, ".panicsHere") {
		t.Errorf("the stack starts with %q:\n%v", first, p.Stack)
	}
}

//go:noinline
func panicsHere() { panic("here") }
