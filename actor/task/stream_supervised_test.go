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
	"github.com/troupe-go/troupe/supervisor"
)

var _ task.Supervisor = supervisor.Dynamic{}

func startDynamic(t testing.TB, sys *actor.System, maximum int) supervisor.Dynamic {
	t.Helper()
	sup, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{MaxChildren: maximum})
	if err != nil {
		t.Fatal(err)
	}
	return sup
}

// expectChildren checks how many children a supervisor has.
func expectChildren(t testing.TB, sup supervisor.Dynamic, want int) {
	t.Helper()
	if n, err := sup.Count(t.Context()); err != nil || n.Active != want {
		t.Errorf("the supervisor has %d children, want %d: %v", n.Active, want, err)
	}
}

// TSUP-1, TSK-6: the tasks of a supervised stream are children of the supervisor,
// which outlives their failures, and the caller does, too.
func TestSupervisedStream(t *testing.T) {
	for name, test := range map[string]struct {
		items   []int // seconds; -1 is an error, -2 a panic
		o       task.StreamConfig
		maximum int
		want    string
		takes   time.Duration
	}{
		"in order":       {[]int{3, 1, 2}, task.StreamConfig{MaxConcurrency: 3}, 3, "[3 1 2]", 3 * time.Second},
		"as they come":   {[]int{3, 1, 2}, task.StreamConfig{MaxConcurrency: 3, Unordered: true}, 3, "[1 2 3]", 3 * time.Second},
		"two at a time":  {[]int{1, 1, 1, 1}, task.StreamConfig{MaxConcurrency: 2}, 2, "[1 1 1 1]", 2 * time.Second},
		"failures":       {[]int{1, -1, -2, 2}, task.StreamConfig{MaxConcurrency: 2}, 2, "[1 boom panic 2]", 3 * time.Second},
		"late":           {[]int{1, 9, 3}, task.StreamConfig{MaxConcurrency: 1, Timeout: 5 * time.Second, OnTimeout: task.FailItem}, 1, "[1 timeout 3]", 9 * time.Second},
		"late, fails":    {[]int{1, 9, 3}, task.StreamConfig{MaxConcurrency: 1, Timeout: 5 * time.Second}, 1, "[1 timeout]", 6 * time.Second},
		"too many":       {[]int{1, 1, 1}, task.StreamConfig{MaxConcurrency: 2}, 1, "[too many]", 0},
		"too many later": {[]int{1, 1, 1, 1}, task.StreamConfig{MaxConcurrency: 4}, 3, "[too many]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				sup := startDynamic(t, sys, test.maximum)
				test.o.Supervisor = sup
				var g gauge
				owner, start := spawn(t, sys), time.Now()
				in(t, owner, func(ctx *doContext) {
					stream := task.Stream(ctx, sys, slices.Values(test.items), func(ctx context.Context, item int) (int, error) {
						defer g.enter()()
						info, alive := pidOf(t, ctx).Info() // the stream may have failed by now
						if alive && (info.Parent != sup.PID() || !slices.Equal(info.Links, []actor.PID{sup.PID()})) {
							t.Errorf("a task is no child of the supervisor: %+v", info)
						}
						switch item {
						case -1:
							return 0, errBoom
						case -2:
							panic("oops")
						}
						return item, sleep(ctx, time.Duration(item)*time.Second)
					}, test.o)
					got := lines(func(yield func(int, error) bool) {
						for v, err := range stream {
							if errors.Is(err, supervisor.ErrMaxChildren) {
								err = errors.New("too many")
							}
							yield(v, err)
						}
					})
					if fmt.Sprint(got) != test.want || time.Since(start) != test.takes {
						t.Errorf("results: %v in %v, want %v in %v", got, time.Since(start), test.want, test.takes)
					}
				})
				if !owner.PID().Alive() {
					t.Errorf("the caller ended: %v", owner.PID().Err())
				}
				expectChildren(t, sup, 0)
				if g.now.Load() != 0 || sys.Count() != 2 {
					t.Errorf("%d calls and %d actors are left", g.now.Load(), sys.Count())
				}
			})
		})
	}
}

// TSK-7, T-103: a supervised stream that is left ends its tasks, and leaves the
// supervisor's other children alone; so does one whose context is done.
func TestSupervisedStreamEndsEarly(t *testing.T) {
	for _, how := range []string{"break", "cancel"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				sup := startDynamic(t, sys, 0)
				if _, err := sup.StartTask(t.Context(), task.PrepareNoLink(t.Context(), heed).Start); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var given int
				var g gauge
				stream := task.Stream(ctx, sys, naturals(&given), func(ctx context.Context, i int) (int, error) {
					defer g.enter()()
					if i == 0 {
						return 0, nil
					}
					return i, sleep(ctx, time.Hour)
				}, task.StreamConfig{MaxConcurrency: 4, Supervisor: sup})
				for _, err := range stream {
					if err != nil {
						if how != "cancel" || !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						break
					}
					synctest.Wait()
					expectChildren(t, sup, 4)
					if how == "break" {
						break
					}
					time.AfterFunc(time.Second, cancel)
				}
				if g.now.Load() != 0 || given > 5 {
					t.Errorf("%d run, %d given", g.now.Load(), given)
				}
				expectChildren(t, sup, 1)
			})
		})
	}
}

// A supervisor that is stopped ends the tasks of streams, and the streams: what is
// asked of it is refused.
func TestSupervisedStreamEndsWithTheSupervisor(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, sup supervisor.Dynamic){
		"stop": func(t *testing.T, sup supervisor.Dynamic) {
			if err := sup.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		},
		"kill": func(_ *testing.T, sup supervisor.Dynamic) { sup.PID().Exit(actor.Kill) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				sup := startDynamic(t, sys, 0)
				var given int
				var results []error
				time.AfterFunc(time.Second, func() { end(t, sup) })
				for _, err := range task.Stream(t.Context(), sys, naturals(&given), heedItem, task.StreamConfig{MaxConcurrency: 2, Supervisor: sup}) {
					results = append(results, err)
				}
				want := map[string]error{"stop": actor.Shutdown, "kill": actor.Killed}[name]
				var item *task.ItemError[int]
				if len(results) != 2 || !errors.As(results[0], &item) || !errors.Is(results[0], want) {
					t.Fatalf("results: %v", results)
				}
				// The supervisor is about to end when it is asked to start another, or has ended.
				if err := results[1]; errors.As(err, &item) || !errors.Is(err, want) && !errors.Is(err, actor.NoProc) {
					t.Errorf("the stream failed with %v", err)
				}
				synctest.Wait()
				if sys.Count() != 0 {
					t.Errorf("%d actors are left", sys.Count())
				}
			})
		})
	}
}

func heedItem(ctx context.Context, i int) (int, error) { return heed(ctx) }

// As many children as tasks at a time are enough: a task counts no more when the
// next one is to be started.
func TestSupervisedStreamNeedsNoSpareChild(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	for _, unordered := range []bool{false, true} {
		for _, n := range []int{1, 2, 5} {
			sup, got := startDynamic(t, sys, n), 0
			items := func(yield func(int) bool) {
				for i := 0; i < 500 && yield(i); i++ {
				}
			}
			f := func(_ context.Context, i int) (int, error) {
				if i%100 == 0 {
					panic("oops")
				}
				return i, nil
			}
			for _, err := range task.Stream(t.Context(), sys, items, f, task.StreamConfig{MaxConcurrency: n, Unordered: unordered, Supervisor: sup}) {
				if err != nil && !isPanic("oops")(err) {
					t.Fatalf("%d at a time, unordered %v, result %d: %v", n, unordered, got, err)
				}
				got++
			}
			if got != 500 {
				t.Errorf("%d results", got)
			}
		}
	}
}

// starter is a Supervisor that does as it likes.
type starter func(ctx context.Context, start func(actor.Self) (actor.PID, error)) (actor.PID, error)

func (s starter) StartTask(ctx context.Context, start func(actor.Self) (actor.PID, error)) (actor.PID, error) {
	return s(ctx, start)
}

// A supervisor that starts nothing, or when nobody waits any more, or twice, makes
// the stream fail or nothing worse: no item is run that nobody knows of.
func TestStreamUnderABadSupervisor(t *testing.T) {
	for name, test := range map[string]struct {
		start func(parent actor.Ref[do], kept *func(actor.Self) (actor.PID, error)) starter
		runs  int64
		fails bool
	}{
		"nothing": {func(actor.Ref[do], *func(actor.Self) (actor.PID, error)) starter {
			return func(context.Context, func(actor.Self) (actor.PID, error)) (actor.PID, error) { return actor.PID{}, nil }
		}, 0, true},
		"later": {func(_ actor.Ref[do], kept *func(actor.Self) (actor.PID, error)) starter {
			return func(ctx context.Context, start func(actor.Self) (actor.PID, error)) (actor.PID, error) {
				*kept = start
				return actor.PID{}, errBoom
			}
		}, 0, true},
		"twice": {func(parent actor.Ref[do], _ *func(actor.Self) (actor.PID, error)) starter {
			return func(_ context.Context, start func(actor.Self) (actor.PID, error)) (pid actor.PID, err error) {
				in(t, parent, func(ctx *doContext) {
					pid, err = start(ctx)
					if _, err := start(ctx); !errors.Is(err, task.ErrStarted) {
						t.Errorf("second start: %v", err)
					}
				})
				return pid, err
			}
		}, 3, false},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var kept func(actor.Self) (actor.PID, error)
				var g gauge
				parent, failed := spawn(t, sys), false
				f := func(_ context.Context, i int) (int, error) { defer g.enter()(); return i, nil }
				for _, err := range task.Stream(t.Context(), sys, slices.Values([]int{1, 2, 3}), f, task.StreamConfig{Supervisor: test.start(parent, &kept)}) {
					failed = failed || err != nil
				}
				if kept != nil {
					in(t, parent, func(ctx *doContext) {
						if _, err := kept(ctx); !errors.Is(err, task.ErrStarted) {
							t.Errorf("late start: %v", err)
						}
					})
				}
				synctest.Wait()
				if g.total.Load() != test.runs || failed != test.fails || sys.Count() != 1 {
					t.Errorf("%d ran, failed: %v, %d actors", g.total.Load(), failed, sys.Count())
				}
			})
		})
	}
}

// A supervisor that does not answer does not hold the stream up when its context is
// done; and when it answers at last, it has nothing to run.
func TestStreamUnderASuspendedSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		sup := startDynamic(t, sys, 0)
		if err := sup.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		var given int
		var g gauge
		f := func(_ context.Context, i int) (int, error) { defer g.enter()(); return i, nil }
		got := []error{}
		for _, err := range task.Stream(within(t, t.Context(), time.Second), sys, naturals(&given), f, task.StreamConfig{Supervisor: sup}) {
			got = append(got, err)
		}
		if len(got) != 1 || !errors.Is(got[0], context.DeadlineExceeded) {
			t.Errorf("results: %v", got)
		}
		if err := sup.PID().Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		expectChildren(t, sup, 0)
		if g.total.Load() != 0 {
			t.Errorf("%d items ran", g.total.Load())
		}
	})
}
