package otel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// trap is an error whose methods must not be called.
type trap struct{}

func (trap) Error() string   { panic("Error") }
func (trap) Unwrap() error   { panic("Unwrap") }
func (trap) Is(error) bool   { panic("Is") }
func (trap) As(any) bool     { panic("As") }
func (trap) Timeout() bool   { panic("Timeout") }
func (trap) String() string  { panic("String") }
func (trap) Unwrapped() bool { panic("Unwrapped") }

// list is an error that cannot be compared.
type list []error

func (list) Error() string { return "list" }

func TestReasonsHaveAClass(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("twice: %w", fmt.Errorf("once: %w", err)) }
	for _, tt := range []struct {
		reason error
		want   string
	}{
		{actor.Normal, "normal"},
		{actor.Shutdown, "shutdown"},
		{wrap(actor.Shutdown), "shutdown"},
		{actor.Killed, "killed"},
		{actor.Goexit, "goexit"},
		{actor.NoProc, "noproc"},
		{&actor.CallError{Err: actor.NoProc}, "noproc"},
		{wrap(&actor.CallError{Err: wrap(context.DeadlineExceeded)}), "timeout"},
		{context.Canceled, "canceled"},
		{actor.ErrFull, "full"},
		{&actor.PanicError{}, "panic"},
		{wrap(&actor.PanicError{}), "panic"},
		{errors.New("boom"), "error"},
		{(*actor.PanicError)(nil), "panic"},
		{(*actor.CallError)(nil), "error"},
		{trap{}, "error"},
		{&trap{}, "error"},
		{wrap(trap{}), "error"},
		{list{actor.Normal}, "error"},
		{fmt.Errorf("%w, %w", actor.Killed, trap{}), "error"},
		{nil, "error"},
	} {
		got := classOf(tt.reason)
		if got != tt.want {
			t.Errorf("%T: %q, want %q", tt.reason, got, tt.want)
		}
		if !slices.Contains(reasons, got) {
			t.Errorf("%q is no class", got)
		}
	}
}
