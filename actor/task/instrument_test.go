package task_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
)

type tenant struct{}

// A task has what the message brought along that its owner was handling when it started,
// and not what a later one brings.
func TestTasksKeepTheValuesOfTheMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{actor.Carry(tenant{})}})
		handling := make(chan struct{})
		got := make(chan any, 2)
		owner, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[bool], starts bool) error {
			if !starts {
				close(handling)
				<-got
				return nil
			}
			task.Async(c, func(ctx context.Context) (int, error) {
				<-handling
				if v := ctx.Value(tenant{}); v != "ann" {
					t.Errorf("has %v, want ann", v)
				}
				got <- nil
				return 1, nil
			})
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		send := func(name string, starts bool) {
			if err := owner.SendContext(context.WithValue(t.Context(), tenant{}, name), starts); err != nil {
				t.Fatal(err)
			}
		}
		send("ann", true)
		send("bob", false)
		synctest.Wait()
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
