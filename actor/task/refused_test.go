package task_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

// refuse has a system start no more actors, while those that there are live. The
// function that it returns lets the shutdown go on, and waits for its end.
func refuse(t testing.TB, sys *actor.System) (end func()) {
	t.Helper()
	release, over := make(chan struct{}), make(chan error, 1)
	spawn(t, sys).Send(func(*doContext) error { <-release; return nil })
	synctest.Wait()
	go func() { over <- sys.Shutdown(context.Background()) }()
	synctest.Wait() // it waits for that one, which is the last, and has told nobody else
	return func() {
		close(release)
		if err := <-over; err != nil {
			t.Error(err)
		}
	}
}

// starts are the ways to start a task in an actor, and what they say when they are
// refused.
var starts = map[string]func(ctx *doContext, f work) error{
	"Async": func(ctx *doContext, f work) error {
		_, err := task.Async(ctx, f).Await(ctx)
		return err
	},
	"AsyncNoLink": func(ctx *doContext, f work) error {
		_, err := task.AsyncNoLink(ctx, f).Await(ctx)
		return err
	},
	"Go": func(ctx *doContext, f work) error {
		_, err := task.Go(ctx, ctx.System(), f).Await(ctx)
		return err
	},
	"Deliver": func(ctx *doContext, f work) error {
		told := make(chan error, 1)
		task.Deliver(ctx, f, func(_ int, err error) do {
			told <- err
			return func(*doContext) error { return nil }
		})
		select {
		case err := <-told:
			return err
		case <-ctx.Done(): // one that is doomed is told nothing
			return context.Cause(ctx)
		}
	},
	"Start": func(ctx *doContext, f work) error {
		_, err := task.Start(ctx, func(ctx context.Context) error { _, err := f(ctx); return err })
		return err
	},
	"Prepare": func(ctx *doContext, f work) error {
		tk := task.Prepare(ctx, f)
		_, err := tk.Start(ctx)
		if _, err2 := tk.Await(ctx); !errors.Is(err2, errors.Unwrap(err)) {
			return err2
		}
		return err
	},
	"Stream": func(ctx *doContext, f work) error {
		for _, err := range task.Stream(ctx, ctx.System(), func(yield func(int) bool) { yield(1) },
			func(ctx context.Context, _ int) (int, error) { return f(ctx) }, task.StreamConfig{}) {
			return err
		}
		return nil
	},
}

// A task that is refused, because the system shuts down, does not strike its
// caller: that lives, and handles what comes, until it is told to end itself.
func TestRefusedTaskDoesNotStrikeItsCaller(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				owner := spawn(t, sys)
				end := refuse(t, sys)
				in(t, owner, func(ctx *doContext) {
					if err := start(ctx, heed); !errors.Is(err, actor.ErrClosed) {
						t.Errorf("it gave %v", err)
					}
					if !ctx.PID().Alive() || ctx.Err() != nil {
						t.Errorf("the caller is doomed: %v", ctx.PID().Err())
					}
				})
				in(t, owner, func(*doContext) {})
				end()
				actortest.ExpectExit(t, owner.PID(), actor.Shutdown)
			})
		})
	}
}

// A task of a caller that is doomed, but whose handler still runs, does not change
// what that ends with, and does not outlive it.
func TestTaskOfADoomedCaller(t *testing.T) {
	for name, start := range starts {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				owner := spawn(t, sys)
				in(t, owner, func(ctx *doContext) {
					ctx.PID().Exit(errBoom)
					if err := start(ctx, heed); err == nil && name != "Start" {
						t.Error("it gave a value")
					}
				})
				actortest.ExpectExit(t, owner.PID(), errBoom)
				synctest.Wait()
				if sys.Count() != 0 {
					t.Errorf("%d actors are left", sys.Count())
				}
			})
		})
	}
}
