package observer_test

import (
	"log/slog"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
)

// What is below an observer that is killed ends some time after it, and its supervisor does
// not wait for that.
func TestAKilledObserverIsRestartedAtOnce(t *testing.T) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	top, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{observer.New(observer.Config{}).Child()}, Intensity: 20})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		children, err := top.Children(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		pid := children[0].PID
		pid.Exit(actor.Kill)
		<-pid.Done()
		if _, err := top.Count(t.Context()); err != nil {
			t.Fatalf("its supervisor has given up: %v", top.PID().Err())
		}
	}
	if err := sys.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
