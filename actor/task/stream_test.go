package task_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

// gauge counts what runs at once.
type gauge struct{ now, most, total atomic.Int64 }

func (g *gauge) enter() (leave func()) {
	g.total.Add(1)
	now := g.now.Add(1)
	for {
		most := g.most.Load()
		if now <= most || g.most.CompareAndSwap(most, now) {
			break
		}
	}
	return func() { g.now.Add(-1) }
}

// sleep waits as time.Sleep does, but heeds its context.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// naturals is 0, 1, 2 and so on, without end; it counts what it has given.
func naturals(given *int) iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := 0; ; i++ {
			*given = i + 1
			if !yield(i) {
				return
			}
		}
	}
}

// lines are the results of a stream, to be compared.
func lines(stream iter.Seq2[int, error]) (got []string) {
	for v, err := range stream {
		switch {
		case errors.Is(err, task.ErrTimeout):
			got = append(got, "timeout")
		case errors.Is(err, errBoom):
			got = append(got, "boom")
		case isPanic("oops")(err):
			got = append(got, "panic")
		case errors.Is(err, actor.Goexit):
			got = append(got, "goexit")
		case errors.Is(err, context.Canceled):
			got = append(got, "canceled")
		case errors.Is(err, actor.ErrClosed):
			got = append(got, "closed")
		case err != nil:
			got = append(got, err.Error())
		default:
			got = append(got, fmt.Sprint(v))
		}
	}
	return got
}

// TSK-6, T-102: results come in input order or as they come, a failure concerns
// its item, a late item fails itself or the stream, and no more than the limit run
// at once.
func TestStream(t *testing.T) {
	// The items are what the function does: how many seconds it sleeps; -1 is an
	// error, -2 a panic.
	const anyNumber = -1
	for name, test := range map[string]struct {
		items []int
		o     task.StreamConfig
		want  []string
		most  int64
		takes time.Duration
	}{
		"none":            {nil, task.StreamConfig{}, nil, 0, 0},
		"one":             {[]int{1}, task.StreamConfig{}, []string{"1"}, 1, time.Second},
		"in order":        {[]int{3, 1, 2}, task.StreamConfig{MaxConcurrency: 3}, []string{"3", "1", "2"}, 3, 3 * time.Second},
		"as they come":    {[]int{3, 1, 2}, task.StreamConfig{MaxConcurrency: 3, Unordered: true}, []string{"1", "2", "3"}, 3, 3 * time.Second},
		"one at a time":   {[]int{3, 1, 2}, task.StreamConfig{MaxConcurrency: 1, Unordered: true}, []string{"3", "1", "2"}, 1, 6 * time.Second},
		"two at a time":   {[]int{1, 1, 1, 1}, task.StreamConfig{MaxConcurrency: 2}, []string{"1", "1", "1", "1"}, 2, 2 * time.Second},
		"failures":        {[]int{1, -1, -2, 2}, task.StreamConfig{MaxConcurrency: 2}, []string{"1", "boom", "panic", "2"}, anyNumber, 3 * time.Second},
		"failures come":   {[]int{1, -1, -2, 2}, task.StreamConfig{MaxConcurrency: 4, Unordered: true}, nil, anyNumber, 2 * time.Second},
		"late item":       {[]int{1, 9, 3}, task.StreamConfig{MaxConcurrency: 2, Timeout: 5 * time.Second, OnTimeout: task.FailItem}, []string{"1", "timeout", "3"}, 2, 5 * time.Second},
		"late item, one":  {[]int{1, 9, 3}, task.StreamConfig{MaxConcurrency: 1, Timeout: 5 * time.Second, OnTimeout: task.FailItem}, []string{"1", "timeout", "3"}, 1, 9 * time.Second},
		"late item fails": {[]int{1, 9, 3}, task.StreamConfig{MaxConcurrency: 2, Timeout: 5 * time.Second}, []string{"1", "timeout"}, 2, 5 * time.Second},
		"late, unordered": {[]int{9, 1, 3}, task.StreamConfig{MaxConcurrency: 3, Timeout: 5 * time.Second, OnTimeout: task.FailItem, Unordered: true}, []string{"1", "3", "timeout"}, 3, 5 * time.Second},
		"in time":         {[]int{4, 4}, task.StreamConfig{MaxConcurrency: 2, Timeout: 5 * time.Second}, []string{"4", "4"}, 2, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var g gauge
				start := time.Now()
				stream := task.Stream(t.Context(), sys, slices.Values(test.items), func(ctx context.Context, item int) (int, error) {
					defer g.enter()()
					switch item {
					case -1:
						return 0, errBoom
					case -2:
						panic("oops")
					}
					return item, sleep(ctx, time.Duration(item)*time.Second)
				}, test.o)
				got := lines(stream)
				if test.want != nil && !slices.Equal(got, test.want) || len(got) < len(test.want) {
					t.Errorf("results: %q, want %q", got, test.want)
				}
				if d := time.Since(start); test.most != anyNumber && g.most.Load() != test.most || d != test.takes {
					t.Errorf("%d at once in %v, want %d in %v", g.most.Load(), d, test.most, test.takes)
				}
				synctest.Wait()
				if sys.Count() != 0 || g.now.Load() != 0 {
					t.Errorf("%d actors and %d calls are left", sys.Count(), g.now.Load())
				}
			})
		})
	}
}

// TSK-6: what ends a task without a result is told along with the item; an error
// that the function returned is the result itself.
func TestItemError(t *testing.T) {
	for name, test := range map[string]struct {
		f    func(ctx context.Context) error
		want func(error) bool
	}{
		"panic":    {func(context.Context) error { panic("oops") }, isPanic("oops")},
		"goexit":   {func(context.Context) error { runtime.Goexit(); return nil }, func(err error) bool { return errors.Is(err, actor.Goexit) }},
		"late":     {func(ctx context.Context) error { <-ctx.Done(); return nil }, func(err error) bool { return errors.Is(err, task.ErrTimeout) }},
		"killed":   {func(ctx context.Context) error { pidOf(t, ctx).Exit(actor.Kill); return nil }, func(err error) bool { return errors.Is(err, actor.Killed) }},
		"returned": {func(context.Context) error { return errBoom }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				f := func(ctx context.Context, item string) (string, error) {
					if item == "bad" {
						return item, test.f(ctx)
					}
					return item, nil
				}
				items := slices.Values([]string{"good", "bad", "fine"})
				var results int
				for v, err := range task.Stream(t.Context(), sys, items, f, task.StreamConfig{Timeout: time.Second, OnTimeout: task.FailItem}) {
					results++
					var told *task.ItemError[string]
					var exit *task.ExitError
					switch isItem := errors.As(err, &told); {
					case results != 2:
						if err != nil || v == "bad" {
							t.Errorf("result %d: %q, %v", results, v, err)
						}
					case test.want == nil:
						if err != errBoom || v != "bad" {
							t.Errorf("it is not what the function returned but %q, %v", v, err)
						}
					case !isItem || told.Item != "bad" || !errors.As(err, &exit) || told.Err != exit || !test.want(err) || err.Error() != exit.Error():
						t.Errorf("it does not tell of the item: %#v", err)
					}
				}
				if results != 3 {
					t.Errorf("%d results", results)
				}
			})
		})
	}
}

// pidOf returns the actor whose context it is.
func pidOf(t testing.TB, ctx context.Context) actor.PID {
	pid, ok := actor.FromContext(ctx)
	if !ok {
		t.Error("the context is no actor's")
	}
	return pid
}

// TSK-7: an item is started only as results are taken, and each range runs the
// stream anew.
func TestStreamIsLazy(t *testing.T) {
	for _, unordered := range []bool{false, true} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			var given int
			var g gauge
			stream := task.Stream(t.Context(), sys, naturals(&given), func(_ context.Context, i int) (int, error) {
				defer g.enter()()
				return i, nil
			}, task.StreamConfig{MaxConcurrency: 3, Unordered: unordered})
			if given != 0 {
				t.Error("it started before it was ranged over")
			}
			for range 2 {
				taken := 0
				g.total.Store(0)
				for _, err := range stream {
					if err != nil {
						t.Fatal(err)
					}
					synctest.Wait()
					if started := int(g.total.Load()); given != taken+3 || started != given {
						t.Fatalf("%d taken: %d given, %d started", taken, given, started)
					}
					if taken++; taken == 10 {
						break
					}
				}
			}
		})
	}
}

// TSK-7, T-103: a loop that is left ends the tasks that run, waits for them, and
// starts no more; so does a context that is done, and a panic.
func TestStreamEndsEarly(t *testing.T) {
	for _, how := range []string{"break", "panic", "panic of the items", "cancel", "next and stop"} {
		for _, unordered := range []bool{false, true} {
			t.Run(fmt.Sprint(how, " unordered ", unordered), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					var given int
					var g gauge
					var causes atomic.Int64
					items := naturals(&given)
					if how == "panic of the items" {
						items = func(yield func(int) bool) {
							for i := range 5 {
								given++
								if !yield(i) {
									return
								}
							}
							panic("left")
						}
					}
					stream := task.Stream(ctx, sys, items, func(ctx context.Context, i int) (int, error) {
						defer g.enter()()
						if i < 2 {
							return i, nil
						}
						<-ctx.Done()
						if context.Cause(ctx) == actor.Shutdown {
							causes.Add(1)
						}
						return i, nil
					}, task.StreamConfig{MaxConcurrency: 4, Unordered: unordered})
					taken := 0
					func() {
						defer func() {
							if v := recover(); v != nil && v != "left" {
								panic(v)
							}
						}()
						if how == "next and stop" {
							next, stop := iter.Pull2(stream)
							next()
							next()
							synctest.Wait() // all have begun
							stop()
							taken = 2
							return
						}
						for _, err := range stream {
							if err != nil {
								if how != "cancel" || !errors.Is(err, context.Canceled) {
									t.Error(err)
								}
								continue
							}
							if taken++; taken < 2 {
								continue
							}
							synctest.Wait() // all have begun
							switch how {
							case "break":
								return
							case "panic":
								panic("left")
							case "cancel":
								time.AfterFunc(time.Second, cancel)
							}
						}
					}()
					if taken != 2 || g.now.Load() != 0 || given > 6 || causes.Load() == 0 || causes.Load() != g.total.Load()-2 {
						t.Errorf("%d taken, %d running, %d given, %d told of %d", taken, g.now.Load(), given, causes.Load(), g.total.Load())
					}
					synctest.Wait()
					if sys.Count() != 0 || sys.DeadLetters() != 0 {
						t.Errorf("%d actors and %d dead letters are left", sys.Count(), sys.DeadLetters())
					}
				})
			})
		}
	}
}

// GO-3: a function that heeds nothing is abandoned after a second: neither the end
// of the loop nor a late item waits for ever.
func TestStreamAbandonsStuckTasks(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		stay := stuck(t)
		f := func(ctx context.Context, i int) (int, error) {
			if i%2 == 1 {
				return stay(ctx)
			}
			return i, nil
		}
		start := time.Now()
		got := lines(task.Stream(t.Context(), sys, slices.Values([]int{0, 1, 2, 3}), f,
			task.StreamConfig{MaxConcurrency: 1, Timeout: time.Minute, OnTimeout: task.FailItem}))
		if want := []string{"0", "timeout", "2", "timeout"}; !slices.Equal(got, want) {
			t.Errorf("results %q, want %q", got, want)
		}
		d := time.Since(start)
		synctest.Wait()
		if d != 2*(time.Minute+time.Second) || sys.Abandoned() != 2 {
			t.Errorf("it took %v, %d abandoned", d, sys.Abandoned())
		}

		start = time.Now()
		for range task.Stream(t.Context(), sys, slices.Values([]int{0, 1, 3, 5}), f, task.StreamConfig{MaxConcurrency: 4}) {
			synctest.Wait() // all have started
			break
		}
		d = time.Since(start)
		synctest.Wait()
		if d != time.Second || sys.Abandoned() != 5 || sys.Count() != 0 {
			t.Errorf("it took %v, %d abandoned, %d actors left", d, sys.Abandoned(), sys.Count())
		}
	})
}

// A stream in an actor ends when the actor is killed, even while the loop's body
// is busy; one in a system that is shut down says so.
func TestStreamEndsWithItsSurroundings(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var g gauge
		var given int
		owner := spawn(t, sys)
		results := make(chan []string, 1)
		hang := func(ctx context.Context, i int) (int, error) {
			defer g.enter()()
			if i == 0 {
				return 0, nil
			}
			return i, sleep(ctx, 24*time.Hour)
		}
		owner.Send(func(ctx *doContext) error {
			stream := task.Stream(ctx, sys, naturals(&given), hang, task.StreamConfig{MaxConcurrency: 3})
			results <- lines(func(yield func(int, error) bool) {
				for v, err := range stream {
					if v == 0 && err == nil {
						time.Sleep(time.Hour) // a busy loop
						if g.now.Load() != 0 {
							t.Error("the tasks run on")
						}
					}
					if !yield(v, err) {
						return
					}
				}
			})
			return nil
		})
		synctest.Wait()
		owner.PID().Exit(actor.Kill)
		if got := <-results; !slices.Equal(got, []string{"0", "canceled"}) {
			t.Errorf("results: %q", got)
		}

		var got []string
		stream := task.Stream(t.Context(), sys, naturals(&given), func(_ context.Context, i int) (int, error) { return i, nil }, task.StreamConfig{MaxConcurrency: 1})
		got = lines(func(yield func(int, error) bool) {
			for v, err := range stream {
				if v == 1 {
					if err := sys.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				}
				yield(v, err)
			}
		})
		if !slices.Equal(got, []string{"0", "1", "closed"}) {
			t.Errorf("results: %q", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got := lines(task.Stream(ctx, actortest.NewSystem(t), naturals(&given), hang, task.StreamConfig{})); !slices.Equal(got, []string{"canceled"}) {
			t.Errorf("results with a context that is done: %q", got)
		}
	})
}

// Streams of random shape give what a plain loop would, never run too many at
// once, and leave nothing.
func TestStreamAgainstAModel(t *testing.T) {
	for seed := range uint64(60) {
		bubble(t, func(t *testing.T, sys *actor.System) {
			r := rand.New(rand.NewPCG(seed, 1))
			items := make([]int, r.IntN(40))
			var want []string
			limit := time.Duration(1+r.IntN(20)) * time.Millisecond
			o := task.StreamConfig{MaxConcurrency: r.IntN(6), Timeout: limit, OnTimeout: task.FailItem, Unordered: r.IntN(2) == 0}
			for i := range items {
				items[i] = r.IntN(15)
				switch d := time.Duration(items[i]) * time.Millisecond; {
				case d == limit: // either would do
					items[i]++
					fallthrough
				case d > limit:
					want = append(want, "timeout")
				case items[i]%5 == 4:
					want = append(want, "boom")
				default:
					want = append(want, fmt.Sprint(items[i]))
				}
			}
			stop := len(items)
			if r.IntN(3) == 0 {
				stop = r.IntN(len(items) + 1)
			}
			var g gauge
			var got []string
			if stop > 0 {
				stream := task.Stream(t.Context(), sys, slices.Values(items), func(ctx context.Context, item int) (int, error) {
					defer g.enter()()
					if err := sleep(ctx, time.Duration(item)*time.Millisecond); err != nil || item%5 != 4 {
						return item, err
					}
					return 0, errBoom
				}, o)
				got = lines(func(yield func(int, error) bool) {
					n := 0
					for v, err := range stream {
						yield(v, err)
						if n++; n == stop {
							return
						}
					}
				})
			}
			if o.Unordered {
				left := slices.Clone(want)
				for _, line := range got {
					i := slices.Index(left, line)
					if i < 0 {
						t.Fatalf("seed %d: %q is not among %q", seed, line, left)
					}
					left = slices.Delete(left, i, i+1)
				}
				if len(got) != stop {
					t.Errorf("seed %d: %d results, want %d", seed, len(got), stop)
				}
			} else if !slices.Equal(got, want[:stop]) {
				t.Errorf("seed %d: results %q, want %q", seed, got, want[:stop])
			}
			if o.MaxConcurrency > 0 && g.most.Load() > int64(o.MaxConcurrency) {
				t.Errorf("seed %d: %d at once, want %d", seed, g.most.Load(), o.MaxConcurrency)
			}
			if g.now.Load() != 0 {
				t.Errorf("seed %d: %d run on", seed, g.now.Load())
			}
			synctest.Wait()
			if sys.Count() != 0 || sys.DeadLetters() != 0 {
				t.Errorf("seed %d: %d actors and %d dead letters are left", seed, sys.Count(), sys.DeadLetters())
			}
		})
	}
}
