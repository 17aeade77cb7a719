package pool_test

import (
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// stop stops the pool on a goroutine of its own.
func (f *floor) stop() (stopped chan error) {
	stopped = make(chan error, 1)
	go func() { stopped <- f.tree.Stop(f.Context()) }()
	synctest.Wait()
	return stopped
}

// A pool that is told to end takes no more jobs, and does those that it has.
func TestDrain(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Attempts: 2}, func(f *floor) {
		release := f.hold("a")
		f.send("b", "c")
		call := f.call(f.Context(), "d", nil)
		stopped := f.stop()
		if err := f.pool.TrySend(order{name: "late"}); err != actor.NoProc {
			f.Errorf("a late job: %v", err)
		}
		f.send("later")
		f.call(f.Context(), "last", nil).expect(`pool: call "pool": not running`)
		f.expect("+w, a, later!")
		release(nil)
		f.ok(<-stopped)
		call.expect("done d")
		f.expect("b, c, d")
	})
}

// What is not done within Drain is dropped, and what workers have in hand ends with them.
func TestDrainTakesTooLong(t *testing.T) {
	for _, drain := range []supervisor.Shutdown{0, supervisor.BrutalKill, supervisor.Shutdown(time.Second)} {
		t.Run(drain.String(), func(t *testing.T) {
			onFloor(t, pool.Config{Min: 1, Drain: drain}, func(f *floor) {
				begun := time.Now()
				f.hold("a")
				f.send("b", "c")
				call := f.call(f.Context(), "d", nil)
				f.ok(<-f.stop())
				limit := time.Duration(max(drain, 0))
				if drain == 0 {
					limit = 5 * time.Second
				}
				if took := time.Since(begun); took != limit {
					f.Errorf("it took %v", took)
				}
				f.expect("+w, a, b!, c!, d!, a!")
				<-call.done
				f.expectError(call.err, actor.Shutdown)
			})
		})
	}
}

// A pool without a limit to its drain waits for its workers.
func TestDrainWithoutALimit(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Drain: supervisor.Infinity}, func(f *floor) {
		release := f.hold("a")
		stopped := f.stop()
		time.Sleep(time.Hour)
		f.expect("+w, a")
		release(nil)
		f.ok(<-stopped)
	})
}

// A drain ends with the last worker: none takes its place.
func TestDrainWithoutWorkers(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Drain: supervisor.Infinity}, func(f *floor) {
		release := f.hold("a")
		f.send("b")
		stopped := f.stop()
		release(errBoom)
		f.ok(<-stopped)
		f.expect("+w, a, a!, b!")
	})
}

// A pool is there again after the end of one of its parts, and says what was lost.
func TestPartOfThePoolIsKilled(t *testing.T) {
	for _, part := range []string{"queue", "workers"} {
		t.Run(part, func(t *testing.T) {
			onFloor(t, pool.Config{Min: 1}, func(f *floor) {
				f.hold("a")
				f.send("b")
				call := f.call(f.Context(), "c", nil)
				f.part(part).Exit(actor.Kill)
				<-call.done
				if call.err == nil {
					f.Error("the call has an answer")
				}
				synctest.Wait()
				if f.count("a!") != 1 || f.count("b!") != 1 {
					f.Errorf("what happened: %q", f.lines)
				}
				f.lines = nil
				f.send("d")
				f.expect("d")
				f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 1})
			})
		})
	}
}

// A handle is good before the first start, between two, and after the end.
func TestHandleOfAPoolThatDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFloor(t, pool.Config{Min: 1})
		f.send("a")
		f.expect("a!")
		if s := f.pool.Stats(); s != (pool.Stats{}) {
			t.Errorf("stats: %+v", s)
		}
		f.expectError(f.pool.TrySend(order{}), actor.NoProc)
		f.expectError(f.pool.SendContext(f.Context(), order{}), actor.NoProc)
		f.call(f.Context(), "b", nil).expect(`pool: call "pool": not running`)

		child := f.pool.Child()
		sup, err := supervisor.Start(f.sys, supervisor.Spec{Children: []supervisor.Child{child}})
		f.ok(err)
		f.send("c")
		f.expect("+w, c")
		f.ok(sup.TerminateChild(f.Context(), "pool"))
		f.send("d")
		f.expect("d!")
		_, err = sup.RestartChild(f.Context(), "pool")
		f.ok(err)
		f.send("e")
		f.expect("+w, e")
	})
}

// OnDrop cannot harm the pool, whatever it does.
func TestOnDropIsNotTrusted(t *testing.T) {
	var block chan struct{}
	for _, c := range []struct {
		name   string
		hook   func(pool.Dropped)
		logged string
	}{
		{"panics", func(pool.Dropped) { panic("boom") }, "pool: OnDrop failed reason=panic: boom"},
		{"exits", func(pool.Dropped) { runtime.Goexit() }, "pool: OnDrop failed reason=handler called runtime.Goexit"},
		{"blocks", func(pool.Dropped) { <-block }, "pool: OnDrop failed reason=it has not returned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				block = make(chan struct{})
				f := newFloor(t, pool.Config{Min: 1, OnDrop: c.hook})
				tree, err := f.pool.Start(f.sys)
				f.ok(err)
				for range 2 {
					f.fail("a", errBoom)
					time.Sleep(time.Second)
				}
				f.send("b")
				synctest.Wait()
				if f.count("b") != 1 {
					t.Error("the pool is stuck")
				}
				f.expectLogged(c.logged)
				f.ok(tree.Stop(f.Context()))
				close(block)
			})
		})
	}
}

// A hook that is too slow for what is dropped is told of a thousand jobs at a time.
func TestOnDropIsTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, told := make(chan struct{}), 0
		f := newFloor(t, pool.Config{OnDrop: func(pool.Dropped) { <-release; told++ }})
		for range 2000 {
			f.send("a")
		}
		close(release)
		synctest.Wait()
		if told != 1001 && told != 1000 {
			t.Errorf("it was told of %d", told)
		}
	})
}

// A log that hands its records to a pool gets on with one that tells of a job of that pool.
func TestLogThatSendsToThePool(t *testing.T) {
	var release chan struct{}
	hook := func(pool.Dropped) { <-release }
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, mailbox.DropNewest), OnDrop: hook}, func(f *floor) {
		release = make(chan struct{})
		f.onLog = func(line string) {
			if strings.Contains(line, "too slow") {
				f.onLog = nil
				f.send("of the log")
			}
		}
		free := f.hold("a")
		for range 1100 {
			f.send("b")
		}
		f.expectLogged("pool: OnDrop is too slow")
		close(release)
		free(nil)
	})
}

// What makes no sense is refused at the start, with the name of the field.
func TestMistakesAreRefused(t *testing.T) {
	for _, c := range []struct {
		cfg  pool.Config
		want string
	}{
		{pool.Config{Min: -1}, "Min is negative: -1"},
		{pool.Config{Min: 2, Max: 1}, "Max is less than Min: 1"},
		{pool.Config{Max: -1}, "Max is less than Min: -1"},
		{pool.Config{IdleAfter: -1}, "IdleAfter is negative: -1ns"},
		{pool.Config{Queue: mailbox.Limit{Capacity: -1}}, "Queue makes no sense: mailbox: Capacity is negative: -1"},
		{pool.Config{Queue: mailbox.Limit{Overflow: mailbox.Block}}, "Queue makes no sense: mailbox: Overflow is block, and there is no Capacity"},
		{pool.Config{Attempts: -1}, "Attempts is negative: -1"},
		{pool.Config{Backoff: supervisor.Backoff{Max: time.Second}}, "Backoff.Min is not positive: 0s"},
		{pool.Config{Backoff: supervisor.Backoff{Min: 2, Max: 1}}, "Backoff.Max is less than Min: 1ns"},
		{pool.Config{Backoff: supervisor.Backoff{Min: 1, Jitter: math.NaN()}}, "Backoff.Jitter is not between 0 and 1: NaN"},
		{pool.Config{Intensity: -1}, "Intensity is negative: -1"},
		{pool.Config{Period: -1}, "Period is negative: -1ns"},
		{pool.Config{Drain: -2}, "Drain is negative: -2ns"},
	} {
		f := newFloor(t, c.cfg)
		want := `bad spec of child "pool": ` + c.want
		if _, err := f.pool.Start(f.sys); err == nil || err.Error() != "pool: start: "+want {
			t.Errorf("Start returned %v, want %s", err, want)
		}
		_, err := supervisor.Start(f.sys, supervisor.Spec{Children: []supervisor.Child{f.pool.Child()}})
		if err == nil || err.Error() != `supervisor: start: child "pool": `+want {
			t.Errorf("as a child: %v, want %s", err, want)
		}
	}
	nobody := pool.New[int, actor.BehaviorFunc[int]](pool.Config{}, nil)
	f := newFloor(t, pool.Config{})
	if _, err := nobody.Start(f.sys); err == nil || err.Error() != `pool: start: bad spec of child "pool": newWorker is nil` {
		t.Error(err)
	}
}

// The zero Config makes a worker for each processor.
func TestDefaults(t *testing.T) {
	for _, c := range []struct{ min, max, want int }{
		{0, 0, runtime.GOMAXPROCS(0)},
		{3, 0, 3},
		{0, 1, 1},
		{0, 100, runtime.GOMAXPROCS(0)},
	} {
		onFloor(t, pool.Config{Min: c.min, Max: c.max}, func(f *floor) {
			f.expectStats(pool.Stats{Workers: c.want, Idle: c.want})
		})
	}
}
