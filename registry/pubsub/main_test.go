package pubsub_test

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
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// idle starts an actor that does nothing.
func idle(tb testing.TB, sys *actor.System) actor.PID {
	tb.Helper()
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[struct{}], struct{}) error { return nil }))
	if err != nil {
		tb.Fatal(err)
	}
	return ref.PID()
}

// owners starts n of them.
func owners(tb testing.TB, sys *actor.System, n int) []actor.PID {
	tb.Helper()
	pids := make([]actor.PID, n)
	for i := range pids {
		pids[i] = idle(tb, sys)
	}
	return pids
}

// failing returns a logger that fails the test if it is used: nothing here should
// be worth a word.
func failing(tb testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(failingWriter{tb}, nil))
}

type failingWriter struct{ tb testing.TB }

func (w failingWriter) Write(line []byte) (int, error) {
	w.tb.Errorf("logged: %s", line)
	return len(line), nil
}

// patience is far longer than anything here takes.
const patience = 30 * time.Second

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
