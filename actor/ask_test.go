package actor_test

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
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/mailbox"
)

// sleeper answers a request for n after n seconds, and those for negative n never.
func sleeper(t *testing.T, sys *actor.System) actor.Ref[ask] {
	return spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
		if m.n >= 0 {
			ctx.After(time.Duration(m.n)*time.Second, func(*actor.Context[ask]) error {
				m.reply.Send(m.n)
				return nil
			})
		}
		return nil
	})
}

func isSettled[R any](p *actor.Pending[R]) bool {
	select {
	case <-p.Done():
		return true
	default:
		return false
	}
}

// GS-30: a request is sent at once, and its answer may be waited for later, more
// than once, and in a select.
func TestAsk(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := sleeper(t, sys)
		p := actor.Ask(t.Context(), server, asking(3))
		if isSettled(p) {
			t.Error("there is an answer before its time")
		}
		begin := time.Now()
		select {
		case <-p.Done():
		case <-time.After(time.Minute):
			t.Error("Done is not closed")
		}
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		expired, cancel := context.WithCancel(t.Context())
		cancel()
		for _, ctx := range []context.Context{t.Context(), expired} { // an answer that is there counts
			if got, err := p.Wait(ctx); got != 3 || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		}
	})
}

// GS-30: a wait that runs out of time keeps the request (wait_response); the context
// of Ask gives it up (receive_response), and an answer that comes later is dropped.
func TestWaitKeepsTheRequestAndAskGivesItUp(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := sleeper(t, sys)
		second, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		kept := actor.Ask(t.Context(), server, asking(3))
		given := actor.Ask(second, server, asking(3))
		for _, p := range []*actor.Pending[int]{kept, given} {
			_, err := p.Wait(second)
			wantCallError(t, err, server.PID(), context.DeadlineExceeded)
		}
		synctest.Wait()
		if isSettled(kept) || !isSettled(given) {
			t.Errorf("kept: %v, given up: %v", isSettled(kept), isSettled(given))
		}
		if got, err := kept.Wait(t.Context()); got != 3 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
		_, err := given.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.DeadlineExceeded)

		late := actor.Ask(second, server, asking(0)) // its time is over
		_, err = late.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.DeadlineExceeded)
	})
}

// GS-30, GS-22: the callee's end ends the request, with its reason; one to the dead,
// or to nobody, fails at once, and so does one that a mailbox has no room for.
func TestAskFails(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := sleeper(t, sys)
		p := actor.Ask(t.Context(), server, asking(-1))
		synctest.Wait()
		server.PID().Exit(errBoom)
		_, err := p.Wait(t.Context())
		wantCallError(t, err, server.PID(), errBoom)

		for _, ref := range []actor.Ref[ask]{server, {}} {
			p := actor.Ask(t.Context(), ref, asking(1))
			if !isSettled(p) {
				t.Error("not settled")
			}
			_, err := p.Wait(t.Context())
			wantCallError(t, err, ref.PID(), actor.NoProc)
		}

		for _, policy := range []mailbox.Overflow{mailbox.Fail, mailbox.Block} {
			full := start(t, sys, &script{}, actor.Mailbox(mailbox.Bounded(1, policy)))
			gate := make(chan struct{})
			full.Send(func(*doContext) error { <-gate; return nil })
			synctest.Wait()
			full.Send(returning(nil))
			p := actor.Ask(t.Context(), full, func(actor.Reply[int]) do { return returning(nil) })
			_, err := p.Wait(t.Context())
			wantCallError(t, err, full.PID(), actor.ErrFull)
			close(gate)
		}

		failing := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error { m.reply.Fail(errBoom); return nil })
		_, err = actor.Ask(t.Context(), failing, asking(1)).Wait(t.Context())
		wantCallError(t, err, failing.PID(), errBoom)
	})
}

// GS-30: the requests of an actor, asked with its context, end with it.
func TestRequestsEndWithTheActorThatAsked(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server, client := sleeper(t, sys), start(t, sys, &script{})
		var p *actor.Pending[int]
		in(t, client, func(ctx *doContext) { p = actor.Ask(ctx, server, asking(-1)) })
		client.PID().Exit(actor.Kill)
		_, err := p.Wait(t.Context())
		wantCallError(t, err, server.PID(), context.Canceled)
	})
}

// GS-23: an actor may ask itself, and must not wait for it.
func TestAskOneself(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var p *actor.Pending[int]
		server := spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
			if m.n == 0 {
				p = actor.Ask(ctx, ctx.Self(), asking(7))
				_, err := p.Wait(ctx)
				wantCallError(t, err, ctx.PID(), actor.ErrSelf)
				return nil
			}
			m.reply.Send(m.n)
			return nil
		})
		server.Send(ask{})
		synctest.Wait()
		if got, err := p.Wait(t.Context()); got != 7 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	})
}

// GS-30: the answers to several requests come as they are there, the rest when the
// context is done; and a loop that is left leaves the other requests as they are.
func TestAnswers(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server, doomed := sleeper(t, sys), sleeper(t, sys)
		time.AfterFunc(2*time.Second, func() { doomed.PID().Exit(errBoom) })
		requests := []*actor.Pending[int]{
			actor.Ask(t.Context(), server, asking(3)),
			actor.Ask(t.Context(), server, asking(-1)),
			actor.Ask(t.Context(), doomed, asking(9)),
			actor.Ask(t.Context(), server, asking(1)),
			actor.Ask(t.Context(), server, asking(60)),
			actor.Ask(t.Context(), actor.Ref[ask]{}, asking(0)),
		}
		begin := time.Now()
		take := func(ctx context.Context, limit int) (got []string) {
			for i, a := range actor.Answers(ctx, requests...) {
				what := fmt.Sprint(a.Value)
				for _, err := range []error{errBoom, actor.NoProc, context.DeadlineExceeded} {
					if errors.Is(a.Err, err) {
						what = err.Error()
					}
				}
				got = append(got, fmt.Sprintf("%d: %s at %v", i, what, time.Since(begin)))
				if len(got) == limit {
					break
				}
			}
			return got
		}
		if got, want := take(t.Context(), 2), []string{"5: not running at 0s", "3: 1 at 1s"}; !slices.Equal(got, want) {
			t.Errorf("the first two: %q", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Second)
		defer cancel()
		got := take(ctx, 0)
		slices.Sort(got[:2]) // both are there already
		want := []string{
			"3: 1 at 1s", "5: not running at 1s", "2: boom at 2s", "0: 3 at 3s",
			"1: context deadline exceeded at 10s", "4: context deadline exceeded at 10s",
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q\nwant %q", got, want)
		}
		if got, err := requests[4].Wait(t.Context()); got != 60 || err != nil {
			t.Errorf("a request that was waited for in vain: %d, %v", got, err)
		}
	})
	for range actor.Answers[int](t.Context()) {
		t.Error("an answer to no request")
	}
}

// GS-30, GS-24: neither answered, nor given up, nor forgotten requests leave
// anything with the callee or in the system.
func TestRequestsLeaveNothingBehind(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
		if m.n%2 == 0 {
			m.reply.Send(m.n)
		}
		return nil
	})
	round := func(n int) {
		for i := range n {
			ctx, cancel := context.WithCancel(t.Context())
			p := actor.Ask(ctx, server, asking(i))
			if i%2 != 0 { // one at a time, for the runtime keeps what goroutines it had
				cancel()
			}
			<-p.Done()
			cancel()
		}
	}
	n, rounds := 1000, long.Rounds(10, 50) // few at once: the descriptors of goroutines stay
	round(n)
	before := heapInUse()
	for range rounds {
		round(n)
	}
	if grown := heapInUse() - before; grown > int64(n*rounds)*16 { // a request has some hundred bytes
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// GS-30 as a race: answers, the callee's end, the asker's context and those who
// wait. Each request is settled once, and rightly.
func TestAnswersRaceDeathAndContext(t *testing.T) {
	sys := newSystem(t)
	for range 200 {
		server := spawnFunc(t, sys, echo)
		ctx, cancel := context.WithCancel(t.Context())
		requests := make([]*actor.Pending[int], 20)
		for i := range requests {
			requests[i] = actor.Ask(ctx, server, asking(i))
			switch i {
			case 10:
				go cancel()
			case 14:
				server.PID().Exit(actor.Kill)
			}
		}
		n := 0
		for i, a := range actor.Answers(t.Context(), requests...) {
			n++
			if a.Err == nil && a.Value != i {
				t.Errorf("request %d got %d", i, a.Value)
			}
			ok := a.Err == nil
			for _, err := range []error{context.Canceled, actor.Killed, actor.NoProc} {
				ok = ok || errors.Is(a.Err, err)
			}
			if !ok {
				t.Error(a.Err)
			}
		}
		if n != len(requests) {
			t.Errorf("%d answers", n)
		}
		cancel()
	}
}

// GS-30: a request that could not be made leaves nothing with the callee.
func TestAskWithARequestThatCannotBeMade(t *testing.T) {
	sys := newSystem(t)
	server := sleeper(t, sys)
	fail := func(n int) {
		for range n {
			func() {
				defer func() { _ = recover() }()
				actor.Ask(context.Background(), server, func(actor.Reply[int]) ask { panic("oops") })
			}()
		}
	}
	const n = 20_000
	fail(n)
	before := heapInUse()
	fail(n)
	if grown := heapInUse() - before; grown > n*16 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
	runtime.KeepAlive(server)
}
