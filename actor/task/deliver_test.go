package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
	"github.com/troupe-go/troupe/mailbox"
)

// collector keeps what comes to it. It runs messages that are functions.
type collector struct{ got []string }

func (c *collector) Receive(ctx *actor.Context[any], m any) error {
	switch m := m.(type) {
	case func(*actor.Context[any]):
		m(ctx)
	default:
		c.got = append(c.got, fmt.Sprint(m))
	}
	return nil
}

func (c *collector) HandleDown(_ *actor.Context[any], d actor.Down) error {
	c.got = append(c.got, fmt.Sprint("down ", d.Reason))
	return nil
}

func spawnCollector(t *testing.T, sys *actor.System, opts ...actor.Option) (*collector, actor.Ref[any]) {
	t.Helper()
	c := new(collector)
	ref, err := actor.Spawn(sys, func() *collector { return c }, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return c, ref
}

func message(v int, err error) any {
	if err != nil {
		return errors.Unwrap(err)
	}
	return v
}

// TSK-1: the outcome of a task comes as a message, whatever it is, and before the
// down.
func TestDeliver(t *testing.T) {
	for name, test := range map[string]struct {
		f    work
		end  func(*task.Task[int])
		want []string
	}{
		"value":    {f: value(1, time.Second), want: []string{"1", "down normal"}},
		"error":    {f: crashes["error"].f, want: []string{"wrapped: boom", "down wrapped: boom"}},
		"panic":    {f: crashes["panic"].f, want: []string{"panic: oops", "down panic: oops"}},
		"kill":     {f: heed, end: func(tk *task.Task[int]) { time.Sleep(time.Second); tk.Kill() }, want: []string{"killed", "down killed"}},
		"too late": {f: value(1, 0), end: func(tk *task.Task[int]) { time.Sleep(time.Second); tk.Kill() }, want: []string{"1", "down normal"}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				c, owner := spawnCollector(t, sys)
				handed := make(chan *task.Task[int], 1)
				owner.Send(func(ctx *actor.Context[any]) {
					tk := task.Deliver(ctx, func(ctx context.Context) (int, error) {
						time.Sleep(time.Millisecond) // the monitor is in place
						return test.f(ctx)
					}, message)
					ctx.Monitor(tk.PID())
					handed <- tk
				})
				tk := <-handed
				if test.end != nil {
					test.end(tk)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if got := fmt.Sprint(c.got); got != fmt.Sprint(test.want) {
					t.Errorf("came: %v, want %v", got, test.want)
				}
			})
		})
	}
}

// A full mailbox that blocks does not hold up the task's end; the message comes
// when there is room.
func TestDeliverToFullMailbox(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		c, owner := spawnCollector(t, sys, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		owner.Send(func(ctx *actor.Context[any]) {
			if err := ctx.Self().TrySend("filler"); err != nil { // before there is a task that could be faster
				t.Error(err)
			}
			tk := task.Deliver(ctx, value(1, 0), message)
			<-tk.PID().Done()
		})
		synctest.Wait()
		if got := fmt.Sprint(c.got); got != "[filler 1]" {
			t.Errorf("came: %v", got)
		}
	})
}

// One that waits for room waits no longer than the owner lives.
func TestDeliverToFullMailboxOfOneThatEnds(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		_, owner := spawnCollector(t, sys, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		release := make(chan struct{})
		owner.Send(func(ctx *actor.Context[any]) {
			if err := ctx.Self().TrySend("filler"); err != nil {
				t.Error(err)
			}
			task.Deliver(ctx, value(1, 0), message)
			<-release
		})
		synctest.Wait() // the message waits
		owner.PID().Exit(actor.Kill)
		close(release)
		<-owner.PID().Done()
		synctest.Wait()
		if n := sys.DeadLetters(); n != 2 || sys.Count() != 0 {
			t.Errorf("%d dead letters, want 2; %d actors", n, sys.Count())
		}
	})
}

// An owner that has ended gets nothing, not even a dead letter.
func TestDeliverToTheDead(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		_, owner := spawnCollector(t, sys)
		owner.Send(func(ctx *actor.Context[any]) { task.Deliver(ctx, heed, message) })
		synctest.Wait()
		owner.PID().Exit(actor.Kill)
		synctest.Wait()
		if n := sys.DeadLetters(); n != 0 || sys.Count() != 0 {
			t.Errorf("%d dead letters, %d actors", n, sys.Count())
		}
	})
}

// A task that cannot be started delivers that.
func TestDeliverFails(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		c, owner := spawnCollector(t, sys)
		var failure error
		owner.Send(func(ctx *actor.Context[any]) {
			ctx.TrapExit(true) // or the shutdown dooms it at once, and it gets nothing any more
			go func() {
				if err := sys.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait() // the shutdown waits for the owner
			task.Deliver(ctx, heed, func(_ int, err error) any { failure = err; return "failed" })
		})
		<-owner.PID().Done()
		if !errors.Is(failure, actor.ErrClosed) {
			t.Errorf("failure: %v; came: %v", failure, c.got)
		}
	})
}

// A message function that panics crashes the owner, whose code it is, and nothing
// else.
func TestDeliverPanics(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		_, owner := spawnCollector(t, sys)
		owner.Send(func(ctx *actor.Context[any]) {
			task.Deliver(ctx, value(1, 0), func(int, error) any { panic("oops") })
		})
		err := actortest.ExpectExit(t, owner.PID(), nil)
		var p *actor.PanicError
		if !errors.As(err, &p) || p.Value != "oops" || p.Stack.String() == "" {
			t.Errorf("the owner ended with %v", err)
		}
	})
}
