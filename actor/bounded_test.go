package actor_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
)

// MBX-3: each policy of a full mailbox, seen from the sender, the actor and the dead
// letters.
func TestFullMailbox(t *testing.T) {
	cases := []struct {
		policy  mailbox.Overflow
		try     error // of TrySend
		handled []int // of 1, 2, 3 by TrySend, where 1 and 2 fill the mailbox
		dead    []string
	}{
		{mailbox.Fail, actor.ErrFull, []int{1, 2}, nil},
		{mailbox.Block, actor.ErrFull, []int{1, 2}, nil},
		{mailbox.DropNewest, nil, []int{1, 2}, []string{"3 mailbox full"}},
		{mailbox.DropOldest, nil, []int{2, 3}, []string{"1 mailbox full"}},
	}
	for _, c := range cases {
		t.Run(c.policy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				var dead journal
				defer sys.Observe(func(e actor.Event) {
					if e, ok := e.(actor.DeadLetter); ok {
						dead.add("%v %v", e.Message, e.Reason)
					}
				})()
				gate := make(chan struct{})
				var handled []int
				ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[int], m int) error {
					<-gate
					handled = append(handled, m)
					return nil
				}), actor.Mailbox(mailbox.Bounded(2, c.policy)))
				if err != nil {
					t.Fatal(err)
				}
				ref.Send(0)
				synctest.Wait() // the handler has it
				ref.Send(1)
				ref.Send(2)
				if n := ref.PID().QueueLen(); n != 2 {
					t.Errorf("QueueLen = %d", n)
				}
				if err := ref.TrySend(3); err != c.try {
					t.Errorf("TrySend: %v, want %v", err, c.try)
				}
				close(gate)
				synctest.Wait()
				if want := append([]int{0}, c.handled...); !slices.Equal(handled, want) {
					t.Errorf("handled %v, want %v", handled, want)
				}
				dead.expect(t, c.dead...)
			})
		})
	}
}

// Send to a full mailbox that refuses is a dead letter.
func TestSendToAFullMailboxIsADeadLetter(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, mailbox.Fail)))
		gate := make(chan struct{})
		a.Send(func(*doContext) error { <-gate; return nil })
		synctest.Wait()
		for range 3 {
			a.Send(returning(nil))
		}
		if n := sys.DeadLetters(); n != 2 {
			t.Errorf("%d dead letters, want 2", n)
		}
		close(gate)
	})
}

// Send and SendContext wait for room in a mailbox that blocks, first come first
// served; SendContext gives up with its context.
func TestSendWaitsForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		gate := make(chan struct{})
		a.Send(func(*doContext) error { <-gate; return nil })
		synctest.Wait()
		note := func(s string) do { return func(*doContext) error { j.add("%s", s); return nil } }
		a.Send(note("fills it"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		go func() {
			if err := a.SendContext(ctx, note("never")); err != context.DeadlineExceeded {
				t.Errorf("SendContext: %v", err)
			}
		}()
		synctest.Wait()
		go a.Send(note("first"))
		synctest.Wait()
		go func() {
			if err := a.SendContext(t.Context(), note("second")); err != nil {
				t.Errorf("SendContext: %v", err)
			}
		}()
		time.Sleep(2 * time.Second)
		close(gate)
		synctest.Wait()
		j.expect(t, "fills it", "first", "second")
		if n := sys.DeadLetters(); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}

// The end of the actor releases those who wait for room; their messages are dead
// letters.
func TestEndReleasesThoseWhoWaitForRoom(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		gate := make(chan struct{})
		a.Send(func(*doContext) error { <-gate; return nil })
		synctest.Wait()
		a.Send(returning(nil))
		var wg sync.WaitGroup
		wg.Go(func() { a.Send(returning(nil)) })
		wg.Go(func() {
			if err := a.SendContext(t.Context(), returning(nil)); err != actor.NoProc {
				t.Errorf("SendContext: %v", err)
			}
		})
		wg.Go(func() {
			_, err := actor.Call(t.Context(), a, func(actor.Reply[int]) do { return returning(nil) })
			if !errors.Is(err, actor.Killed) {
				t.Errorf("Call: %v", err)
			}
		})
		synctest.Wait()
		a.PID().Exit(actor.Kill)
		wg.Wait() // before the handler returns
		close(gate)
		ended(t, a.PID())
		if n := sys.DeadLetters(); n != 4 {
			t.Errorf("%d dead letters, want 4", n)
		}
	})
}

// GO-11: an actor that sends to itself through a full mailbox gets an error and no
// deadlock.
func TestSendToOneselfThroughAFullMailbox(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, mailbox.Block)))
		in(t, a, func(ctx *doContext) {
			derived, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			if err := ctx.Self().SendContext(derived, returning(nil)); err != nil {
				t.Errorf("there was room: %v", err)
			}
			for _, c := range []context.Context{ctx, derived} {
				if err := ctx.Self().SendContext(c, returning(nil)); err != actor.ErrFull {
					t.Errorf("full: %v, want ErrFull", err)
				}
			}
		})
	})
}

// A call to a mailbox that is full fails at once if the mailbox refuses, and
// otherwise with its context.
func TestCallToAFullMailbox(t *testing.T) {
	for policy, want := range map[mailbox.Overflow]error{
		mailbox.Fail:  actor.ErrFull,
		mailbox.Block: context.DeadlineExceeded,
	} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			a := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, policy)))
			gate := make(chan struct{})
			a.Send(func(*doContext) error { <-gate; return nil })
			synctest.Wait()
			a.Send(returning(nil))
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := actor.Call(ctx, a, func(actor.Reply[int]) do { return returning(nil) })
			wantCallError(t, err, a.PID(), want)
			close(gate)
		})
	}
}

// SIG-3 and T-76 for bounded mailboxes: signals keep their place, and a full
// mailbox does not lose them.
func TestSignalsInABoundedMailbox(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, journaled(&j), actor.Mailbox(mailbox.Bounded(3, mailbox.DropNewest)))
		trapping(t, a)
		gate := make(chan struct{})
		a.Send(func(*doContext) error { <-gate; return nil })
		synctest.Wait()
		var want []string
		for i := range 5 {
			a.Send(func(*doContext) error { j.add("message %d", i); return nil })
			a.PID().Exit(fmt.Errorf("after %d", i))
			if i < 3 {
				want = append(want, fmt.Sprint("message ", i))
			}
			want = append(want, fmt.Sprint("exit <> after ", i))
		}
		close(gate)
		synctest.Wait()
		j.expect(t, want...)
	})
}
