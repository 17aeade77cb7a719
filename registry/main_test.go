package registry_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSystem returns a silent system that is shut down when the test ends, and
// fails the test if an actor does not stop.
func newSystem(tb testing.TB) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// do is a message that the actor runs.
type do func(ctx *actor.Context[do]) error

// script is a behavior that runs its messages, and init first of all if there is
// one.
type script struct {
	init func(ctx *actor.Context[do]) error
	down func(actor.Down)
}

func (s *script) Init(ctx *actor.Context[do]) error {
	if s.init == nil {
		return nil
	}
	return s.init(ctx)
}

func (s *script) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

func (s *script) HandleDown(_ *actor.Context[do], down actor.Down) error {
	s.down(down)
	return nil
}

func spawn(sys *actor.System, s *script) (actor.Ref[do], error) {
	return actor.Spawn(sys, func() *script { return s })
}

// idle starts an actor that does what it is told.
func idle(tb testing.TB, sys *actor.System) actor.Ref[do] {
	tb.Helper()
	ref, err := actor.Spawn(sys, actor.Func(func(ctx *actor.Context[do], m do) error { return m(ctx) }))
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

// patience is far longer than anything here takes.
const patience = 2 * time.Minute

// await waits until c delivers or is closed.
func await[T any](tb testing.TB, c <-chan T) (v T) {
	tb.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case v = <-c:
	case <-limit.C:
		tb.Fatal("waited too long")
	}
	return v
}

// end kills the actor and waits until it has ended.
func end(tb testing.TB, pid actor.PID) {
	tb.Helper()
	pid.Exit(actor.Kill)
	await(tb, pid.Done())
}
