package actor_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// ask is a request for n; the server decides what to do with it.
type ask struct {
	n     int
	reply actor.Reply[int]
}

func asking(n int) func(actor.Reply[int]) ask {
	return func(r actor.Reply[int]) ask { return ask{n, r} }
}

// echo answers each request with its number.
func echo(_ *actor.Context[ask], m ask) error {
	m.reply.Send(m.n)
	return nil
}

// mute answers nothing and keeps the replies.
func mute(kept chan<- actor.Reply[int]) actor.BehaviorFunc[ask] {
	return func(_ *actor.Context[ask], m ask) error { kept <- m.reply; return nil }
}

// wantCallError checks that err is a *CallError to pid with the given cause.
func wantCallError(t *testing.T, err error, pid actor.PID, cause error) {
	t.Helper()
	var e *actor.CallError
	if !errors.As(err, &e) || e.To != pid || !errors.Is(err, cause) {
		t.Errorf("call: %v, want a CallError to %v with %v", err, pid, cause)
	}
}

func TestCall(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	for i := range 100 {
		if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
			t.Errorf("got %d, %v; want %d", got, err, i)
		}
	}
}

// GS-20, GS-24, T-44: a reply that comes after the caller has given up is dropped;
// the server lives and the next call gets its own reply.
func TestLateReplyIsDropped(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
			time.Sleep(time.Duration(m.n) * time.Second)
			m.reply.Send(m.n)
			return nil
		})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := actor.Call(ctx, server, asking(5))
			cancel()
			wantCallError(t, err, server.PID(), context.DeadlineExceeded)
			if got, err := actor.Call(t.Context(), server, asking(1)); got != 1 || err != nil {
				t.Errorf("the next call: %d, %v", got, err)
			}
		}
	})
}

// GS-20: a caller whose context has been cancelled gives up at once.
func TestCallWithACancelledContext(t *testing.T) {
	sys := newSystem(t)
	kept := make(chan actor.Reply[int], 1)
	server := spawnFunc(t, sys, mute(kept))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := actor.Call(ctx, server, asking(1))
	wantCallError(t, err, server.PID(), context.Canceled)
}

// T-46, GS-21: a call to the dead, or to nobody, fails at once with NoProc.
func TestCallToTheDead(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	server.PID().Exit(actor.Kill)
	ended(t, server.PID())
	_, err := actor.Call(t.Context(), server, asking(1))
	wantCallError(t, err, server.PID(), actor.NoProc)
	_, err = actor.Call(t.Context(), actor.Ref[ask]{}, asking(1))
	wantCallError(t, err, actor.PID{}, actor.NoProc)
}

// T-46, GS-22: the callee's end during the call ends it, with its reason.
func TestCalleeEndsDuringTheCall(t *testing.T) {
	cases := []struct {
		name    string
		handler actor.BehaviorFunc[ask]
		want    error
	}{
		{"normal", func(*actor.Context[ask], ask) error { return actor.Stop }, actor.Normal},
		{"error", func(*actor.Context[ask], ask) error { return errBoom }, errBoom},
		{"panic", func(*actor.Context[ask], ask) error { panic(errBoom) }, errBoom},
		{"Goexit", func(*actor.Context[ask], ask) error { runtime.Goexit(); return nil }, actor.Goexit},
		{"killed", func(ctx *actor.Context[ask], _ ask) error { ctx.PID().Exit(actor.Kill); return nil }, actor.Killed},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			sys := newSystem(t)
			server := spawnFunc(t, sys, c.handler)
			_, err := actor.Call(t.Context(), server, asking(1))
			wantCallError(t, err, server.PID(), c.want)
		})
	}
}

// GS-22: so do the calls that still wait in the mailbox.
func TestQueuedCallsFailWithTheCallee(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		gate := make(chan struct{})
		server := spawnFunc(t, sys, func(*actor.Context[ask], ask) error { <-gate; return errBoom })
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() {
				_, err := actor.Call(context.Background(), server, asking(i))
				wantCallError(t, err, server.PID(), errBoom)
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
	})
}

// GS-27: a reply that was sent before the end counts.
func TestReplyBeforeTheEndCounts(t *testing.T) {
	sys := newSystem(t)
	for i := range 500 {
		server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error { m.reply.Send(m.n); return actor.Stop })
		if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
			t.Fatalf("got %d, %v", got, err)
		}
	}
}

// T-115, GS-23, GO-11: an actor cannot call itself, nor through a context derived
// from its own.
func TestSelfCall(t *testing.T) {
	sys := newSystem(t)
	var server actor.Ref[ask]
	server = spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
		if m.n == 0 {
			return nil
		}
		derived, cancel := context.WithTimeout(context.WithValue(ctx, numbered{}, 1), time.Hour)
		defer cancel()
		for _, ctx := range []context.Context{ctx, derived} {
			_, err := actor.Call(ctx, server, asking(0))
			wantCallError(t, err, server.PID(), actor.ErrSelf)
		}
		m.reply.Send(m.n)
		return nil
	})
	if _, err := actor.Call(t.Context(), server, asking(1)); err != nil {
		t.Error(err)
	}
}

// A helper goroutine of the actor may call it: Context.Go's context is not the
// actor itself.
func TestHelperGoroutineMayCallItsActor(t *testing.T) {
	sys := newSystem(t)
	got := make(chan int, 1)
	server := spawnFunc(t, sys, echo)
	starter := spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
		self := ctx.Self()
		if m.n == 0 {
			ctx.Go(func(ctx context.Context) {
				n, err := actor.Call(ctx, self, asking(7))
				if err != nil {
					t.Error(err)
				}
				got <- n
			})
			return nil
		}
		n, err := actor.Call(ctx, server, asking(m.n)) // actors call each other
		m.reply.Send(n)
		return err
	})
	starter.Send(ask{})
	if n := await(t, got); n != 7 {
		t.Errorf("got %d", n)
	}
}

// GS-25: a reply may be deferred and given by any goroutine.
func TestDeferredReply(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
		go m.reply.Send(m.n)
		return nil
	})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
	wg.Wait()
}

// GS-25, GS-26, GO-17: a second reply, one after the callee's death and one to nobody are
// dropped, and none of them blocks or reaches another call.
func TestSurplusRepliesAreDropped(t *testing.T) {
	sys := newSystem(t)
	kept := make(chan actor.Reply[int], 10)
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
		kept <- m.reply
		if m.n == 0 {
			return errBoom
		}
		m.reply.Send(m.n)
		m.reply.Send(-1)
		m.reply.Fail(errBoom)
		return nil
	})
	for i := 1; i <= 3; i++ {
		if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	}
	_, err := actor.Call(t.Context(), server, asking(0))
	wantCallError(t, err, server.PID(), errBoom)
	ended(t, server.PID())
	for range 4 {
		r := <-kept
		r.Send(-1)
		r.Fail(errBoom)
	}
	actor.Reply[int]{}.Send(1)
	actor.Reply[int]{}.Fail(errBoom)
	other := spawnFunc(t, sys, echo)
	for i := range 10 {
		if got, err := actor.Call(t.Context(), other, asking(i)); got != i || err != nil {
			t.Errorf("a stray reply arrived: %d, %v", got, err)
		}
	}
}

func TestReplyFail(t *testing.T) {
	sys := newSystem(t)
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error { m.reply.Fail(errBoom); return nil })
	_, err := actor.Call(t.Context(), server, asking(1))
	wantCallError(t, err, server.PID(), errBoom)
	if !server.PID().Alive() {
		t.Error("the server died")
	}
}

// Thousands of calls at once, some with deadlines that race the reply: each gets
// its own reply or gives up.
func TestManyConcurrentCalls(t *testing.T) {
	const callers, each = 64, 100
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				ctx, cancel := t.Context(), func() {}
				if i%3 == 0 {
					ctx, cancel = context.WithTimeout(ctx, 20*time.Microsecond)
				}
				n := c*each + i
				got, err := actor.Call(ctx, server, asking(n))
				cancel()
				if err == nil && got != n {
					t.Errorf("got %d, want %d", got, n)
				} else if err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// GS-22: what a callee finds out by its own doom is nothing that a caller hears of: all that
// wait for it fail with its end, before any of its own waits comes to one.
func TestADoomedCalleeDoesNotAnswerWithItsOwnDoom(t *testing.T) {
	for name, wait := range map[string]func(ctx *actor.Context[ask], mute actor.Ref[ask]) error{
		"its context": func(ctx *actor.Context[ask], _ actor.Ref[ask]) error {
			<-ctx.Done()
			return context.Cause(ctx)
		},
		"a call of its own": func(ctx *actor.Context[ask], mute actor.Ref[ask]) error {
			_, err := actor.Call(ctx, mute, asking(0))
			return err
		},
		"a start": func(ctx *actor.Context[ask], _ actor.Ref[ask]) error {
			_, err := actor.SpawnLink(ctx, behave(&scriptInit{init: heeds}))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				kept := make(chan actor.Reply[int], 300)
				mute := spawnFunc(t, sys, mute(kept))
				var replies []actor.Reply[int]
				server := spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
					if replies = append(replies, m.reply); m.n != 0 {
						return nil
					}
					err := wait(ctx, mute)
					for _, r := range replies {
						if r.Wanted() {
							r.Fail(err)
						}
					}
					return nil
				})
				var asked []*actor.Pending[int]
				for n := 300; n >= 0; n-- {
					asked = append(asked, actor.Ask(t.Context(), server, asking(n)))
				}
				settle()
				server.PID().Exit(actor.Kill)
				for _, p := range asked {
					_, err := p.Wait(t.Context())
					if e, ok := errors.AsType[*actor.CallError](err); !ok || !e.Ended || e.Err != actor.Killed {
						t.Fatalf("got %v, want that the callee was killed", err)
					}
				}
			})
		})
	}
}

// GS-22 as a race: calls and the callee's death. Nobody waits for ever, and each caller
// that got a value got the right one.
func TestCallsRaceTheCalleesDeath(t *testing.T) {
	sys := newSystem(t)
	for round := range 400 {
		server := spawnFunc(t, sys, echo)
		if round%2 == 0 { // there is a call that the server keeps
			if _, err := actor.Call(t.Context(), server, asking(0)); err != nil {
				t.Error(err)
			}
		}
		var wg sync.WaitGroup
		for c := range 1 + round/2%4 {
			wg.Go(func() {
				for {
					got, err := actor.Call(context.Background(), server, asking(c))
					if err != nil {
						if !errors.Is(err, actor.Killed) && !errors.Is(err, actor.NoProc) {
							t.Error(err)
						}
						return
					}
					if got != c {
						t.Errorf("got %d, want %d", got, c)
					}
				}
			})
		}
		server.PID().Exit(actor.Kill)
		wg.Wait()
	}
}

// ALS-2: calls that time out leave nothing behind, neither with the callee nor
// elsewhere.
func TestTimedOutCallsLeaveNothingBehind(t *testing.T) {
	n := long.Rounds(20_000, 100_000)
	sys := newSystem(t)
	server := spawnFunc(t, sys, func(*actor.Context[ask], ask) error { return nil }) // never replies
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	timeOut := func(n int) {
		for i := range n {
			if _, err := actor.Call(cancelled, server, asking(i)); err == nil {
				t.Fatal("it got a reply")
			}
		}
	}
	drained := func() {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		actor.Call(ctx, server, asking(0))
		for server.PID().QueueLen() > 0 {
			runtime.Gosched()
		}
	}
	timeOut(1000)
	drained()
	before := heapInUse()
	timeOut(n)
	drained()
	if grown := heapInUse() - before; grown > 256<<10 {
		t.Errorf("the heap grew by %d bytes in %d calls", grown, n)
	}
}

// heapInUse returns the bytes of live objects.
func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // a second one empties the pools
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// GS-24: what serves one call after the other is never mixed up: a reply of an earlier
// call, kept for however long, answers no later one, of its own type or of another.
func TestOldRepliesAnswerNoLaterCall(t *testing.T) {
	type request struct {
		number actor.Reply[int]
		text   actor.Reply[string]
	}
	sys := newSystem(t)
	var old []request
	server := spawnFunc(t, sys, func(_ *actor.Context[request], m request) error {
		for _, r := range old {
			r.number.Send(-1)
			r.text.Fail(errBoom)
		}
		old = append(old, m)
		m.number.Send(len(old))
		m.text.Send(strconv.Itoa(len(old)))
		return nil
	})
	for i, calls := 0, 0; i < 100; i++ {
		calls++
		if i%3 == 0 {
			got, err := actor.Call(t.Context(), server, func(r actor.Reply[string]) request { return request{text: r} })
			if got != strconv.Itoa(calls) || err != nil {
				t.Fatalf("call %d: %q, %v", calls, got, err)
			}
			continue
		}
		number := func(r actor.Reply[int]) request { return request{number: r} }
		if i%7 == 0 {
			given, giveUp := context.WithCancel(t.Context())
			actor.Call(given, server, func(r actor.Reply[int]) request { giveUp(); return number(r) })
			calls++
		}
		if got, err := actor.Call(t.Context(), server, number); got != calls || err != nil {
			t.Fatalf("call %d: %d, %v", calls, got, err)
		}
	}
}

func TestCallDoesNotAllocate(t *testing.T) {
	if long.Race {
		t.Skip("sync.Pool drops items at random under the race detector")
	}
	sys := newSystem(t)
	server := spawnFunc(t, sys, echo)
	request := asking(1)
	for name, ctx := range map[string]context.Context{"background": context.Background(), "cancellable": t.Context()} {
		allocs := testing.AllocsPerRun(2000, func() {
			if _, err := actor.Call(ctx, server, request); err != nil {
				t.Error(err)
			}
		})
		if allocs > 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

// Calls work in one synctest bubble after another, and outside.
func TestCallsInsideAndOutsideOfBubbles(t *testing.T) {
	call := func(t *testing.T, sys *actor.System) {
		server := spawnFunc(t, sys, echo)
		for i := range 3 {
			if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
				t.Errorf("got %d, %v", got, err)
			}
		}
	}
	for range 3 {
		bubble(t, call)
		call(t, newSystem(t))
	}
}

// Thousands of calls wait for one actor at once, and each gets its own answer.
func TestThousandsOfCallsWaitAtOnce(t *testing.T) {
	const n = 5000
	sys := newSystem(t)
	var waiting []ask
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
		if waiting = append(waiting, m); len(waiting) == n {
			for _, m := range waiting {
				m.reply.Send(-m.n)
			}
		}
		return nil
	})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			got, err := actor.Call(t.Context(), server, asking(i))
			if got != -i || err != nil {
				t.Errorf("got %d, %v, want %d", got, err, -i)
			}
		})
	}
	wg.Wait()
}

// GO-16: nothing of the caller's context reaches the callee but what the request
// says: no deadline, no value, no end.
func TestCalleeDoesNotSeeTheCallersContext(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		finished := false
		server := spawnFunc(t, sys, func(ctx *actor.Context[ask], m ask) error {
			if _, ok := ctx.Deadline(); ok || ctx.Value(numbered{}) != nil {
				t.Error("the callee sees the caller's context")
			}
			time.Sleep(time.Minute)
			finished = ctx.Err() == nil
			return nil
		})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), numbered{}, 1), time.Second)
		defer cancel()
		_, err := actor.Call(ctx, server, asking(1))
		wantCallError(t, err, server.PID(), context.DeadlineExceeded)
		time.Sleep(time.Hour)
		synctest.Wait()
		if !finished {
			t.Error("the caller's deadline ended the handler")
		}
	})
}

// RCV-4, T-51: a call does not look into the caller's mailbox, however long it is.
func TestCallWithAHugeQueueAtTheCaller(t *testing.T) {
	const n = 100_000
	sys := newSystem(t)
	server, caller := spawnFunc(t, sys, echo), start(t, sys, &script{})
	in(t, caller, func(ctx *doContext) {
		for range n {
			ctx.Self().Send(returning(nil))
		}
		request := asking(1)
		allocs := testing.AllocsPerRun(1000, func() {
			if _, err := actor.Call(ctx, server, request); err != nil {
				t.Error(err)
			}
		})
		if allocs > 1 && !long.Race {
			t.Errorf("%v allocations", allocs)
		}
		if waiting := ctx.PID().QueueLen(); waiting != n {
			t.Errorf("%d messages wait after the calls, want %d", waiting, n)
		}
	})
}

// RCV-6, T-50: an idle actor is as small as a hibernated process, and serves calls,
// messages and requests like any other.
func TestIdleActorServesAllThatComes(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		server := spawnFunc(t, sys, echo)
		asleep := func() {
			t.Helper()
			time.Sleep(time.Hour)
			if info, ok := server.PID().Info(); !ok || info.Status != actor.Idle {
				t.Errorf("it is not idle: %+v", info)
			}
		}
		for i := range 3 {
			asleep()
			if got, err := actor.Call(t.Context(), server, asking(i)); got != i || err != nil {
				t.Errorf("call: %d, %v", got, err)
			}
			asleep()
			server.Send(ask{})
			asleep()
			if err := server.PID().Inspect(t.Context(), func(any) {}); err != nil {
				t.Errorf("inspect: %v", err)
			}
		}
	})
}

// What a callee fails with does not strike its caller, which asks what it is.
func TestFailWithWhatIsNoError(t *testing.T) {
	sys := newSystem(t)
	for name, reason := range brokenReasons() {
		server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error { m.reply.Fail(reason); return nil })
		_, err := actor.Call(t.Context(), server, asking(1))
		var unusable *actor.ReasonError
		if !errors.As(err, &unusable) || errors.Is(err, actor.Shutdown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error { m.reply.Fail(nil); return nil })
	if v, err := actor.Call(t.Context(), server, asking(1)); err == nil {
		t.Errorf("a failure with nil is an answer: %v", v)
	}
}

// A reply is wanted from when the request was made until it is answered or the caller
// has given up, and not for a later call that the callee serves.
func TestReplyIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		kept := make(chan actor.Reply[int], 1)
		server := spawnFunc(t, sys, mute(kept))
		call := func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			_, _ = actor.Call(ctx, server, asking(1))
		}
		for name, end := range map[string]func(actor.Reply[int]){
			"answered": func(r actor.Reply[int]) { r.Send(1) },
			"failed":   func(r actor.Reply[int]) { r.Fail(actor.NoProc) },
			"given up": func(actor.Reply[int]) { time.Sleep(time.Second) },
		} {
			go call(t.Context())
			r := <-kept
			if !r.Wanted() {
				t.Errorf("%s: it is not wanted at first", name)
			}
			end(r)
			synctest.Wait()
			if r.Wanted() {
				t.Errorf("%s: it is wanted still", name)
			}
			go call(t.Context())
			next := <-kept
			if r.Wanted() || !next.Wanted() {
				t.Errorf("%s: at the next call, wanted: %v, of that %v", name, r.Wanted(), next.Wanted())
			}
			next.Send(1)
			synctest.Wait()
		}
		go call(t.Context())
		r := <-kept
		server.PID().Exit(actor.Kill)
		synctest.Wait()
		if r.Wanted() || (actor.Reply[int]{}).Wanted() {
			t.Error("a reply is wanted for which nobody waits")
		}
	})
}

// A Reply to an Ask is wanted as long as the request stands.
func TestReplyToAnAskIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		kept := make(chan actor.Reply[int], 1)
		server := spawnFunc(t, sys, mute(kept))
		ctx, cancel := context.WithCancel(t.Context())
		actor.Ask(ctx, server, asking(1))
		r := <-kept
		if !r.Wanted() {
			t.Error("it is not wanted")
		}
		cancel()
		synctest.Wait()
		if r.Wanted() {
			t.Error("it is wanted although the request was given up")
		}
	})
}
