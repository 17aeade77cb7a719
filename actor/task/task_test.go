package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

// TSK-1: the owner gets the value, as often as it asks, and the task is over.
func TestAwaitReturnsTheValue(t *testing.T) {
	for name, start := range map[string]func(ctx *doContext, f work) *task.Task[int]{
		"Async":       func(ctx *doContext, f work) *task.Task[int] { return task.Async(ctx, f) },
		"AsyncNoLink": func(ctx *doContext, f work) *task.Task[int] { return task.AsyncNoLink(ctx, f) },
		"Go":          func(ctx *doContext, f work) *task.Task[int] { return task.Go(ctx, ctx.System(), f) },
		"Prepare": func(ctx *doContext, f work) *task.Task[int] {
			tk := task.Prepare(ctx, f)
			if _, err := tk.Start(ctx); err != nil {
				t.Error(err)
			}
			return tk
		},
	} {
		for _, d := range []time.Duration{0, time.Hour} {
			t.Run(fmt.Sprint(name, " ", d), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					owner := spawn(t, sys)
					in(t, owner, func(ctx *doContext) {
						tk := start(ctx, value(42, d))
						for range 2 {
							if v, err := tk.Await(ctx); v != 42 || err != nil {
								t.Errorf("await: %v, %v", v, err)
							}
						}
						if v, done, err := tk.Poll(); v != 42 || !done || err != nil {
							t.Errorf("poll: %v, %v, %v", v, done, err)
						}
						if err := tk.PID().Err(); err != actor.Normal {
							t.Errorf("the task ended with %v", err)
						}
					})
					synctest.Wait()
					if !owner.PID().Alive() || sys.Count() != 1 {
						t.Errorf("owner: %v, actors: %d", owner.PID().Err(), sys.Count())
					}
				})
			})
		}
	}
}

// T-100, TSK-2: only the owner may await, with its own context or one made from
// it; a task cannot await itself.
func TestAwaitByOthersIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		owner, other := spawn(t, sys), spawn(t, sys)
		var tk *task.Task[int]
		in(t, owner, func(ctx *doContext) { tk = task.Async(ctx, heed) })
		in(t, other, func(ctx *doContext) {
			if _, err := tk.Await(ctx); !errors.Is(err, task.ErrNotOwner) {
				t.Errorf("await by another actor: %v", err)
			}
		})
		if _, err := tk.Await(t.Context()); !errors.Is(err, task.ErrNotOwner) {
			t.Errorf("await by a goroutine: %v", err)
		}
		in(t, owner, func(ctx *doContext) {
			if _, err := tk.Await(within(t, ctx, time.Second)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("await by the owner: %v", err)
			}
		})

		self := make(chan *task.Task[int], 1)
		tk = task.Go(t.Context(), sys, func(ctx context.Context) (int, error) { return (<-self).Await(ctx) })
		self <- tk
		if _, err := tk.Await(t.Context()); !errors.Is(err, actor.ErrSelf) {
			t.Errorf("await of itself: %v", err)
		}
	})
}

// T-100, TSK-3: an Await that runs out of time is no harm: the task goes on and
// can be awaited and polled again.
func TestAwaitRunsOutOfTime(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		tk := task.Go(t.Context(), sys, value(1, time.Minute))
		for range 3 {
			if _, err := tk.Await(within(t, t.Context(), time.Second)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("await: %v", err)
			}
			if _, done, err := tk.Poll(); done || err != nil {
				t.Errorf("poll: %v, %v", done, err)
			}
		}
		if v, err := tk.Await(t.Context()); v != 1 || err != nil {
			t.Errorf("await: %v, %v", v, err)
		}
		// There is an outcome, so that it does not matter that the context is done.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 {
			if v, err := tk.Await(ctx); v != 1 || err != nil {
				t.Errorf("await: %v, %v", v, err)
			}
		}
	})
}

// crashes are functions that fail, and what must hold for the reasons.
var crashes = map[string]struct {
	f    work
	want func(error) bool
}{
	"error":       {func(context.Context) (int, error) { return 1, fmt.Errorf("wrapped: %w", errBoom) }, func(err error) bool { return errors.Is(err, errBoom) }},
	"panic":       {func(context.Context) (int, error) { panic("oops") }, isPanic("oops")},
	"panic error": {func(context.Context) (int, error) { panic(errBoom) }, func(err error) bool { return isPanic(errBoom)(err) && errors.Is(err, errBoom) }},
	"goexit":      {func(context.Context) (int, error) { runtime.Goexit(); return 0, nil }, func(err error) bool { return errors.Is(err, actor.Goexit) }},
	"shutdown":    {func(context.Context) (int, error) { return 1, actor.Shutdown }, func(err error) bool { return errors.Is(err, actor.Shutdown) }},
}

func isPanic(value any) func(error) bool {
	return func(err error) bool {
		var p *actor.PanicError
		return errors.As(err, &p) && p.Value == value
	}
}

// TSK-1: a crash takes the owner down, with the same reason; and by the time that
// Await has told of it, the owner is doomed.
func TestCrashTakesTheOwnerDown(t *testing.T) {
	for name, test := range crashes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				owner := spawn(t, sys)
				in(t, owner, func(ctx *doContext) {
					tk := task.Async(ctx, test.f)
					_, err := tk.Await(ctx)
					if !test.want(err) {
						t.Errorf("await: %v", err)
					}
					var exit *task.ExitError
					if !errors.As(err, &exit) || exit.PID != tk.PID() || !test.want(exit.Reason) {
						t.Errorf("not an ExitError of the task: %#v", err)
					}
					if ctx.PID().Alive() {
						t.Error("the owner lives")
					}
				})
				if err := actortest.ExpectExit(t, owner.PID(), nil); !test.want(err) {
					t.Errorf("the owner ended with %v", err)
				}
			})
		})
	}
}

// TSK-1: an owner that traps exits gets the exit signal, for a good end as well.
func TestEndIsTrapped(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		probe := actortest.NewProbe[error](t, sys)
		owner, err := actor.Spawn(sys, func() *trapping { return &trapping{probe.Ref()} })
		if err != nil {
			t.Fatal(err)
		}
		in(t, owner, func(ctx *doContext) {
			ctx.TrapExit(true)
			if _, err := task.Async(ctx, crashes["error"].f).Await(ctx); !errors.Is(err, errBoom) {
				t.Errorf("await: %v", err)
			}
			if _, err := task.Async(ctx, value(1, 0)).Await(ctx); err != nil {
				t.Errorf("await: %v", err)
			}
		})
		probe.ExpectMatch(func(err error) bool { return errors.Is(err, errBoom) })
		probe.Expect(actor.Normal)
		probe.ExpectNone(owner.PID())
	})
}

// trapping tells of the exits that it traps.
type trapping struct{ to actor.Ref[error] }

func (*trapping) Receive(ctx *doContext, m do) error { return m(ctx) }

func (tr *trapping) HandleExit(_ *doContext, e actor.Exit) error {
	tr.to.Send(e.Reason)
	return nil
}

// T-101, TSUP-1: without a link the owner lives and learns the reason; the same
// holds outside of actors.
func TestCrashWithoutLink(t *testing.T) {
	for name, test := range crashes {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				owner := spawn(t, sys)
				in(t, owner, func(ctx *doContext) {
					if _, err := task.AsyncNoLink(ctx, test.f).Await(ctx); !test.want(err) {
						t.Errorf("await: %v", err)
					}
				})
				actortest.Sync(t, owner.PID())
				if !owner.PID().Alive() {
					t.Error("the owner is dead")
				}
				if _, err := task.Go(t.Context(), sys, test.f).Await(t.Context()); !test.want(err) {
					t.Errorf("await by a goroutine: %v", err)
				}
			})
		})
	}
}

// A task ends with its owner, linked or not and whatever the reason; its context
// says why.
func TestTaskEndsWithItsOwner(t *testing.T) {
	for _, reason := range []error{actor.Normal, actor.Shutdown, errBoom, actor.Killed} {
		for _, linked := range []bool{true, false} {
			t.Run(fmt.Sprint(reason, " linked ", linked), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					owner := spawn(t, sys)
					cause := make(chan error, 1)
					f := func(ctx context.Context) (int, error) {
						<-ctx.Done()
						cause <- context.Cause(ctx)
						return 1, nil
					}
					var tk *task.Task[int]
					in(t, owner, func(ctx *doContext) {
						if linked {
							tk = task.Async(ctx, f)
						} else {
							tk = task.AsyncNoLink(ctx, f)
						}
					})
					synctest.Wait() // the function runs
					if reason == actor.Killed {
						owner.PID().Exit(actor.Kill)
					} else {
						owner.Send(func(*doContext) error { return reason })
					}
					want := actor.Shutdown
					if linked && reason != actor.Normal {
						want = reason
					}
					if err := <-cause; !errors.Is(err, want) {
						t.Errorf("cause: %v, want %v", err, want)
					}
					actortest.ExpectExit(t, tk.PID(), want)
					if _, done, err := tk.Poll(); !done || !errors.Is(err, want) {
						t.Errorf("poll: %v, %v", done, err)
					}
				})
			})
		}
	}
}

// LNK-5, LNK-7: a task that has been unlinked from its owner lives on, whatever that
// ends with; one that has been linked again does not.
func TestUnlinkedTaskOutlivesItsOwner(t *testing.T) {
	async := func(ctx *doContext, f work) actor.PID { return task.Async(ctx, f).PID() }
	start := func(ctx *doContext, f work) actor.PID {
		pid, err := task.Start(ctx, func(ctx context.Context) error { _, err := f(ctx); return err })
		if err != nil {
			t.Error(err)
		}
		return pid
	}
	for name, test := range map[string]struct {
		begin  func(ctx *doContext, f work) actor.PID
		change func(ctx *doContext, of actor.PID)
		byTask bool // it takes the link down itself
		lives  bool
	}{
		"Async":               {begin: async, change: (*doContext).Unlink, lives: true},
		"Async, by the task":  {begin: async, byTask: true, lives: true},
		"Async, linked again": {begin: async, change: func(ctx *doContext, of actor.PID) { ctx.Unlink(of); ctx.Link(of) }},
		"Start":               {begin: start, change: (*doContext).Unlink, lives: true},
		"Start, linked again": {begin: start, change: func(ctx *doContext, of actor.PID) { ctx.Unlink(of); ctx.Link(of) }},
	} {
		for _, reason := range []error{actor.Normal, actor.Shutdown, errBoom, actor.Killed} {
			t.Run(fmt.Sprint(name, " ", reason), func(t *testing.T) {
				bubble(t, func(t *testing.T, sys *actor.System) {
					owner, ended := spawn(t, sys), make(chan error, 1)
					var pid actor.PID
					in(t, owner, func(ctx *doContext) {
						pid = test.begin(ctx, func(ctx context.Context) (int, error) {
							if test.byTask {
								ctx.(actor.Self).Unlink(owner.PID())
							}
							ended <- sleep(ctx, time.Hour)
							return 1, nil
						})
						if test.change != nil {
							test.change(ctx, pid)
						}
					})
					synctest.Wait() // the function runs
					if reason == actor.Killed {
						owner.PID().Exit(actor.Kill)
					} else {
						owner.Send(func(*doContext) error { return reason })
					}
					<-owner.PID().Done()
					if err := <-ended; (err == nil) != test.lives {
						t.Errorf("the function ended with %v", err)
					}
					if err := actortest.ExpectExit(t, pid, nil); (err == actor.Normal) != test.lives {
						t.Errorf("the task ended with %v", err)
					}
				})
			})
		}
	}
}

// A task that was started by Go ends with the context, and has its values.
func TestGoEndsWithTheContext(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		type key struct{}
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "trace"))
		tk := task.Go(ctx, sys, func(ctx context.Context) (int, error) {
			if v := ctx.Value(key{}); v != "trace" {
				t.Errorf("value %v", v)
			}
			if _, ok := ctx.(actor.Self); !ok {
				t.Errorf("the context is no Self but %T", ctx)
			}
			child, cancel := context.WithCancel(ctx)
			defer cancel()
			return heed(child)
		})
		synctest.Wait()
		cancel(errBoom)
		actortest.ExpectExit(t, tk.PID(), actor.Shutdown)
		if _, err := tk.Await(t.Context()); !errors.Is(err, actor.Shutdown) || errors.Is(err, errBoom) {
			t.Errorf("await: %v", err)
		}
		// One that is started when the context is done does not get far.
		tk = task.Go(ctx, sys, heed)
		actortest.ExpectExit(t, tk.PID(), actor.Shutdown)
	})
}

// GO-1, GO-2: a task that is killed while its function heeds nothing is settled at
// once; its end is announced when the function returns, and changes nothing.
func TestKilledTaskWhoseFunctionRunsOn(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		probe := actortest.NewProbe[int](t, sys)
		release := make(chan struct{})
		tk := task.Go(t.Context(), sys, func(context.Context) (int, error) { <-release; return 1, nil })
		probe.Watch(tk.PID())
		awaited := make(chan error)
		for range 3 {
			go func() { _, err := tk.Await(t.Context()); awaited <- err }()
		}
		synctest.Wait()
		tk.PID().Exit(actor.Kill)
		for range 3 {
			if err := <-awaited; !errors.Is(err, actor.Killed) {
				t.Errorf("await: %v", err)
			}
		}
		select {
		case <-tk.PID().Done():
			t.Error("the end was announced while the function runs")
		default:
		}
		close(release)
		probe.ExpectDown(tk.PID(), actor.Killed)
		if _, err := tk.Await(t.Context()); !errors.Is(err, actor.Killed) {
			t.Errorf("await again: %v", err)
		}
	})
}

// GO-3: an abandoned task is settled, too, and what its function returns later is
// lost.
func TestAbandonedTask(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		release := make(chan struct{})
		tk := task.Go(t.Context(), sys, func(context.Context) (int, error) { <-release; return 1, nil })
		synctest.Wait()
		tk.PID().Exit(actor.Shutdown)
		if !tk.PID().Abandon() {
			t.Error("not abandoned")
		}
		close(release)
		synctest.Wait()
		if v, err := tk.Await(t.Context()); v != 0 || !errors.Is(err, actor.Killed) {
			t.Errorf("await: %v, %v", v, err)
		}
	})
}

// TSK-4: ending a task gives the value if there was one, the reason if it had
// failed, and otherwise says that it was ended by us; the owner is not struck.
func TestEndingATask(t *testing.T) {
	type end struct {
		value int
		err   error
		takes time.Duration
	}
	for name, test := range map[string]struct {
		f              func(t testing.TB) work
		kill, shutdown end
	}{
		"finished": {func(testing.TB) work { return value(1, time.Second) },
			end{1, nil, 0}, end{1, nil, 0}},
		"crashed": {func(testing.TB) work { return func(context.Context) (int, error) { return 1, errBoom } },
			end{0, errBoom, 0}, end{0, errBoom, 0}},
		"heeds": {func(testing.TB) work { return heed },
			end{0, actor.Killed, 0}, end{0, actor.Shutdown, 0}},
		"slow to heed": {func(testing.TB) work {
			return func(ctx context.Context) (int, error) { heed(ctx); time.Sleep(time.Second); return 1, nil }
		}, end{0, actor.Killed, 0}, end{0, actor.Shutdown, time.Second}},
		"heeds nothing": {stuck,
			end{0, actor.Killed, 0}, end{0, context.DeadlineExceeded, 5 * time.Second}},
		"traps": {func(testing.TB) work {
			return func(ctx context.Context) (int, error) { ctx.(actor.Self).TrapExit(true); return heed(ctx) }
		}, end{0, actor.Killed, 0}, end{0, context.DeadlineExceeded, 5 * time.Second}},
	} {
		for _, brutal := range []bool{true, false} {
			for _, linked := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s brutal %v linked %v", name, brutal, linked), func(t *testing.T) {
					bubble(t, func(t *testing.T, sys *actor.System) {
						owner := spawn(t, sys)
						f := test.f(t)
						in(t, owner, func(ctx *doContext) {
							var tk *task.Task[int]
							if !linked {
								tk = task.AsyncNoLink(ctx, f)
							} else {
								ctx.TrapExit(name == "crashed") // it is too late to save the owner from that
								tk = task.Async(ctx, f)
							}
							time.Sleep(time.Minute)
							ctx.TrapExit(false)
							start, want := time.Now(), test.shutdown
							var v int
							var err error
							if brutal {
								want = test.kill
								v, err = tk.Kill()
							} else {
								v, err = tk.Shutdown(within(t, ctx, 5*time.Second))
							}
							if v != want.value || !errors.Is(err, want.err) || (want.err == nil) != (err == nil) || time.Since(start) != want.takes {
								t.Errorf("it gave %v, %v in %v; want %v", v, err, time.Since(start), want)
							}
							if _, err2 := tk.Await(ctx); want.takes < 5*time.Second && !errors.Is(err2, want.err) {
								t.Errorf("and then Await: %v", err2)
							}
						})
						synctest.Wait()
						if !owner.PID().Alive() {
							t.Errorf("the owner ended: %v", owner.PID().Err())
						}
					})
				})
			}
		}
	}
}

// TSK-4: a Shutdown that has to kill says that its time was over, however fast the
// function heeds the kill.
func TestShutdownThatKillsSaysSo(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for range 1000 {
		traps := make(chan struct{})
		tk := task.Go(t.Context(), sys, func(ctx context.Context) (int, error) {
			ctx.(actor.Self).TrapExit(true)
			close(traps)
			return heed(ctx)
		})
		<-traps
		if _, err := tk.Shutdown(over); !errors.Is(err, context.Canceled) {
			t.Fatalf("shutdown: %v", err)
		}
		<-tk.PID().Done()
	}
}

// TSK-8: a task knows on whose behalf it works, through tasks and streams, and
// has the values of the first caller's context.
func TestCallers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		type key struct{}
		owner := spawn(t, sys)
		in(t, owner, func(ctx *doContext) {
			if got := task.Callers(ctx); got != nil {
				t.Errorf("callers of an actor: %v", got)
			}
			outer := task.Async(ctx, func(ctx context.Context) (int, error) {
				middle := ctx.(actor.Self)
				inner := task.AsyncNoLink(middle, func(ctx context.Context) (int, error) {
					got := task.Callers(ctx)
					if len(got) != 2 || got[0] != middle.PID() || got[1] != owner.PID() {
						t.Errorf("callers: %v, want %v", got, []actor.PID{middle.PID(), owner.PID()})
					}
					return 1, nil
				})
				return inner.Await(ctx)
			})
			if _, err := outer.Await(ctx); err != nil {
				t.Error(err)
			}
			one := func(yield func(int) bool) { yield(1) }
			valued := context.WithValue(ctx, key{}, "trace")
			for _, err := range task.Stream(valued, sys, one, func(ctx context.Context, _ int) (int, error) {
				if got := task.Callers(ctx); len(got) != 1 || got[0] != owner.PID() || ctx.Value(key{}) != "trace" {
					t.Errorf("callers in a stream: %v, value %v", got, ctx.Value(key{}))
				}
				return 1, nil
			}, task.StreamConfig{}) {
				if err != nil {
					t.Error(err)
				}
			}
		})
		tk := task.Go(t.Context(), sys, func(ctx context.Context) (int, error) {
			if got := task.Callers(ctx); got != nil {
				t.Errorf("callers without an actor: %v", got)
			}
			return 1, nil
		})
		if _, err := tk.Await(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A task of a system that is shut down, and one of an owner that has ended, does
// not start, and says so.
func TestStartFails(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		owner := spawn(t, sys)
		release, checked := make(chan struct{}), make(chan struct{})
		owner.Send(func(ctx *doContext) error {
			<-release
			defer close(checked)
			if _, err := task.Async(ctx, heed).Await(ctx); !errors.Is(err, actor.NoProc) {
				t.Errorf("task of an abandoned actor: %v", err)
			}
			if _, err := task.Start(ctx, func(context.Context) error { return nil }); !errors.Is(err, actor.NoProc) {
				t.Errorf("start by an abandoned actor: %v", err)
			}
			nolink := task.AsyncNoLink(ctx, heed)
			if err := actortest.ExpectExit(t, nolink.PID(), actor.Shutdown); err == nil {
				t.Error("an abandoned actor has a task")
			}
			return nil
		})
		synctest.Wait()
		owner.PID().Exit(actor.Kill)
		owner.PID().Abandon()
		close(release)
		<-checked

		if err := sys.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		tk := task.Go(t.Context(), sys, heed)
		if _, err := tk.Await(t.Context()); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("await: %v", err)
		}
		if _, err := tk.Shutdown(t.Context()); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("shutdown: %v", err)
		}
		if _, err := tk.Kill(); !errors.Is(err, actor.ErrClosed) {
			t.Errorf("kill: %v", err)
		}
	})
}

// The shutdown of the system ends tasks; their functions are told.
func TestSystemShutdownEndsTasks(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		tk := task.Go(context.Background(), sys, heed)
		if err := sys.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := tk.Await(t.Context()); !errors.Is(err, actor.Shutdown) {
			t.Errorf("await: %v", err)
		}
	})
}

// Ends race with awaits, kills and shutdowns: there is one outcome, for all and
// for ever, and it is one of the possible ones.
func TestOutcomeIsOne(t *testing.T) {
	t.Parallel()
	sys := actortest.NewSystem(t, actortest.Silent())
	for i := range 500 {
		tk := task.Go(t.Context(), sys, func(ctx context.Context) (int, error) {
			switch i % 3 {
			case 0:
				return 7, nil
			case 1:
				return 0, errBoom
			}
			<-ctx.Done()
			return 8, nil
		})
		type result struct {
			v   int
			err error
		}
		results := make(chan result)
		ask := func(f func() (int, error)) {
			go func() {
				v, err := f()
				results <- result{v, err}
			}()
		}
		ask(func() (int, error) { return tk.Await(t.Context()) })
		ask(tk.Kill)
		ask(func() (int, error) { return tk.Shutdown(t.Context()) })
		ask(func() (int, error) { return tk.Await(t.Context()) })
		first := <-results
		for range 3 {
			if r := <-results; r.v != first.v || fmt.Sprint(r.err) != fmt.Sprint(first.err) {
				t.Fatalf("%v, and %v", first, r)
			}
		}
		switch ok := first.v == 7 && first.err == nil; {
		case ok && i%3 == 0, errors.Is(first.err, actor.Killed), errors.Is(first.err, actor.Shutdown):
		case i%3 == 1 && errors.Is(first.err, errBoom):
		default:
			t.Fatalf("round %d: %v", i%3, first)
		}
		<-tk.PID().Done()
	}
}

// GO-5: a task may take long; a watchdog does not mind.
func TestWatchdogLeavesTasksAlone(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		defer sys.Watchdog(time.Second)()
		defer sys.Observe(func(e actor.Event) {
			if e, ok := e.(actor.SlowHandler); ok {
				t.Errorf("reported: %+v", e)
			}
		})()
		slow := func(context.Context) error { time.Sleep(time.Minute); return nil }
		if _, err := actor.Spawn(sys, task.Behavior(slow)); err != nil {
			t.Error(err)
		}
		task.Go(t.Context(), sys, func(ctx context.Context) (int, error) { return 0, slow(ctx) }).Await(t.Context())
	})
}
