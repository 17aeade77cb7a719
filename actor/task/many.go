package task

import "context"

// Result is the outcome of one of several tasks.
type Result[T any] struct {
	Value T
	Err   error // as of [Task.Await]; nil if there is a value
}

// AwaitMany awaits all tasks and returns their results in the order of tasks. The
// deadline of ctx is one for all: when ctx is done, the tasks that have no outcome
// yet get an error that wraps ctx's. They go on; Kill those that are not to. It is
// Task.await_many and Task.yield_many.
func AwaitMany[T any](ctx context.Context, tasks ...*Task[T]) []Result[T] {
	results := make([]Result[T], len(tasks))
	for i, t := range tasks {
		results[i].Value, results[i].Err = t.Await(ctx)
	}
	return results
}
