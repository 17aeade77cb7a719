package statem_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/statem"
)

type (
	stateContext = statem.Context[string, step]
	machine      = statem.Machine[string, step]
)

// step is an event with what the machine does with it: a test says on the spot
// what its machine does. Without do it keeps the state.
type step struct {
	name string
	do   func(c *stateContext, state string) (string, error)
}

// ev is an event that does nothing.
func ev(name string) step { return step{name: name} }

// on is an event that does what f says and keeps the state.
func on(name string, f func(c *stateContext)) step {
	return step{name, func(c *stateContext, state string) (string, error) { f(c); return state, nil }}
}

// to is an event that does what f says, if it is not nil, and changes the state.
func to(name, next string, f func(c *stateContext)) step {
	return step{name, func(c *stateContext, state string) (string, error) {
		if f != nil {
			f(c)
		}
		return next, nil
	}}
}

// waitFor is an event that is postponed until the machine is in the given state.
func waitFor(name, until string) step {
	return step{name, func(c *stateContext, state string) (string, error) {
		if state != until {
			c.Postpone()
		}
		return state, nil
	}}
}

// script is a machine that runs its events and writes down in which state it got
// which, with the kind of all but messages. It has no hooks.
type script struct{ journal }

func (s *script) Handle(c *stateContext, state string, e step) (string, error) {
	if kind := c.Kind(); kind == statem.Message {
		s.add("%s in %s", e.name, state)
	} else {
		s.add("%s (%s) in %s", e.name, kind, state)
	}
	if e.do == nil {
		return state, nil
	}
	return e.do(c, state)
}

// hooked is a script with all hooks. It starts in state "a".
type hooked struct {
	script
	init      func(c *stateContext) error
	enter     func(c *stateContext, old, state string) error
	terminate func(c *stateContext, state string, reason error)
	exit      func(c *stateContext, state string, exit actor.Exit) (string, error)
	down      func(c *stateContext, state string, down actor.Down) (string, error)
}

func (h *hooked) Init(c *stateContext) (string, error) {
	if h.init != nil {
		return "a", h.init(c)
	}
	return "a", nil
}

func (h *hooked) Enter(c *stateContext, old, state string) error {
	h.add("enter %s from %s", state, old)
	if h.enter != nil {
		return h.enter(c, old, state)
	}
	return nil
}

func (h *hooked) Terminate(c *stateContext, state string, reason error) {
	h.add("terminate in %s: %v", state, reason)
	if h.terminate != nil {
		h.terminate(c, state, reason)
	}
}

func (h *hooked) HandleExit(c *stateContext, state string, exit actor.Exit) (string, error) {
	h.add("exit (%s) in %s: %v", c.Kind(), state, exit.Reason)
	if h.exit != nil {
		return h.exit(c, state, exit)
	}
	return state, nil
}

func (h *hooked) HandleDown(c *stateContext, state string, down actor.Down) (string, error) {
	h.add("down (%s) in %s: %v", c.Kind(), state, down.Reason)
	if h.down != nil {
		return h.down(c, state, down)
	}
	return state, nil
}

// bubble runs f in a synctest bubble: time is virtual, and all handlers have run
// when synctest.Wait, or a sleep, returns.
func bubble(t *testing.T, f func(t *testing.T, sys *actor.System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newSystem(t)) })
}

func newSystem(tb testing.TB) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// start spawns a machine.
func start(t *testing.T, sys *actor.System, m machine) actor.Ref[step] {
	t.Helper()
	ref, err := actor.Spawn(sys, statem.New(func() machine { return m }))
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// together sends events so that all of them are in the mailbox before the first
// is handled.
func together(ref actor.Ref[step], events ...step) {
	ref.Send(on("go", func(*stateContext) { time.Sleep(time.Nanosecond) }))
	for _, e := range events {
		ref.Send(e)
	}
	synctest.Wait()
	time.Sleep(time.Nanosecond)
	synctest.Wait()
}

// wantPanic waits for the machine to end with a panic.
func wantPanic(t *testing.T, ref actor.Ref[step]) *actor.PanicError {
	t.Helper()
	<-ref.PID().Done()
	var p *actor.PanicError
	if !errors.As(ref.PID().Err(), &p) {
		t.Fatalf("ended with %v", ref.PID().Err())
	}
	return p
}

// journal is what happened, in order. It is safe for all goroutines.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// take returns and forgets all lines.
func (j *journal) take() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	lines := j.lines
	j.lines = nil
	return lines
}

// expect waits until all is quiet, and compares the journal with what should
// have happened. It leaves "go" out, and empties the journal.
func (j *journal) expect(tb testing.TB, want ...string) {
	tb.Helper()
	synctest.Wait()
	got := slices.DeleteFunc(j.take(), func(line string) bool { return strings.HasPrefix(line, "go ") })
	if !slices.Equal(got, want) {
		tb.Errorf("happened:\n  %q\nwant:\n  %q", got, want)
	}
}
