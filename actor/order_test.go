package actor_test

import (
	"sync"
	"testing"
	"testing/synctest"

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

// T-76, SIG-2, SIG-3, GO-6: who sends n messages and ends is heard in full before
// its down and its trapped exit come. Under load: many senders, one receiver that
// also gets a flood from elsewhere.
func TestMessagesComeBeforeDownAndExit(t *testing.T) {
	const senders, each = 300, 50
	sys := newSystem(t)
	var ends sync.WaitGroup
	ends.Add(2 * senders)
	sink, err := actor.Spawn(sys, func() actor.Behavior[collectMsg] {
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

// T-70, SIG-4: of m1, a lethal exit and m2 from one sender, m2 is never handled.
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

// T-70 with a signal that the actor sends to itself: nothing behind the running
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

// SIG-2: messages, trapped exits, downs and a stop from one sender keep their
// order.
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
