package otel_test

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// clerk does what it is told.
type clerk struct{}

func newClerk() *clerk { return &clerk{} }

func (*clerk) Receive(ctx *actor.Context[chore], j chore) error { return j(ctx) }

type chore func(ctx *actor.Context[chore]) error

func ending(err error) chore { return func(*actor.Context[chore]) error { return err } }

// temp is another type of clerk.
type temp struct{ clerk }

func newTemp() *temp { return &temp{} }

// measured runs f in a bubble, with a system that is measured.
func measured(t *testing.T, metrics *otel.Metrics, f func(m *meters, sys *actor.System)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := measure(t, metrics)
		sys := actor.NewSystem(actor.Config{
			Instruments: []actor.Instrument{m.Instrument()},
			Logger:      slog.New(slog.DiscardHandler),
		})
		f(m, sys)
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func hire[B actor.Behavior[chore]](m *meters, sys *actor.System, create func() B, opts ...actor.Option) actor.Ref[chore] {
	m.Helper()
	ref, err := actor.Spawn(sys, create, opts...)
	if err != nil {
		m.Fatal(err)
	}
	return ref
}

// Actors are counted by type: those that live, have been spawned, have ended, and why.
func TestActorsAreCountedByType(t *testing.T) {
	measured(t, new(otel.Metrics), func(m *meters, sys *actor.System) {
		for _, end := range []chore{
			ending(actor.Stop),
			ending(actor.Stop),
			ending(errors.New("boom")),
			func(*actor.Context[chore]) error { panic("boom") },
			ending(&actor.CallError{Err: context.DeadlineExceeded}),
		} {
			ref := hire(m, sys, newClerk)
			ref.Send(end)
			<-ref.PID().Done()
		}
		hire(m, sys, newTemp).PID().Exit(actor.Kill)
		hire(m, sys, newTemp)
		synctest.Wait()
		m.expect("troupe.actor.spawned", map[string]int64{"otel_test.clerk": 5, "otel_test.temp": 2})
		m.expect("troupe.actor.live", map[string]int64{"otel_test.temp": 1})
		m.expect("troupe.actor.ended", map[string]int64{
			"otel_test.clerk normal": 2, "otel_test.clerk error": 1, "otel_test.clerk panic": 1,
			"otel_test.clerk timeout": 1, "otel_test.temp killed": 1,
		})
		m.expect("troupe.actor.crashed", map[string]int64{
			"otel_test.clerk error": 1, "otel_test.clerk panic": 1, "otel_test.clerk timeout": 1,
		})
	})
}

// An actor that has become another is counted as what it was spawned as, to its end.
func TestActorThatBecomesAnotherKeepsItsType(t *testing.T) {
	measured(t, new(otel.Metrics), func(m *meters, sys *actor.System) {
		ref := hire(m, sys, newClerk)
		ref.Send(func(ctx *actor.Context[chore]) error { ctx.Become(newTemp()); return nil })
		ref.Send(ending(actor.Stop))
		<-ref.PID().Done()
		synctest.Wait()
		m.expect("troupe.actor.live", map[string]int64{})
		m.expect("troupe.actor.ended", map[string]int64{"otel_test.clerk normal": 1})
	})
}

// Restarts are counted, and supervisors that give up, whatever restarts: here a pool.
func TestRestartsAreCounted(t *testing.T) {
	measured(t, new(otel.Metrics), func(m *meters, sys *actor.System) {
		p := pool.New[chore](pool.Config{Min: 1, Intensity: 1}, newClerk)
		tree, err := p.Start(sys)
		if err != nil {
			m.Fatal(err)
		}
		p.Send(func(*actor.Context[chore]) error { panic("boom") })
		time.Sleep(time.Second)
		m.expect("troupe.actor.restarted", map[string]int64{"panic": 1})
		p.Send(ending(errors.New("boom")))
		<-tree.PID().Done()
		synctest.Wait()
		m.expect("troupe.actor.restarted", map[string]int64{"panic": 1})
		m.expect("troupe.supervisor.given_up", map[string]int64{"error": 1})
		m.expect("troupe.actor.spawned", map[string]int64{"otel_test.clerk": 2,
			"troupe/supervisor.treeActor": 1, "troupe/supervisor.dynamicActor": 1, "troupe/pool.manager[otel_test.chore]": 1})
	})
}

// Messages that nobody handles are counted, and so is what is too much or too slow.
func TestTroubleIsCounted(t *testing.T) {
	measured(t, new(otel.Metrics), func(m *meters, sys *actor.System) {
		ended := hire(m, sys, newClerk)
		ended.Send(ending(actor.Stop))
		<-ended.PID().Done()
		ended.Send(ending(nil))

		gate := make(chan struct{})
		busy := hire(m, sys, newClerk, actor.Mailbox(mailbox.Limit{Capacity: 2, HighWater: 2, Overflow: mailbox.DropNewest}))
		busy.Send(func(*actor.Context[chore]) error { <-gate; return nil })
		synctest.Wait()
		for range 3 {
			busy.Send(ending(nil))
		}
		close(gate)
		synctest.Wait()
		m.expect("troupe.actor.dead_letters", map[string]int64{"noproc": 1, "full": 1})
		m.expect("troupe.actor.high_water", map[string]int64{"": 1})
	})
}

// However many actors come and go, nothing of them stays: neither memory nor series.
func TestActorsLeaveNothingBehind(t *testing.T) {
	measured(t, new(otel.Metrics), func(m *meters, sys *actor.System) {
		// What a pool of the system has let go of stays until its timer fires, and with the
		// race detector a pool lets go of a quarter of all. The runtime keeps an object for
		// each goroutine and each waiter of the most that there ever were at once, and all
		// timers of a bubble that are due at once are goroutines at once. So it settles after
		// every few actors: else the runtime would keep more for more of them.
		settle := func() { time.Sleep(time.Minute) }
		m.churn(sys, 200, settle) // for what is made once
		before := objects()
		n := long.Rounds(2_000, 50_000)
		m.churn(sys, n, settle)
		if more := objects() - before; more > int64(n)/10 {
			t.Errorf("%d objects more after %d actors", more, n)
		}
		for name, x := range m.read() {
			if n := len(m.series(name)); n > 10 {
				t.Errorf("%s has %d series: %v", name, n, x)
			}
		}
	})
}

// objects returns how many objects there are in the heap.
func objects() int64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.GC() // what pools still had
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapObjects)
}

// churn spawns and ends n actors, ten at a time, and calls settle after each ten.
func (m *meters) churn(sys *actor.System, n int, settle func()) {
	for n > 0 {
		batch := make([]actor.Ref[chore], min(n, 10))
		n -= len(batch)
		for i := range batch {
			batch[i] = hire(m, sys, newClerk)
			batch[i].Send(ending(actor.Stop))
		}
		for _, ref := range batch {
			<-ref.PID().Done()
		}
		settle()
	}
}
