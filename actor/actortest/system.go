package actortest

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// An Option changes what [NewSystem] makes.
type Option func(*config)

type config struct {
	silent      bool
	patience    time.Duration
	failOnCrash bool
	expected    []error
}

// Silent keeps the system's log out of the test's.
func Silent() Option { return func(c *config) { c.silent = true } }

// StopWithin is how long the actors have to stop at the end of the test; 3 s by
// default.
func StopWithin(d time.Duration) Option { return func(c *config) { c.patience = d } }

// FailOnCrash fails the test if the handler of an actor panics or returns an
// error that is no clean reason (see [actor.IsClean]), except those that wrap
// [ErrInjected] or one of the errors in except. Actors that end because of
// another's crash, or are killed, do not count.
func FailOnCrash(except ...error) Option {
	return func(c *config) {
		c.failOnCrash = true
		c.expected = append(c.expected, except...)
	}
}

// NewSystem returns a system that is shut down at the end of the test, by
// t.Cleanup. The test fails if an actor does not stop in time, because a handler
// is stuck or the actor traps exits and takes too long. The system logs to the
// test's output.
func NewSystem(t testing.TB, opts ...Option) *actor.System {
	t.Helper()
	c := config{patience: defaultPatience}
	for _, o := range opts {
		o(&c)
	}
	out := &output{t: t}
	var handler slog.Handler = slog.DiscardHandler
	if !c.silent {
		handler = slog.NewTextHandler(out, nil)
	}
	crashes := &crashes{expected: append(c.expected, ErrInjected)}
	sys := actor.NewSystem(actor.Config{Logger: slog.New(handler)})
	if c.failOnCrash {
		sys.Observe(crashes.note)
	}
	t.Cleanup(func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), c.patience)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			t.Errorf("actortest: actors did not stop within %v: %v", c.patience, describe(err))
		}
		crashes.report(t)
		out.close()
	})
	return sys
}

// describe names the actors that a shutdown had to kill.
func describe(err error) string {
	var e *actor.ShutdownError
	if !errors.As(err, &e) {
		return err.Error()
	}
	s := ""
	for _, pid := range e.Abandoned {
		s += "\n  " + label(pid) + " is stuck in a handler"
	}
	for _, pid := range e.Killed {
		s += "\n  " + label(pid) + " had to be killed"
	}
	return s
}

// label is an actor's PID and name.
func label(pid actor.PID) string {
	if name := pid.Name(); name != "" {
		return pid.String() + " (" + name + ")"
	}
	return pid.String()
}

// output writes to a test's output as long as the test runs: a write that comes
// later, from an actor that is stuck, would panic.
type output struct {
	mu     sync.Mutex
	t      testing.TB
	closed bool
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return len(p), nil
	}
	return o.t.Output().Write(p)
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
}
