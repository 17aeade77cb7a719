package group_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newSystem returns a silent system that is shut down when the test ends.
func newSystem(tb testing.TB) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// do is a message that the actor runs.
type do func(ctx *actor.Context[do]) error

// script is a behavior that runs its messages.
type script struct{ down func(actor.Down) }

func (*script) Receive(ctx *actor.Context[do], m do) error { return m(ctx) }

func (s *script) HandleDown(_ *actor.Context[do], down actor.Down) error {
	s.down(down)
	return nil
}

func spawn(tb testing.TB, sys *actor.System, s *script) actor.Ref[do] {
	tb.Helper()
	ref, err := actor.Spawn(sys, func() *script { return s })
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

// idle starts an actor that does what it is told.
func idle(tb testing.TB, sys *actor.System) actor.Ref[do] {
	tb.Helper()
	return spawn(tb, sys, new(script))
}

// await waits until c delivers or is closed, far longer than anything here takes.
func await[T any](tb testing.TB, c <-chan T) (v T) {
	tb.Helper()
	limit := time.NewTimer(30 * time.Second)
	defer limit.Stop()
	select {
	case v = <-c:
	case <-limit.C:
		tb.Fatal("waited too long")
	}
	return v
}

// pidsOf returns the PIDs of members of this node.
func pidsOf(members []group.Member) (pids []actor.PID) {
	for _, m := range members {
		pids = append(pids, m.PID())
	}
	return pids
}

// end kills the actor and waits until it has ended.
func end(tb testing.TB, pid actor.PID) {
	tb.Helper()
	pid.Exit(actor.Kill)
	await(tb, pid.Done())
}
