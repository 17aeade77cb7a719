package actor_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// numbered is a message that can be told from all others.
type numbered struct{ sender, n int }

// collector checks that the messages of each sender come in order, and what has
// come of one by the time its end is known.
type collector struct {
	t       *testing.T
	next    map[int]int
	targets map[actor.PID]int // PID → sender
	each    int
	ends    *sync.WaitGroup
}

type collectMsg struct {
	numbered
	watch actor.PID // if not zero: link to it and monitor it; it is the sender
}

func (c *collector) Init(ctx *actor.Context[collectMsg]) error {
	ctx.TrapExit(true)
	return nil
}

func (c *collector) Receive(ctx *actor.Context[collectMsg], m collectMsg) error {
	if !m.watch.IsZero() {
		c.targets[m.watch] = m.sender
		ctx.Monitor(m.watch)
		return ctx.Link(m.watch)
	}
	if want := c.next[m.sender]; m.n != want {
		c.t.Errorf("sender %d: got %d, want %d", m.sender, m.n, want)
	}
	c.next[m.sender]++
	return nil
}

func (c *collector) ended(kind string, pid actor.PID) error {
	if got := c.next[c.targets[pid]]; got != c.each {
		c.t.Errorf("%s of sender %d after %d of its %d messages", kind, c.targets[pid], got, c.each)
	}
	c.ends.Done()
	return nil
}

func (c *collector) HandleExit(_ *actor.Context[collectMsg], e actor.Exit) error {
	return c.ended("exit", e.From)
}

func (c *collector) HandleDown(_ *actor.Context[collectMsg], d actor.Down) error {
	return c.ended("down", d.PID)
}

// T-76, SIG-2, SIG-3, GO-6: all messages of an actor that ends come before its down and
// its trapped exit. Under load: many senders, one receiver that also gets a flood from
// elsewhere.
func TestMessagesComeBeforeDownAndExit(t *testing.T) {
	const senders, each = 300, 50
	sys := newSystem(t)
	var ends sync.WaitGroup
	ends.Add(2 * senders)
	sink, err := actor.Spawn(sys, func() *collector {
		return &collector{t: t, next: map[int]int{}, targets: map[actor.PID]int{}, each: each, ends: &ends}
	})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				sink.Send(collectMsg{numbered: numbered{-1, n}})
			}
		}
	})
	for s := range senders {
		ref := start(t, sys, &script{})
		sink.Send(collectMsg{numbered: numbered{sender: s}, watch: ref.PID()})
		ref.Send(func(*doContext) error {
			for n := range each {
				sink.Send(collectMsg{numbered: numbered{s, n}})
			}
			switch s % 3 {
			case 0:
				return actor.Stop
			case 1:
				return errBoom
			}
			panic(errBoom)
		})
	}
	ends.Wait()
	close(stop)
	wg.Wait()
}

// The parent hears of an end when all others have been told: what it then sends them finds
// them informed. An actor with both ties, also the parent, hears of the exit first.
func TestTheParentIsToldLast(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var told [300]journal
		var others []actor.Ref[do]
		for i := range told {
			others = append(others, start(t, sys, journaled(&told[i])))
		}
		var j journal
		family := journaled(&j)
		write := family.exit
		family.exit = func(ctx *doContext, e actor.Exit) error {
			for i, ref := range others {
				ref.Send(func(*doContext) error { told[i].add("news"); return nil })
			}
			return write(ctx, e)
		}
		parent := start(t, sys, family)
		trapping(t, parent)
		var child actor.Ref[do]
		in(t, parent, func(ctx *doContext) {
			child, _ = actor.SpawnLink(ctx, behave(&script{}))
			ctx.Monitor(child.PID())
		})
		for i, ref := range others {
			in(t, ref, func(ctx *doContext) { ctx.Monitor(child.PID()) })
			if i%2 == 0 {
				trapping(t, ref)
				link(t, ref, child)
			}
		}
		child.Send(returning(errBoom))
		settle()
		exit, down := fmt.Sprintf("exit %v boom", child), fmt.Sprintf("down %v boom", child)
		j.expect(t, exit, down)
		for i := range told {
			if i%2 == 0 {
				told[i].expect(t, exit, down, "news")
			} else {
				told[i].expect(t, down, "news")
			}
		}
	})
}

// T-70, SIG-4, GO-4, GO-7: of m1, a lethal exit and m2 from one sender, m2 is never handled.
// Nor is what lies behind it in a batch that is being handled.
func TestNothingAfterALethalExitIsHandled(t *testing.T) {
	sys := newSystem(t)
	for range 1000 {
		a := start(t, sys, &script{})
		for range 5 {
			a.Send(returning(nil))
		}
		a.PID().Exit(errBoom)
		a.Send(func(*doContext) error { t.Error("m2 was handled"); return nil })
		ended(t, a.PID())
	}
}

// T-70, GO-4, GO-20 with a signal that the actor sends to itself: nothing behind the running
// handler is handled, however much has been taken already.
func TestOwnExitStopsTheBatch(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		a := start(t, sys, &script{})
		gate := make(chan struct{})
		a.Send(func(ctx *doContext) error { <-gate; return nil })
		a.Send(func(ctx *doContext) error { ctx.Exit(ctx.PID(), actor.Normal); return nil })
		for range 10 {
			a.Send(func(*doContext) error { t.Error("handled"); return nil })
		}
		close(gate)
		if err := ended(t, a.PID()); err != actor.Normal { // EXIT-8
			t.Errorf("ended with %v", err)
		}
		if n := sys.DeadLetters(); n != 10 {
			t.Errorf("%d dead letters, want 10", n)
		}
	})
}

// SIG-2, GO-14: messages, trapped exits, downs and a stop from one sender keep their
// order, though only the messages are of the actor's type.
func TestAllKindsOfSignalsKeepTheirOrder(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		note := func(s string) do { return func(*doContext) error { j.add("%s", s); return nil } }
		a := start(t, sys, &script{
			exit: func(_ *doContext, e actor.Exit) error { j.add("exit %v", e.Reason); return nil },
			down: func(_ *doContext, d actor.Down) error { j.add("down %v", d.Reason); return nil },
		})
		trapping(t, a)
		b := start(t, sys, &script{})
		in(t, a, func(ctx *doContext) { ctx.Monitor(b.PID()) })
		gate := make(chan struct{})
		a.Send(func(*doContext) error { <-gate; return nil })
		b.Send(func(ctx *doContext) error {
			a.Send(note("1"))
			ctx.Exit(a.PID(), actor.Shutdown)
			a.Send(note("2"))
			ctx.Exit(a.PID(), actor.Normal)
			ctx.Exit(a.PID(), errBoom)
			a.Send(note("3"))
			return actor.Stop
		})
		ended(t, b.PID())
		a.Send(note("4"))
		go func() {
			if err := a.PID().Stop(t.Context(), nil); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		a.Send(note("never"))
		close(gate)
		synctest.Wait()
		j.expect(t, "1", "exit shutdown", "2", "exit normal", "exit boom", "3", "down normal", "4")
	})
}

// SIG-7: a message to oneself queues like any other.
func TestSendToOneself(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := start(t, sys, &script{})
		a.Send(func(ctx *doContext) error {
			ctx.Self().Send(func(*doContext) error { j.add("from itself"); return nil })
			j.add("handler returns")
			return nil
		})
		synctest.Wait()
		j.expect(t, "handler returns", "from itself")
	})
}

// SIG-2 through relays: a chain of actors keeps the order of what passes through.
func TestOrderHoldsThroughAChain(t *testing.T) {
	const hops, n = 20, 5000
	sys := newSystem(t)
	done := make(chan struct{})
	want := 0
	next := spawnFunc(t, sys, func(_ *actor.Context[int], m int) error {
		if m != want {
			t.Errorf("got %d, want %d", m, want)
		}
		if want++; want == n {
			close(done)
		}
		return nil
	})
	for range hops {
		to := next
		next = spawnFunc(t, sys, func(_ *actor.Context[int], m int) error { to.Send(m); return nil })
	}
	for i := range n {
		next.Send(i)
	}
	await(t, done)
}

// GO-18: a flooded actor does not keep others waiting.
func TestFloodedActorDoesNotStarveOthers(t *testing.T) {
	sys := newSystem(t)
	var hogs []actor.Ref[do]
	for range 4 {
		hog := start(t, sys, &script{})
		var again do
		again = func(ctx *doContext) error { ctx.Self().Send(again); return nil }
		for range 100 {
			hog.Send(again)
		}
		hogs = append(hogs, hog)
	}
	quiet := start(t, sys, &script{})
	for range 100 {
		in(t, quiet, func(*doContext) {})
	}
	for _, h := range hogs {
		h.PID().Exit(actor.Kill)
		ended(t, h.PID())
	}
}

// GO-7: a lethal signal does not wait behind a backlog.
func TestLethalSignalsDoNotWait(t *testing.T) {
	const backlog = 50_000
	for _, reason := range []error{actor.Kill, actor.Shutdown} {
		bubble(t, func(t *testing.T, sys *actor.System) {
			handled := 0
			gate := make(chan struct{})
			a := spawnFunc(t, sys, func(_ *actor.Context[int], _ int) error {
				handled++
				<-gate
				return nil
			})
			for i := range backlog {
				a.Send(i)
			}
			synctest.Wait()
			a.PID().Exit(reason)
			close(gate)
			ended(t, a.PID())
			if lost := sys.DeadLetters(); handled != 1 || lost != backlog-1 {
				t.Errorf("%v: %d handled and %d dead letters, want 1 and the rest", reason, handled, lost)
			}
		})
	}
}

// SIG-5, GS-28, T-47, MBX-1: a send takes no time and says nothing of receipt, be the
// actor busy, suspended, dead or nobody, and be its queue ever so long.
func TestSendSaysNothingOfReceipt(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		busy, suspended, dead := start(t, sys, &script{}), start(t, sys, &script{}), start(t, sys, &script{})
		gate := make(chan struct{})
		busy.Send(func(*doContext) error { <-gate; return nil })
		dead.PID().Exit(actor.Kill)
		ended(t, dead.PID())
		if err := suspended.PID().Suspend(t.Context()); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		never := func(*doContext) error { t.Error("it was handled"); return nil }
		for _, ref := range []actor.Ref[do]{busy, suspended, dead, {}} {
			for range 20_000 {
				ref.Send(never)
			}
		}
		for _, ref := range []actor.Ref[do]{busy, suspended} {
			if err := ref.TrySend(never); err != nil {
				t.Errorf("TrySend: %v", err)
			}
			ref.PID().Exit(actor.Kill)
		}
		if took := time.Since(begin); took != 0 {
			t.Errorf("it took %v", took)
		}
		close(gate)
	})
}

// GS-28: calls and sends of one client are handled in the order in which it made
// them.
func TestCallsAndSendsKeepTheirOrder(t *testing.T) {
	sys := newSystem(t)
	want := 0
	server := spawnFunc(t, sys, func(_ *actor.Context[ask], m ask) error {
		if m.n != want {
			t.Errorf("got %d, want %d", m.n, want)
		}
		want++
		m.reply.Send(m.n)
		return nil
	})
	for n := 0; n < 300; n += 3 {
		server.Send(ask{n: n})
		p := actor.Ask(t.Context(), server, asking(n+1))
		if _, err := actor.Call(t.Context(), server, asking(n+2)); err != nil {
			t.Error(err)
		}
		if got, err := p.Wait(t.Context()); got != n+1 || err != nil {
			t.Errorf("got %d, %v", got, err)
		}
	}
}

// RCV-5: Receive gets what is at the head, whatever it is, and nothing is skipped.
func TestReceiveTakesTheHead(t *testing.T) {
	bubble(t, func(t *testing.T, sys *actor.System) {
		var j journal
		a := spawnFunc(t, sys, func(_ *actor.Context[any], m any) error { j.add("%v", m); return nil })
		for _, m := range []any{1, "two", nil, 3.5, []int{4}} {
			a.Send(m)
		}
		synctest.Wait()
		j.expect(t, "1", "two", "<nil>", "3.5", "[4]")
	})
}
