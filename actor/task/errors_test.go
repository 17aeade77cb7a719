package task_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/task"
)

// An error says its package once, what was tried, and of which task.
func TestErrorsSayThePackageOnce(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		tk := task.Go(t.Context(), sys, heed)
		defer tk.Kill()
		var owned *task.Task[int]
		in(t, spawn(t, sys), func(ctx *doContext) { owned = task.Async(ctx, heed) })
		prepared := task.PrepareNoLink(t.Context(), heed)
		in(t, spawn(t, sys), func(ctx *doContext) { prepared.Start(ctx) })
		_, notMine := owned.Await(t.Context())
		_, late := tk.Await(cancelled)
		_, many := task.AwaitMany(cancelled, tk)
		_, killed := task.Go(t.Context(), sys, heed).Kill()
		var again error
		in(t, spawn(t, sys), func(ctx *doContext) { _, again = prepared.Start(ctx) })
		var stream error
		for _, err := range task.Stream(cancelled, sys, slices.Values([]int{1}), func(context.Context, int) (int, error) { return 1, nil }, task.StreamConfig{}) {
			stream = err
		}
		yield := task.YieldMany(cancelled, task.YieldConfig{}, tk)[0].Err
		end := refuse(t, sys)
		_, refused := task.Go(t.Context(), sys, heed).Await(t.Context())
		owned.Kill()
		prepared.Kill()
		tk.Kill()
		end()
		for what, err := range map[string]error{
			"task: await " + tk.PID().String() + ": context canceled":                   late,
			"task: await " + owned.PID().String() + ": only the owner may await a task": notMine,
			"task: await many: 1 of 1: no outcome yet: context canceled":                many,
			"task: start: already started":                                              again,
			"task: stream: context canceled":                                            stream,
			"ended: killed":                                                             killed,
			"task: not started: ":                                                       refused,
			"task: yield " + tk.PID().String() + ": no outcome yet":                     yield,
		} {
			if err == nil || !strings.Contains(err.Error(), what) || strings.Count(err.Error(), "task: ") != 1 {
				t.Errorf("%q, want one that says %q", err, what)
			}
		}
	})
}
