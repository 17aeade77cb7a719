package actor_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

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
