package task_test

import (
	"testing"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/actor/task"
)

func TestAllocationsOfATask(t *testing.T) {
	if long.Race {
		t.Skip("the race detector allocates")
	}
	sys := actortest.NewSystem(t)
	in(t, spawn(t, sys), func(ctx *doContext) {
		for _, test := range []struct {
			name  string
			limit float64
			await func() (int, error)
		}{
			{"Go", 14, func() (int, error) { return task.Go(t.Context(), sys, one).Await(t.Context()) }},
			{"Async", 12, func() (int, error) { return task.Async(ctx, one).Await(ctx) }},
			{"AsyncNoLink", 12, func() (int, error) { return task.AsyncNoLink(ctx, one).Await(ctx) }},
		} {
			allocs := testing.AllocsPerRun(1000, func() {
				if _, err := test.await(); err != nil {
					t.Error(err)
				}
			})
			t.Logf("%s: %v", test.name, allocs)
			if allocs > test.limit {
				t.Errorf("%s: %v allocations, want at most %v", test.name, allocs, test.limit)
			}
		}
	})
}
