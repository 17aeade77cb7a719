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

// outcome is what came of a request.
type outcome struct {
	answer string
	err    error
}

// asker is an actor that asks the pool for each order that it gets, and keeps the outcomes.
type asker struct {
	pool   *pool.Pool[order]
	do     func(actor.Reply[string]) error // by the worker, if not nil
	giveUp time.Duration
	came   []outcome
}

func (a *asker) Receive(c *actor.Context[any], m any) error {
	switch m := m.(type) {
	case order:
		newOrder := func(r actor.Reply[string]) order {
			if a.do != nil {
				m.do = func(*actor.Context[order]) error { return a.do(r) }
			}
			m.reply = r
			return m
		}
		pending := pool.AskTo(c, a.pool, newOrder, func(answer string, err error) any { return outcome{answer, err} })
		if a.giveUp > 0 {
			pending.GiveUpAfter(a.giveUp)
		}
	case outcome:
		a.came = append(a.came, m)
	case error:
		return m
	}
	return nil
}

// ask has an asker ask for an order.
func (f *floor) ask(a *asker) actor.Ref[any] {
	f.Helper()
	a.pool = f.pool
	ref, err := actor.Spawn(f.sys, func() *asker { return a })
	f.ok(err)
	ref.Send(order{name: "a"})
	synctest.Wait()
	return ref
}

// What came of a request comes as a message, with the errors of a call.
func TestAskTo(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(actor.Reply[string]) error
		down bool
		want string
		is   error
	}{
		"done":    {},
		"refused": {do: func(r actor.Reply[string]) error { r.Fail(errBoom); return nil }, want: `pool: call "payments": boom`, is: errBoom},
		"crash":   {do: func(actor.Reply[string]) error { return errBoom }, want: `pool: call "payments": the worker ended: boom`, is: errBoom},
		"down":    {down: true, want: `pool: call "payments": not running`, is: actor.NoProc},
	} {
		t.Run(name, func(t *testing.T) {
			onFloor(t, pool.Config{ID: "payments", Min: 1}, func(f *floor) {
				if c.down {
					f.ok(f.tree.Stop(f.Context()))
				}
				a := &asker{do: c.do}
				f.ask(a)
				if len(a.came) != 1 {
					f.Fatalf("%d messages", len(a.came))
				}
				got := a.came[0]
				if c.is == nil {
					if got != (outcome{answer: "done a"}) {
						f.Errorf("got %+v", got)
					}
					return
				}
				if _, ok := errors.AsType[*actor.CallError](got.err); !ok || got.err.Error() != c.want || !errors.Is(got.err, c.is) {
					f.Errorf("the error is %v, want %s", got.err, c.want)
				}
			})
		})
	}
}

// No worker begins what its asker has given up.
func TestAskToGivenUp(t *testing.T) {
	onFloor(t, pool.Config{Min: 1}, func(f *floor) {
		release := f.hold("slow")
		a := &asker{giveUp: time.Second}
		f.ask(a)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(a.came) != 1 || !errors.Is(a.came[0].err, context.DeadlineExceeded) {
			f.Errorf("what came is %+v", a.came)
		}
		release(nil)
		f.send("b")
		f.expect("+w, slow, b")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 2, Left: 1})
	})
}

// No worker begins what an asker wanted that has ended.
func TestAskToOfAnAskerThatHasEnded(t *testing.T) {
	onFloor(t, pool.Config{Min: 1}, func(f *floor) {
		release := f.hold("slow")
		f.ask(new(asker)).Send(errBoom)
		synctest.Wait()
		release(nil)
		f.expect("+w, slow")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 1, Left: 1})
	})
}
