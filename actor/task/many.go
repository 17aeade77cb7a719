package task

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
)

// ErrPending says that a task has no outcome yet.
var ErrPending = errors.New("no outcome yet")

// Result is the outcome of one of several tasks.
type Result[T any] struct {
	Value T
	Err   error // nil if there is a value
}

// AwaitMany awaits all tasks and returns their values in the order of tasks. It
// fails fast: as soon as one of them has ended without a value it returns that
// one's [*ExitError]. The deadline of ctx is one for all: when ctx is done and not
// all have an outcome, it returns an error that wraps ctx's. Either way the other
// tasks go on; Kill those that are not to. The tasks must be the caller's, as for
// [Task.Await].
//
// Elixir: Task.await_many/2, which exits instead and so ends the tasks that are linked.
func AwaitMany[T any](ctx context.Context, tasks ...*Task[T]) ([]T, error) {
	all := make([]int, len(tasks))
	for i, t := range tasks {
		if err := t.mayAwait(ctx); err != nil {
			return nil, err
		}
		all[i] = i
	}
	values, left := make([]T, len(tasks)), len(tasks)
	for i := range outcomes(ctx, tasks, all) {
		v, err := tasks[i].outcome()
		if err != nil {
			return nil, err
		}
		values[i] = v
		left--
	}
	if left > 0 {
		return nil, fmt.Errorf("task: await many: %d of %d: %w: %w", left, len(tasks), ErrPending, ctx.Err())
	}
	return values, nil
}

// YieldConfig says how [YieldMany] waits. The zero YieldConfig is a good one.
type YieldConfig struct {
	// Limit is how many outcomes are enough; 0 means those of all tasks.
	Limit int
	// KillLate kills the tasks that have no outcome when the context is done, as
	// [Task.Kill] does. When there are enough outcomes before, none is killed.
	KillLate bool
}

// YieldMany waits until the tasks, or as many as Limit says, have an outcome,
// or ctx is done. It returns a result for each task, in the order of tasks: the value, or
//
//   - an [*ExitError], if the task has ended without one;
//   - an error that wraps [ErrPending], if the task goes on, and ctx's, if ctx is done;
//   - [ErrNotOwner], if the task is not the caller's: it is not waited for.
//
// No more than Limit results are outcomes. Those of other tasks are not lost: the next
// call returns them.
//
// Elixir: Task.yield_many/2. To ignore late tasks, as that can, unlink them.
func YieldMany[T any](ctx context.Context, o YieldConfig, tasks ...*Task[T]) []Result[T] {
	if o.Limit < 0 {
		panic(fmt.Sprintf("task: YieldMany: Limit is negative: %d", o.Limit))
	}
	results := make([]Result[T], len(tasks))
	own := make([]int, 0, len(tasks))
	for i, t := range tasks {
		if results[i].Err = t.mayAwait(ctx); results[i].Err == nil {
			results[i].Err = ErrPending
			own = append(own, i)
		}
	}
	left := len(own)
	if o.Limit > 0 {
		left = min(left, o.Limit)
	}
	for i := range outcomes(ctx, tasks, own) {
		results[i].Value, results[i].Err = tasks[i].outcome()
		if left--; left == 0 {
			break
		}
	}
	for _, i := range own {
		switch r := &results[i]; {
		case r.Err != ErrPending:
		case left == 0:
			r.Err = fmt.Errorf("task: yield %v: %w", tasks[i].PID(), ErrPending)
		case o.KillLate:
			r.Value, r.Err = tasks[i].Kill()
		default:
			r.Err = fmt.Errorf("task: yield %v: %w: %w", tasks[i].PID(), ErrPending, ctx.Err())
		}
	}
	return results
}

// outcomes gives the indices, of those that are wanted, of tasks as they come to
// have an outcome; first those that have one, in their order. It ends when all
// have, or ctx is done.
func outcomes[T any](ctx context.Context, tasks []*Task[T], wanted []int) iter.Seq[int] {
	return func(yield func(int) bool) {
		var late []int
		for _, i := range wanted {
			if !tasks[i].over() {
				late = append(late, i)
			} else if !yield(i) {
				return
			}
		}
		var waiters sync.WaitGroup
		defer waiters.Wait() // nothing is left behind: the cancel, which is earlier, wakes them
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		came := make(chan int, len(late)) // has room, so that no waiter waits for the loop
		for _, i := range late {
			waiters.Go(func() {
				if tasks[i].wait(ctx) != nil {
					i = none
				}
				came <- i
			})
		}
		for range late {
			if i := <-came; i != none && !yield(i) {
				return
			}
		}
	}
}

// none is no index.
const none = -1
