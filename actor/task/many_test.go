package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

// takes returns a function that takes its time, unless it is told to end.
func takes(d time.Duration, v int, err error) work {
	return func(ctx context.Context) (int, error) {
		if told := sleep(ctx, d); told != nil {
			return 0, told
		}
		return v, err
	}
}

// goAll starts a task, outside of actors, for each function.
func goAll(t testing.TB, sys *actor.System, fs []work) []*task.Task[int] {
	tasks := make([]*task.Task[int], len(fs))
	for i, f := range fs {
		tasks[i] = task.Go(t.Context(), sys, f)
	}
	return tasks
}

// TSK-5: the values of all tasks, or the first failure, in time; one deadline for
// all; what else there is goes on.
func TestAwaitMany(t *testing.T) {
	for name, test := range map[string]struct {
		tasks []work
		want  []int
		err   error
		takes time.Duration
	}{
		"none":     {},
		"values":   {tasks: []work{value(1, 4*time.Second), value(2, 0), value(3, time.Second)}, want: []int{1, 2, 3}, takes: 4 * time.Second},
		"failure":  {tasks: []work{takes(time.Minute, 1, nil), value(2, 0), takes(time.Second, 0, errBoom), heed}, err: errBoom, takes: time.Second},
		"failures": {tasks: []work{takes(2*time.Second, 0, actor.Ignore), takes(time.Second, 0, errBoom)}, err: errBoom, takes: time.Second},
		"panic":    {tasks: []work{heed, func(context.Context) (int, error) { panic(errBoom) }}, err: errBoom},
		"deadline": {tasks: []work{value(1, 0), takes(time.Minute, 2, nil), heed}, err: context.DeadlineExceeded, takes: 5 * time.Second},
		"just":     {tasks: []work{value(1, 5*time.Second-1)}, want: []int{1}, takes: 5*time.Second - 1},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				tasks, start := goAll(t, sys, test.tasks), time.Now()
				got, err := task.AwaitMany(within(t, t.Context(), 5*time.Second), tasks...)
				if !slices.Equal(got, test.want) || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
					t.Errorf("it gave %v, %v; want %v, %v", got, err, test.want, test.err)
				}
				if errors.Is(err, task.ErrPending) != (test.err == context.DeadlineExceeded) {
					t.Errorf("pending: %v", err)
				}
				if d := time.Since(start); d != test.takes {
					t.Errorf("it took %v, want %v", d, test.takes)
				}
				// A second time, with a context that is done: outcomes that are there count.
				over, cancel := context.WithCancel(t.Context())
				cancel()
				again, err := task.AwaitMany(over, tasks...)
				if !slices.Equal(again, test.want) || (err == nil) != (test.err == nil) {
					t.Errorf("it gave %v, %v again", again, err)
				}
				for i, tk := range tasks { // the rest goes on
					if _, done, err := tk.Poll(); !done && !tk.PID().Alive() {
						t.Errorf("task %d ended: %v", i, err)
					}
				}
			})
		})
	}
}

// TSK-5, TSK-1: when AwaitMany has told of the crash of a linked task, the owner is
// doomed, and so are the other tasks.
func TestAwaitManyOfLinkedTasks(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		owner := spawn(t, sys)
		var other *task.Task[int]
		in(t, owner, func(ctx *doContext) {
			other = task.Async(ctx, heed)
			_, err := task.AwaitMany(ctx, other, task.Async(ctx, takes(time.Second, 0, errBoom)))
			if !errors.Is(err, errBoom) || ctx.PID().Alive() {
				t.Errorf("it gave %v, and the owner lives: %v", err, ctx.PID().Alive())
			}
		})
		actortest.ExpectExit(t, other.PID(), errBoom)
	})
}

// TSK-5: a result for each task when all, or as many as are wanted, have an
// outcome, or the time is over; late tasks are killed if that is wanted.
func TestYieldMany(t *testing.T) {
	six := []work{value(1, 4*time.Second), takes(time.Minute, 2, nil), crashes["error"].f, value(4, 5*time.Second-1), heed, value(6, 0)}
	for name, test := range map[string]struct {
		tasks []work
		o     task.YieldConfig
		want  string
		takes time.Duration
	}{
		"none":                {nil, task.YieldConfig{}, "[]", 0},
		"all":                 {six[2:4], task.YieldConfig{}, "[boom 4]", 5*time.Second - 1},
		"deadline":            {six, task.YieldConfig{}, "[1 late boom 4 late 6]", 5 * time.Second},
		"kill late":           {six, task.YieldConfig{KillLate: true}, "[1 killed boom 4 killed 6]", 5 * time.Second},
		"limit":               {six, task.YieldConfig{Limit: 3}, "[1 pending boom pending pending 6]", 4 * time.Second},
		"limit, kill late":    {six, task.YieldConfig{Limit: 3, KillLate: true}, "[1 pending boom pending pending 6]", 4 * time.Second},
		"limit too great":     {six, task.YieldConfig{Limit: 5}, "[1 late boom 4 late 6]", 5 * time.Second},
		"limit above all":     {six[2:4], task.YieldConfig{Limit: 9}, "[boom 4]", 5*time.Second - 1},
		"limit that is there": {[]work{value(1, 0), value(2, 0), value(3, 0)}, task.YieldConfig{Limit: 2}, "[1 2 pending]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				tasks := goAll(t, sys, test.tasks)
				if name == "limit that is there" {
					synctest.Wait()
				}
				start := time.Now()
				results := task.YieldMany(within(t, t.Context(), 5*time.Second), test.o, tasks...)
				if got := fmt.Sprint(outcomes(results)); got != test.want {
					t.Errorf("results: %v, want %v", got, test.want)
				}
				if d := time.Since(start); d != test.takes {
					t.Errorf("it took %v, want %v", d, test.takes)
				}
				for i, r := range results {
					if pending := errors.Is(r.Err, task.ErrPending); pending && i != 4 {
						_, err := tasks[i].Await(t.Context()) // it goes on
						if err != nil {
							t.Errorf("await of task %d: %v", i, err)
						}
					} else if !pending && tasks[i].PID().Alive() {
						t.Errorf("task %d lives", i)
					}
				}
			})
		})
	}
}

// outcomes says in words what the results are.
func outcomes(results []task.Result[int]) []string {
	words := make([]string, len(results))
	for i, r := range results {
		switch {
		case r.Err == nil:
			words[i] = fmt.Sprint(r.Value)
		case errors.Is(r.Err, task.ErrPending) && errors.Is(r.Err, context.DeadlineExceeded):
			words[i] = "late"
		case errors.Is(r.Err, task.ErrPending):
			words[i] = "pending"
		case errors.Is(r.Err, task.ErrNotOwner):
			words[i] = "not owner"
		default:
			words[i] = errors.Unwrap(r.Err).Error()
			if errors.Is(r.Err, errBoom) {
				words[i] = "boom"
			}
		}
	}
	return words
}

// TSK-2, T-100: tasks of others are not awaited, neither one nor many, and not
// killed either.
func TestManyTasksOfOthers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		owner, start := spawn(t, sys), time.Now()
		var theirs *task.Task[int]
		in(t, owner, func(ctx *doContext) { theirs = task.AsyncNoLink(ctx, takes(time.Minute, 1, nil)) })
		mine := task.Go(t.Context(), sys, value(2, time.Second))
		if _, err := task.AwaitMany(t.Context(), mine, theirs); !errors.Is(err, task.ErrNotOwner) || time.Since(start) != 0 {
			t.Errorf("await: %v in %v", err, time.Since(start))
		}
		results := task.YieldMany(t.Context(), task.YieldConfig{KillLate: true}, theirs, mine)
		if got := fmt.Sprint(outcomes(results)); got != "[not owner 2]" || time.Since(start) != time.Second {
			t.Errorf("yield: %v in %v", got, time.Since(start))
		}
		if !theirs.PID().Alive() {
			t.Error("another's task was killed")
		}
	})
}

// A task that is still to be started is waited for, and one that never will be
// holds nothing up.
func TestManyTasksBeforeTheirStart(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		parent := spawn(t, sys)
		late, never := task.PrepareNoLink(t.Context(), value(1, 0)), task.PrepareNoLink(t.Context(), value(2, 0))
		time.AfterFunc(time.Second, func() {
			parent.Send(func(ctx *doContext) error { _, err := late.Start(ctx); return err })
			never.Kill()
		})
		got := outcomes(task.YieldMany(within(t, t.Context(), time.Minute), task.YieldConfig{}, late, never))
		if want := "[1 killed]"; fmt.Sprint(got) != want {
			t.Errorf("results: %v, want %v", got, want)
		}
	})
}

// Ends race with a yield and its end: each outcome is had once, and at last all.
func TestYieldManyUntilAll(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	for round := range 100 {
		fs := make([]work, 10)
		for i := range fs {
			fs[i] = value(i, time.Duration(i%3)*10*time.Microsecond)
		}
		left, had := goAll(t, sys, fs), 0
		for len(left) > 0 {
			var rest []*task.Task[int]
			for i, r := range task.YieldMany(t.Context(), task.YieldConfig{Limit: 1 + round%4}, left...) {
				switch {
				case errors.Is(r.Err, task.ErrPending):
					rest = append(rest, left[i])
				case r.Err != nil:
					t.Fatal(r.Err)
				default:
					had++
				}
			}
			if came := len(left) - len(rest); came != min(1+round%4, len(left)) {
				t.Fatalf("%d of %d came, with a limit of %d", came, len(left), 1+round%4)
			}
			left = rest
		}
		if had != len(fs) {
			t.Fatalf("%d of %d were had", had, len(fs))
		}
	}
}
