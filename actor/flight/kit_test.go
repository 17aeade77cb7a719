package flight_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/flight"
)

// records is a log handler that hands on the records of the recorder.
type records chan slog.Record

func (records) Enabled(context.Context, slog.Level) bool { return true }
func (l records) WithAttrs([]slog.Attr) slog.Handler     { return l }
func (l records) WithGroup(string) slog.Handler          { return l }

func (l records) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "flight: dumped" || r.Message == "flight: no dump" {
		l <- r
	}
	return nil
}

func newSystem(tb testing.TB) (*actor.System, records) {
	log := make(records, 100)
	sys := actor.NewSystem(actor.Config{Logger: slog.New(log)})
	tb.Cleanup(func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return sys, log
}

func start(tb testing.TB, sys *actor.System, cfg flight.Config) *flight.Recorder {
	tb.Helper()
	r, err := flight.Start(sys, cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// crash has an actor crash, and returns it when that is over.
func crash(tb testing.TB, sys *actor.System) actor.PID {
	tb.Helper()
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return errors.New("boom") }))
	if err != nil {
		tb.Fatal(err)
	}
	ref.Send(1)
	<-ref.PID().Done()
	return ref.PID()
}

// expect waits for a record of the recorder.
func (l records) expect(tb testing.TB, message string) {
	tb.Helper()
	select {
	case r := <-l:
		if r.Message != message {
			tb.Errorf("log: %s, want %s", r.Message, message)
		}
	case <-time.After(20 * time.Second):
		tb.Fatalf("no record: %s", message)
	}
}

// dumps returns the recorder's dumps.
func dumps(tb testing.TB, r *flight.Recorder) []flight.Dump {
	tb.Helper()
	list, err := r.Dumps()
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

// keeper returns the recorder's actor.
func keeper(tb testing.TB, sys *actor.System) actor.PID {
	tb.Helper()
	for pid := range sys.All() {
		if pid.Label() == "flight recorder" {
			return pid
		}
	}
	tb.Fatal("there is no recorder")
	return actor.PID{}
}
