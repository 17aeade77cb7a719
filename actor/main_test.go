package actor_test

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
	sys := silentSystem()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

func silentSystem() *actor.System {
	return actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
}
