package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

// evil is an error whose methods do as they like. The nil one is Go's classic slip.
type evil struct{ error, is, unwrap func() }

func (e *evil) Error() string {
	e.error()
	return "evil"
}

func (e *evil) Is(error) bool {
	e.is()
	return false
}

func (e *evil) Unwrap() error {
	e.unwrap()
	return nil
}

func fine()       {}
func panics()     { panic("oops") }
func nilPanics()  { var e *evil; panic(e) }
func evilPanics() { panic(&evil{panics, fine, fine}) }

// misdeeds are what a function of a user's can do instead of returning a value.
// Block returns at the end of the test.
var misdeeds = map[string]func(block func()) error{
	"error":         func(func()) error { return errBoom },
	"typed nil":     func(func()) error { var e *evil; return e },
	"panic":         func(func()) error { panic("oops") },
	"panic, nil":    func(func()) error { nilPanics(); return nil },
	"panic, evil":   func(func()) error { evilPanics(); return nil },
	"panic, Is":     func(func()) error { panic(&evil{fine, panics, fine}) },
	"Goexit":        func(func()) error { runtime.Goexit(); return nil },
	"Error panics":  func(func()) error { return &evil{panics, fine, fine} },
	"Error Goexit":  func(func()) error { return &evil{runtime.Goexit, fine, fine} },
	"Is panics":     func(func()) error { return &evil{fine, panics, fine} },
	"Is Goexit":     func(func()) error { return &evil{fine, runtime.Goexit, fine} },
	"Unwrap panics": func(func()) error { return &evil{fine, fine, panics} },
	"Unwrap Goexit": func(func()) error { return &evil{fine, fine, runtime.Goexit} },
	"blocks":        func(block func()) error { block(); return nil },
	"Error blocks":  func(block func()) error { return &evil{block, fine, fine} },
	"Is blocks":     func(block func()) error { return &evil{fine, block, fine} },
	"Unwrap blocks": func(block func()) error { return &evil{fine, fine, block} },
}

var blocking = []string{"blocks", "Error blocks", "Is blocks", "Unwrap blocks"}

// blocker returns a function that blocks until the end of the test.
func blocker(t testing.TB) func() {
	stay := stuck(t)
	return func() { stay(context.Background()) }
}

// Whatever a task's function does, and the methods of its error, costs the task
// alone: there is an outcome, that can be looked at, and its owner goes on. What
// blocks can be killed.
func TestWhatFunctionsDoCostsTheTaskAlone(t *testing.T) {
	for start, begin := range map[string]func(ctx *doContext, f work) *task.Task[int]{
		"Async":       func(ctx *doContext, f work) *task.Task[int] { return task.Async(ctx, f) },
		"AsyncNoLink": func(ctx *doContext, f work) *task.Task[int] { return task.AsyncNoLink(ctx, f) },
		"Go":          func(ctx *doContext, f work) *task.Task[int] { return task.Go(ctx, ctx.System(), f) },
		"Deliver": func(ctx *doContext, f work) *task.Task[int] {
			return task.Deliver(ctx, f, func(int, error) do { return func(*doContext) error { return nil } })
		},
		"Prepare": func(ctx *doContext, f work) *task.Task[int] {
			tk := task.PrepareNoLink(ctx, f)
			if _, err := tk.Start(ctx); err != nil {
				t.Error(err)
			}
			return tk
		},
	} {
		for name, misdeed := range misdeeds {
			t.Run(fmt.Sprint(start, " ", name), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					owner, block := spawn(t, sys), blocker(t)
					in(t, owner, func(ctx *doContext) {
						ctx.TrapExit(true)
						tk := begin(ctx, func(context.Context) (int, error) { return 1, misdeed(block) })
						_, err := tk.Await(within(t, ctx, time.Minute))
						if slices.Contains(blocking, name) {
							if !errors.Is(err, context.DeadlineExceeded) {
								t.Errorf("await: %v", err)
							}
							begin := time.Now()
							tk.Kill()
							if _, err = tk.Await(ctx); !errors.Is(err, actor.Killed) || time.Since(begin) != 0 {
								t.Errorf("await after the kill: %v in %v", err, time.Since(begin))
							}
							tk.PID().Abandon()
						}
						var exit *task.ExitError
						if !errors.As(err, &exit) || errors.Is(err, actor.Normal) || err.Error() == "" {
							t.Errorf("await: %v", err)
						}
						<-tk.PID().Done()
						if v, err := task.AsyncNoLink(ctx, value(2, 0)).Await(ctx); v != 2 || err != nil {
							t.Errorf("and the next one: %v, %v", v, err)
						}
					})
					actortest.Sync(t, owner.PID())
					if !owner.PID().Alive() {
						t.Errorf("the owner ended: %v", owner.PID().Err())
					}
				})
			})
		}
	}
}

// The same for tasks without a result: they end, and what blocks can be abandoned.
func TestWhatFunctionsWithoutResultDoCostsTheTaskAlone(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				owner, block := spawn(t, sys), blocker(t)
				in(t, owner, func(ctx *doContext) {
					ctx.TrapExit(true)
					f := func(context.Context) error { return misdeed(block) }
					supervised, err := actor.Spawn(sys, task.Behavior(f))
					if err != nil {
						t.Error(err)
					}
					started, err := task.Start(ctx, f)
					if err != nil {
						t.Error(err)
					}
					for _, pid := range []actor.PID{supervised.PID(), started} {
						if slices.Contains(blocking, name) {
							time.Sleep(time.Minute) // it has begun
							pid.Exit(actor.Kill)
							pid.Abandon()
						}
						<-pid.Done()
						if !pid.Crashed() || pid.Err().Error() == "" {
							t.Errorf("it ended with %v", pid.Err())
						}
					}
				})
				actortest.Sync(t, owner.PID())
				if !owner.PID().Alive() {
					t.Errorf("the owner ended: %v", owner.PID().Err())
				}
			})
		})
	}
}

// Whatever the function of a stream does to one item leaves the others alone. An
// error that it returns is the result, and nobody calls its methods.
func TestWhatFunctionsDoCostsTheItemAlone(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				block, results := blocker(t), 0
				f := func(_ context.Context, i int) (int, error) {
					if i == 1 {
						return 0, misdeed(block)
					}
					return i, nil
				}
				o := task.StreamConfig{Timeout: time.Second, OnTimeout: task.FailItem}
				for v, err := range task.Stream(t.Context(), sys, slices.Values([]int{0, 1, 2}), f, o) {
					if results != 1 && (v != results || err != nil) || results == 1 && err == nil {
						t.Errorf("result %d: %v, %T", results, v, err)
					}
					results++
				}
				if results != 3 {
					t.Errorf("%d results", results)
				}
				synctest.Wait()
				if sys.Count() != 0 {
					t.Errorf("%d actors are left", sys.Count())
				}
			})
		})
	}
}

// What the items or the loop of a stream do, they do to their own goroutine; the
// tasks end.
func TestStreamWhoseLoopIsLeft(t *testing.T) {
	for name, leave := range map[string]func(){"panic": panics, "panic, nil": nilPanics, "panic, evil": evilPanics, "Goexit": runtime.Goexit} {
		for _, where := range []string{"items", "loop", "supervisor"} {
			t.Run(fmt.Sprint(where, " ", name), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					var g gauge
					f := func(ctx context.Context, i int) (int, error) {
						defer g.enter()()
						if i == 0 {
							return 0, nil
						}
						return heed(ctx)
					}
					items := func(yield func(int) bool) {
						for i := 0; yield(i); i++ {
							if i == 3 && where == "items" {
								leave()
							}
						}
					}
					o, parent, started := task.StreamConfig{MaxConcurrency: 5}, spawn(t, sys), 0
					in(t, parent, func(ctx *doContext) { ctx.TrapExit(true) })
					if where == "supervisor" {
						o.Supervisor = starter(func(_ context.Context, start func(actor.Self) (actor.PID, error)) (pid actor.PID, err error) {
							if started++; started == 3 {
								leave()
							}
							in(t, parent, func(ctx *doContext) { pid, err = start(ctx) })
							return pid, err
						})
					}
					left := make(chan struct{})
					go func() {
						defer close(left)
						defer func() { recover() }() // the caller's own affair
						for range task.Stream(t.Context(), sys, items, f, o) {
							leave()
						}
						t.Error("the loop was not left")
					}()
					<-left
					synctest.Wait()
					if g.now.Load() != 0 || sys.Count() != 1 {
						t.Errorf("%d functions run on, %d actors", g.now.Load(), sys.Count())
					}
				})
			})
		}
	}
}

// What the function does that makes the message comes to the owner as an exit
// signal, and never keeps the task from its end. A message that takes too long
// comes all the same.
func TestDeliverWhoseMessageFails(t *testing.T) {
	for name, test := range map[string]struct {
		message func(block func())
		came    func(error) bool // as an exit signal
	}{
		"panic":       {func(func()) { panics() }, isPanic("oops")},
		"panic, nil":  {func(func()) { nilPanics() }, func(err error) bool { var p *actor.PanicError; return errors.As(err, &p) }},
		"panic, evil": {func(func()) { evilPanics() }, func(err error) bool { var p *actor.PanicError; return errors.As(err, &p) }},
		"Goexit":      {func(func()) { runtime.Goexit() }, func(err error) bool { return err == actor.Goexit }},
		"blocks":      {func(block func()) { block() }, nil},
	} {
		for _, outcome := range []string{"value", "crash", "refused"} {
			t.Run(fmt.Sprint(name, " ", outcome), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					exits, delivered := actortest.NewProbe[error](t, sys), make(chan int, 1)
					owner, err := actor.Spawn(sys, func() *trapping { return &trapping{exits.Ref()} })
					if err != nil {
						t.Fatal(err)
					}
					f := map[string]work{"value": value(1, 0), "crash": crashes["error"].f, "refused": heed}[outcome]
					release := make(chan struct{})
					if outcome == "refused" {
						defer refuse(t, sys)()
					}
					var tk *task.Task[int]
					in(t, owner, func(ctx *doContext) {
						ctx.TrapExit(true)
						start := time.Now()
						tk = task.Deliver(ctx, f, func(v int, _ error) do {
							test.message(func() { <-release })
							return func(*doContext) error { delivered <- v; return nil }
						})
						<-tk.PID().Done()
						if d, want := time.Since(start), time.Duration(0); test.came == nil && d != time.Second || test.came != nil && d != want {
							t.Errorf("the end took %v", d)
						}
					})
					if test.came != nil {
						exits.ExpectMatch(test.came)
						return
					}
					if len(delivered) != 0 {
						t.Error("a message was delivered that nobody has made")
					}
					close(release)
					if got, want := <-delivered, map[string]int{"value": 1}[outcome]; got != want {
						t.Errorf("delivered: %v, want %v", got, want)
					}
				})
			})
		}
	}
}

// The reason of a caller, or the cause of its context, may be anything: a task ends
// with it.
func TestTaskEndsWithAnEvilCaller(t *testing.T) {
	for name, misdeed := range misdeeds {
		if name == "panic" || name == "blocks" || name == "Goexit" {
			continue // gives no error
		}
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				block := blocker(t)
				defer func() { recover() }() // of those that give no error but a panic
				cause := misdeed(block)
				ctx, cancel := context.WithCancelCause(t.Context())
				tk := task.Go(ctx, sys, heed)
				synctest.Wait()
				cancel(cause)
				if _, err := tk.Await(within(t, t.Context(), time.Minute)); !errors.Is(err, actor.Shutdown) || err.Error() == "" {
					t.Errorf("await: %v", err)
				}
				owner := spawn(t, sys)
				in(t, owner, func(ctx *doContext) { tk = task.AsyncNoLink(ctx, heed) })
				owner.Send(func(*doContext) error { return cause })
				time.Sleep(time.Minute)
				owner.PID().Exit(actor.Kill)
				owner.PID().Abandon() // if it is stuck in a method of its own reason
				err := actortest.ExpectExit(t, tk.PID(), actor.Shutdown)
				if err.Error() == "" {
					t.Error("no text")
				}
			})
		})
	}
}
