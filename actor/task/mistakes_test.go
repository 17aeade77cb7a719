package task_test

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
)

// A nil function or a negative number is a mistake where it is given, and starts nothing.
func TestMistakesPanicWhereTheyAreMade(t *testing.T) {
	type function = func(context.Context) (int, error)
	each := func(context.Context, int) (int, error) { return 0, nil }
	stream := func(ctx context.Context, sys *actor.System, items iter.Seq[int], f func(context.Context, int) (int, error), o task.StreamConfig) {
		task.Stream(ctx, sys, items, f, o)
	}
	none := slices.Values([]int{})
	for want, f := range map[string]func(*actor.Context[int]){
		"task: Async: f is nil":         func(c *actor.Context[int]) { task.Async[int](c, nil) },
		"task: AsyncNoLink: f is nil":   func(c *actor.Context[int]) { task.AsyncNoLink[int](c, nil) },
		"task: Go: f is nil":            func(c *actor.Context[int]) { task.Go[int](c, c.System(), nil) },
		"task: Prepare: f is nil":       func(c *actor.Context[int]) { task.Prepare[int](c, nil) },
		"task: PrepareNoLink: f is nil": func(c *actor.Context[int]) { task.PrepareNoLink[int](c, nil) },
		"task: Behavior: f is nil":      func(*actor.Context[int]) { task.Behavior(nil) },
		"task: Start: f is nil":         func(c *actor.Context[int]) { _, _ = task.Start(c, nil) },
		"task: Deliver: f is nil":       func(c *actor.Context[int]) { task.Deliver(c, function(nil), func(int, error) int { return 0 }) },
		"task: Deliver: message is nil": func(c *actor.Context[int]) {
			task.Deliver(c, func(context.Context) (int, error) { return 0, nil }, nil)
		},
		"task: Stream: f is nil":                       func(c *actor.Context[int]) { stream(c, c.System(), none, nil, task.StreamConfig{}) },
		"task: Stream: items is nil":                   func(c *actor.Context[int]) { stream(c, c.System(), nil, each, task.StreamConfig{}) },
		"task: Stream: MaxConcurrency is negative: -1": func(c *actor.Context[int]) { stream(c, c.System(), none, each, task.StreamConfig{MaxConcurrency: -1}) },
		"task: Stream: Timeout is negative: -1s": func(c *actor.Context[int]) {
			stream(c, c.System(), none, each, task.StreamConfig{Timeout: -time.Second})
		},
		"task: YieldMany: Limit is negative: -1": func(c *actor.Context[int]) { task.YieldMany[int](c, task.YieldConfig{Limit: -1}) },
	} {
		t.Run(want, func(t *testing.T) {
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
			defer sys.Shutdown(t.Context())
			ref, err := actor.Spawn(sys, actor.Func(func(c *actor.Context[int], _ int) error { f(c); return nil }))
			if err != nil {
				t.Fatal(err)
			}
			ref.Send(0)
			<-ref.PID().Done()
			if err := ref.PID().Err(); err == nil || err.Error() != "panic: "+want {
				t.Errorf("got %v", err)
			}
			if n := sys.Count(); n != 0 {
				t.Errorf("%d actors are left", n)
			}
		})
	}
}
