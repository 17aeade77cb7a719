package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// A job goes to the worker that is free, in the order in which they were sent, and none is
// stuck behind a slow one.
func TestJobsGoToFreeWorkers(t *testing.T) {
	onFloor(t, pool.Config{Min: 2}, func(f *floor) {
		f.expect("+w, +w")
		release := f.hold("slow")
		f.send("a", "b", "c")
		f.expect("slow, a, b, c")
		f.expectStats(pool.Stats{Workers: 2, Busy: 1, Idle: 1, Handled: 3})
		second := f.hold("slower")
		f.send("d", "e")
		f.expect("slower")
		time.Sleep(time.Second)
		if s := f.pool.Stats(); s.Waiting != 2 || s.Oldest != time.Second {
			f.Errorf("the numbers are %+v", s)
		}
		release(nil)
		f.expect("d, e")
		second(nil)
		f.expectStats(pool.Stats{Workers: 2, Idle: 2, Handled: 7})
	})
}

func TestCall(t *testing.T) {
	onFloor(t, pool.Config{ID: "payments", Min: 1}, func(f *floor) {
		f.call(f.Context(), "a", nil).expect("done a")

		crash := f.call(f.Context(), "b", func(*actor.Context[order]) error { return errBoom })
		crash.expect(`pool: call "payments": the worker ended: boom`)
		var failed *pool.WorkerError
		var call *actor.CallError
		if !errors.As(crash.err, &failed) || !errors.As(crash.err, &call) || !errors.Is(crash.err, errBoom) {
			f.Errorf("the error is %#v", crash.err)
		}

		f.ok(f.tree.Stop(f.Context()))
		f.call(f.Context(), "c", nil).expect(`pool: call "payments": not running`)
		if err := f.pool.TrySend(order{}); err != actor.NoProc {
			f.Error(err)
		}
		if err := f.pool.SendContext(f.Context(), order{}); err != actor.NoProc {
			f.Error(err)
		}
	})
}

// No worker begins a job whose caller has given up.
func TestCallGivenUp(t *testing.T) {
	onFloor(t, pool.Config{Min: 1}, func(f *floor) {
		release := f.hold("slow")
		ctx, cancel := context.WithCancel(f.Context())
		call := f.call(ctx, "a", nil)
		f.send("b")
		cancel()
		call.expect(`pool: call "pool": context canceled`)
		release(nil)
		f.expect("+w, slow, b")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 2, Left: 1})
	})
}

// A caller that its worker has not answered yet fails when that worker ends.
func TestCallOfAWorkerThatAnswersLater(t *testing.T) {
	onFloor(t, pool.Config{Min: 1}, func(f *floor) {
		keep := func(*actor.Context[order]) error { return nil }
		one, two := f.call(f.Context(), "a", keep), f.call(f.Context(), "b", keep)
		one.expect("")
		two.expect("")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 2})
		f.fail("c", errBoom)
		one.expect(`pool: call "pool": the worker ended: boom`)
		two.expect(`pool: call "pool": the worker ended: boom`)
		f.expect("+w, a, b, c, c!")
	})
}

// The callers that a worker owes an answer are forgotten when they do not wait any more.
func TestWorkerForgetsCallersThatHaveLeft(t *testing.T) {
	onFloor(t, pool.Config{Min: 1}, func(f *floor) {
		for range 100 {
			ctx, cancel := context.WithCancel(f.Context())
			call := f.call(ctx, "a", func(*actor.Context[order]) error { return nil })
			cancel()
			<-call.done
		}
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 100})
	})
}

// What becomes of a job, and of its worker.
func TestEndsOfAJob(t *testing.T) {
	kill := func(ctx *actor.Context[order]) error {
		ctx.PID().Exit(actor.Kill)
		return nil
	}
	for _, c := range []struct {
		name     string
		attempts int
		do       func(*actor.Context[order]) error
		want     string // within 100 ms
		stats    pool.Stats
	}{
		{
			"nil", 3, nil,
			"a, b", pool.Stats{Handled: 2},
		}, {
			"Stop", 3, func(*actor.Context[order]) error { return actor.Stop },
			"a, +w, b", pool.Stats{Handled: 2},
		}, {
			"error", 1, func(*actor.Context[order]) error { return errBoom },
			"a, a!, +w, b", pool.Stats{Handled: 1, Dropped: 1, Crashed: 1},
		}, {
			"panic", 1, func(*actor.Context[order]) error { panic("boom") },
			"a, a!, +w, b", pool.Stats{Handled: 1, Dropped: 1, Crashed: 1},
		}, {
			"shutdown", 1, func(*actor.Context[order]) error { return actor.Shutdown },
			"a, a!, +w, b", pool.Stats{Handled: 1, Dropped: 1},
		}, {
			"kill that comes too late", 1, kill,
			"a, +w, b", pool.Stats{Handled: 2, Crashed: 1},
		}, {
			"three attempts", 3, func(*actor.Context[order]) error { return errBoom },
			"a, +w, a, +w, a, a!, +w, b", pool.Stats{Handled: 1, Dropped: 1, Crashed: 3},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			onFloor(t, pool.Config{Min: 1, Attempts: c.attempts}, func(f *floor) {
				f.expect("+w")
				f.pool.Send(order{name: "a", do: c.do})
				f.send("b")
				time.Sleep(time.Second)
				f.expect(c.want)
				c.stats.Workers, c.stats.Idle = 1, 1
				f.expectStats(c.stats)
				for _, d := range f.dropped {
					if d.Pool != "pool" || d.Attempts != c.attempts {
						f.Errorf("dropped: %+v", d)
					}
				}
			})
		})
	}
}

// A job that is tried again goes before all others, to another worker, and is done once
// that succeeds.
func TestAttempts(t *testing.T) {
	onFloor(t, pool.Config{Min: 2, Attempts: 2}, func(f *floor) {
		release := f.hold("slow")
		attempts := 0
		call := f.call(f.Context(), "a", func(ctx *actor.Context[order]) error {
			if attempts++; attempts == 1 {
				return errBoom
			}
			return nil
		})
		_ = call
		f.send("b", "c")
		f.expect("+w, +w, slow, a")
		release(nil)
		f.expect("a, b, c")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 4, Crashed: 1})
	})
}

// A worker that is lost before it has begun a job costs no job and no attempt.
func TestIdleWorkerIsLost(t *testing.T) {
	for _, reason := range []error{actor.Kill, actor.Shutdown, errBoom} {
		t.Run(reason.Error(), func(t *testing.T) {
			onFloor(t, pool.Config{Min: 1}, func(f *floor) {
				f.expect("+w")
				f.workers()[0].Exit(reason)
				f.send("a", "b")
				time.Sleep(100 * time.Millisecond)
				f.expect("+w, a, b")
			})
		})
	}
}

// A worker that is suspended when it is woken does not take a job with it.
func TestSuspendedWorker(t *testing.T) {
	onFloor(t, pool.Config{Min: 2}, func(f *floor) {
		first := f.workers()[1]
		f.ok(first.Suspend(f.Context()))
		f.send("a", "b")
		f.expect("+w, +w, a, b")
		f.ok(first.Resume(f.Context()))
		f.send("c")
		f.expect("c")
		f.expectStats(pool.Stats{Workers: 2, Idle: 2, Handled: 3})
	})
}

// A worker that does not return is abandoned, and its job is tried again. What it comes to
// later no longer counts.
func TestAbandonedWorker(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Attempts: 2}, func(f *floor) {
		stuck, attempts := make(chan struct{}), 0
		f.pool.Send(order{name: "a", do: func(*actor.Context[order]) error {
			if attempts++; attempts == 1 {
				<-stuck
			}
			return nil
		}})
		f.expect("+w, a")
		w := f.workers()[0]
		w.Exit(actor.Kill)
		w.Abandon()
		time.Sleep(time.Second)
		f.expect("+w, a")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 1, Crashed: 1})
		close(stuck)
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 1, Crashed: 1})
	})
}

// A worker gets no job before what its Init has left to Continue is done.
func TestWorkerIsReadyAfterContinue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 1})
		connected := make(chan struct{})
		f.setInit(func(ctx *actor.Context[order]) error {
			ctx.Continue(func(*actor.Context[order]) error {
				<-connected
				f.note("ready")
				return nil
			})
			return nil
		})
		_, err := f.pool.Start(f.sys)
		f.ok(err)
		f.send("a")
		f.expect("+w")
		close(connected)
		f.expect("ready, a")
	})
}
