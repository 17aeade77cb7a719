package supervisor_test

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
	tb.Helper()
	return newLoggingSystem(tb, slog.DiscardHandler)
}

func newLoggingSystem(tb testing.TB, h slog.Handler) *actor.System {
	tb.Helper()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(h)})
	tb.Cleanup(func() { shutdown(tb, sys) })
	return sys
}

func shutdown(tb testing.TB, sys *actor.System) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := sys.Shutdown(ctx); err != nil {
		tb.Error(err)
	}
}
