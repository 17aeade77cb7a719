package pool_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// What a full queue does with the next job, however it comes. There is a job in hand, "x",
// and one in the queue, "a", when "b" comes.
func TestFullQueue(t *testing.T) {
	const waits = "waits"
	for _, c := range []struct {
		overflow   mailbox.Overflow
		trySend    string // what it returns
		call       string // what it comes to at once
		then, told string // what happens to a Send, and what a call comes to in the end
	}{
		{mailbox.Fail, actor.ErrFull.Error(), actor.ErrFull.Error(), "b!, a", actor.ErrFull.Error()},
		{mailbox.Block, actor.ErrFull.Error(), waits, "a, b", "done b"},
		{mailbox.DropNewest, "", actor.ErrFull.Error(), "b!, a", actor.ErrFull.Error()},
		{mailbox.DropOldest, "", waits, "a!, b", "done b"},
	} {
		full := func(t *testing.T, f func(fl *floor, release func(error))) {
			t.Helper()
			onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, c.overflow)}, func(fl *floor) {
				release := fl.hold("x")
				fl.send("a")
				fl.expect("+w, x")
				f(fl, release)
			})
		}
		t.Run(c.overflow.String()+"/Send", func(t *testing.T) {
			full(t, func(f *floor, release func(error)) {
				sent := make(chan struct{})
				go func() { f.send("b"); close(sent) }()
				synctest.Wait()
				release(nil)
				<-sent
				f.expect(c.then)
			})
		})
		t.Run(c.overflow.String()+"/TrySend", func(t *testing.T) {
			full(t, func(f *floor, release func(error)) {
				err := f.pool.TrySend(order{name: "b"})
				if got := text(err); got != c.trySend {
					f.Errorf("TrySend returned %q, want %q", got, c.trySend)
				}
				release(nil)
				synctest.Wait()
			})
		})
		t.Run(c.overflow.String()+"/Call", func(t *testing.T) {
			full(t, func(f *floor, release func(error)) {
				call := f.call(f.Context(), "b", nil)
				const prefix = `pool: call "pool": `
				if c.call == waits {
					call.expect("")
				} else {
					call.expect(prefix + c.call)
				}
				release(nil)
				if c.call == waits {
					call.expect(c.told)
				}
			})
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Senders that wait for room are served in the order in which they came, and none of their
// jobs is in the queue once they have given up.
func TestSendContextWaitsForRoom(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, mailbox.Block)}, func(f *floor) {
		release := f.hold("x")
		f.send("a")
		outcomes := make(chan string)
		wait := func(ctx context.Context, name string) {
			go func() { outcomes <- name + ": " + text(f.pool.SendContext(ctx, order{name: name})) }()
			synctest.Wait()
		}
		ctx, cancel := context.WithCancel(f.Context())
		wait(f.Context(), "b")
		wait(ctx, "c")
		wait(f.Context(), "d")
		f.expectStats(pool.Stats{Workers: 1, Busy: 1, Waiting: 4})
		cancel()
		got := []string{<-outcomes}
		release(nil)
		got = append(got, <-outcomes, <-outcomes)
		slices.Sort(got[1:])
		if want := []string{"c: context canceled", "b: ", "d: "}; !slices.Equal(got, want) {
			f.Errorf("the outcomes are %q, want %q", got, want)
		}
		f.expect("+w, x, a, b, d")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 4, Left: 1})
	})
}

// A sender that waits is told when the pool ends.
func TestSendContextEndsWithThePool(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, mailbox.Block)}, func(f *floor) {
		f.hold("x")
		f.send("a")
		outcome := make(chan error)
		go func() { outcome <- f.pool.SendContext(f.Context(), order{name: "b"}) }()
		call := f.call(f.Context(), "c", nil)
		f.part("queue").Exit(actor.Kill)
		if err := <-outcome; err != actor.NoProc {
			f.Error(err)
		}
		<-call.done
		f.expectError(call.err, actor.Killed)
	})
}

// A worker that sends to its own pool is refused rather than made to wait for itself.
func TestWorkerDoesNotWaitForItself(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, mailbox.Block)}, func(f *floor) {
		var first, second error
		f.pool.Send(order{name: "x", do: func(ctx *actor.Context[order]) error {
			first = f.pool.SendContext(ctx, order{name: "a"})
			second = f.pool.SendContext(ctx, order{name: "b"})
			return nil
		}})
		f.expect("+w, x, a")
		if first != nil || second != actor.ErrFull {
			f.Errorf("it was told %v and %v", first, second)
		}
	})
}

// Jobs that nobody wants any more do not keep others out of the queue, nor in memory.
func TestQueueForgetsCallersThatHaveLeft(t *testing.T) {
	for _, limit := range []mailbox.Limit{
		mailbox.Bounded(8, mailbox.Fail), mailbox.Bounded(8, mailbox.Block), mailbox.Unbounded,
	} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			onFloor(t, pool.Config{Min: 1, Queue: limit}, func(f *floor) {
				release := f.hold("x")
				for range 100 {
					ctx, cancel := context.WithCancel(f.Context())
					call := f.call(ctx, "a", nil)
					cancel()
					<-call.done
				}
				if n := f.pool.Stats().Waiting; n > 32 {
					f.Errorf("%d jobs that nobody wants are kept", n)
				}
				call := f.call(f.Context(), "b", nil)
				if limit.Overflow == mailbox.Fail && call.err != nil { // the first refusals pay for the look
					call = f.call(f.Context(), "b", nil)
				}
				release(nil)
				call.expect("done b")
				f.expect("+w, x, b")
			})
		})
	}
}

// A queue that has reached its high-water mark is reported, again only after it has fallen
// to half.
func TestHighWater(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Limit{HighWater: 4}}, func(f *floor) {
		reports := func() (n int) {
			f.mu.Lock()
			defer f.mu.Unlock()
			return len(f.logged)
		}
		for i, want := range []int{1, 2} {
			release := f.hold("x")
			f.send("a", "b", "c")
			if got := reports(); got != i {
				f.Errorf("%d reports below the mark", got)
			}
			f.send("d", "e")
			if got := reports(); got != want {
				f.Errorf("%d reports, want %d", got, want)
			}
			release(nil)
		}
	})
}

// A pool that drops jobs by its policy does it without a pause.
func TestDropOldestPassesOverCallersThatHaveLeft(t *testing.T) {
	onFloor(t, pool.Config{Min: 1, Queue: mailbox.Bounded(1, mailbox.DropOldest)}, func(f *floor) {
		release := f.hold("x")
		ctx, cancel := context.WithTimeout(f.Context(), time.Second)
		defer cancel()
		call := f.call(ctx, "a", nil)
		time.Sleep(2 * time.Second)
		call.expect(`pool: call "pool": context deadline exceeded`)
		f.send("b")
		release(nil)
		f.expect("+w, x, b")
		f.expectStats(pool.Stats{Workers: 1, Idle: 1, Handled: 2, Left: 1})
	})
}
