package pool_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// A pool grows while jobs wait and nobody is free, up to Max, and shrinks to Min when
// there is too little to do.
func TestElastic(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Max: 3, IdleAfter: time.Minute}, func(f *floor) {
		f.expect("+w")
		f.send("quick")
		f.expect("quick") // one worker is enough
		var release []func(error)
		for _, name := range []string{"a", "b", "c", "d"} {
			release = append(release, f.hold(name))
		}
		f.expect("a, +w, b, +w, c")
		f.expectStats(pool.Stats{Workers: 3, Busy: 3, Waiting: 1, Handled: 1})
		for _, r := range release {
			r(nil)
		}
		f.expect("d")
		time.Sleep(59 * time.Second)
		f.expectStats(pool.Stats{Workers: 3, Idle: 3, Handled: 5})
		f.send("e") // by the one that was idle for the shortest time
		time.Sleep(2 * time.Second)
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 6})
		f.send("f")
		time.Sleep(time.Hour)
		f.expect("e, f")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 7})
	})
}

// There are never more than Max workers, those included that are on their way out.
func TestLeavingWorkersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 1, Max: 2, IdleAfter: time.Second})
		leave := make(chan struct{})
		f.end = func(*actor.Context[order]) { <-leave }
		f.setInit(func(ctx *actor.Context[order]) error { ctx.TrapExit(true); return nil })
		_, err := f.pool.Start(f.sys)
		f.ok(err)
		one, two := f.hold("a"), f.hold("b")
		one(nil)
		two(nil)
		time.Sleep(time.Second)
		f.expectStats(pool.Stats{Workers: 2, Idle: 1, Handled: 2})
		one, _ = f.hold("c"), f.hold("d")
		f.expect("+w, a, +w, b, c")
		close(leave)
		f.expect("+w, d")
		one(nil)
	})
}

func TestResize(t *testing.T) {
	onFloor(t, pool.Config{ID: "payments", Min: 1}, func(f *floor) {
		f.ok(f.pool.Resize(f.Context(), 3, 3))
		f.expect("+w, +w, +w")
		one, two := f.hold("a"), f.hold("b")
		f.ok(f.pool.Resize(f.Context(), 1, 1))
		f.expectStats(pool.Stats{Workers: 2, Busy: 2})
		one(nil)
		f.expectStats(pool.Stats{Workers: 1, Busy: 1, Handled: 1})
		two(nil)
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 2})

		err := f.pool.Resize(f.Context(), 2, 1)
		var fault *supervisor.SpecError
		if !errors.As(err, &fault) || err.Error() != `pool: resize "payments": bad spec of child "payments": Max is less than Min: 1` {
			f.Error(err)
		}
		if err := f.pool.Resize(f.Context(), 0, 0); !errors.As(err, &fault) || fault.Field != "Max" {
			f.Error(err)
		}
		f.ok(f.pool.Resize(f.Context(), 0, 1))
		f.ok(f.tree.Stop(f.Context()))
		f.expectError(f.pool.Resize(f.Context(), 1, 1), actor.NoProc)
	})
}

// After a crash the replacement waits, longer each time, until a job has been handled.
func TestBackoff(t *testing.T) {
	cfg := pool.Config{Min: 1, Backoff: supervisor.Backoff{Min: time.Second, Max: 3 * time.Second}}
	onFloor(t, cfg, func(f *floor) {
		f.expect("+w")
		wait := func(want time.Duration) {
			f.Helper()
			time.Sleep(want - 1)
			f.expect("")
			time.Sleep(time.Nanosecond)
			f.expect("+w")
		}
		for _, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 3 * time.Second} {
			f.fail("a", errBoom)
			f.expect("a, a!")
			wait(want)
		}
		f.send("b")
		f.fail("c", errBoom)
		f.expect("b, c, c!")
		wait(time.Second)

		// A worker that ends before it has done anything is trouble, too.
		f.workers()[0].Exit(actor.Shutdown)
		wait(2 * time.Second)
	})
}

// Workers that crash together are one failure; the replacements come one after the other.
func TestBackoffOfManyAtOnce(t *testing.T) {
	cfg := pool.Config{Min: 3, Backoff: supervisor.Backoff{Min: time.Second}}
	onFloor(t, cfg, func(f *floor) {
		for _, w := range f.workers() {
			w.Exit(errBoom)
		}
		time.Sleep(time.Second)
		f.expect("+w, +w, +w, +w, +w, +w")
		f.workers()[0].Exit(errBoom)
		time.Sleep(2 * time.Second)
		f.expect("+w")
	})
}

// A worker that does not start is tried again, and the others go on.
func TestReplacementThatDoesNotStart(t *testing.T) {
	cfg := pool.Config{Min: 2, Backoff: supervisor.Backoff{Min: time.Second}}
	onFloor(t, cfg, func(f *floor) {
		for _, init := range []func(*actor.Context[order]) error{
			func(*actor.Context[order]) error { return errBoom },
			func(*actor.Context[order]) error { panic("boom") },
			func(*actor.Context[order]) error { return actor.Ignore },
		} {
			f.setInit(init)
			f.send("b")
			synctest.Wait()
			f.fail("a", errBoom)
			time.Sleep(time.Second)
			f.expectLogged("pool: worker did not start")
			if s := f.pool.Stats(); s.Workers != 1 || s.Idle != 1 {
				f.Errorf("meanwhile the numbers are %+v", s)
			}
			f.setInit(nil)
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if s := f.pool.Stats(); s.Workers != 2 || s.Idle != 2 {
				f.Errorf("afterwards the numbers are %+v", s)
			}
		}
	})
}

// Any number of crashes does not end a pool, unless it says so.
func TestIntensity(t *testing.T) {
	cfg := pool.Config{Min: 1, Backoff: supervisor.Backoff{Min: 1, Max: 1}}
	onFloor(t, cfg, func(f *floor) {
		for range 1000 {
			f.fail("a", errBoom)
			time.Sleep(time.Nanosecond)
		}
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Dropped: 1000, Crashed: 1000})
	})
	cfg.Intensity, cfg.Period = 2, time.Second
	onFloor(t, cfg, func(f *floor) {
		for range 3 {
			f.fail("a", errBoom)
			time.Sleep(600 * time.Millisecond)
		}
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Dropped: 3, Crashed: 3})
		f.fail("b", errBoom)
		time.Sleep(100 * time.Millisecond)
		f.fail("c", errBoom)
		f.send("d")
		synctest.Wait()
		<-f.tree.PID().Done()
		err := f.tree.PID().Err()
		f.expectError(err, actor.Shutdown)
		const want = `child "queue": has ended and is significant: more than 2 crashes in 1s: shutdown`
		if err.Error() != want {
			f.Errorf("the pool ended with %q, want %q", err, want)
		}
		if f.count("d!") != 1 {
			f.Error("d was lost silently")
		}
	})
}

// A pool whose first workers do not start does not start.
func TestFirstWorkerDoesNotStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 3})
		started := 0
		f.setInit(func(*actor.Context[order]) error {
			if started++; started == 3 {
				return errBoom
			}
			return nil
		})
		_, err := f.pool.Start(f.sys)
		f.expectError(err, errBoom)
		if want := `supervisor: start: child "queue": supervisor: start child "pool worker": boom`; err.Error() != want {
			t.Errorf("the error is %q, want %q", err, want)
		}
		if n := f.sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// Workers are what their program made them, in snapshots and to those that look.
func TestSnapshot(t *testing.T) {
	onFloor(t, pool.Config{Min: 2}, func(f *floor) {
		release := f.hold("a")
		drawing := supervisor.SnapshotOf(f.Context(), f.tree.PID()).String()
		for _, want := range []string{"├─ workers", "└─ queue", "(pool worker)", "(0 jobs wait, 1 of 2 workers are busy)"} {
			if !strings.Contains(drawing, want) {
				f.Errorf("no %q in\n%s", want, drawing)
			}
		}
		release(nil)
		f.ok(f.workers()[0].Inspect(f.Context(), func(b any) {
			if _, ok := b.(*hand); !ok {
				f.Errorf("a worker is a %T", b)
			}
		}))
	})
}
