package actor_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/mailbox"
)

// T-113, GO-18, GO-19: many senders race an actor that keeps going idle. All
// messages are handled once, in each sender's order, and none is stuck.
func TestNoWakeUpIsLost(t *testing.T) {
	const senders = 8
	total := long.Rounds(200_000, 1_000_000)
	sys := newSystem(t)
	done := make(chan struct{})
	var next [senders]int // -race tells if two runners touch it at once
	seen := 0
	ref := spawnFunc(t, sys, func(_ *actor.Context[numbered], m numbered) error {
		if next[m.sender] != m.n {
			t.Errorf("sender %d: got %d, want %d", m.sender, m.n, next[m.sender])
		}
		next[m.sender]++
		if seen++; seen == total {
			close(done)
		}
		return nil
	})
	for s := range senders {
		go func() {
			for n := range total / senders {
				ref.Send(numbered{s, n})
			}
		}()
	}
	await(t, done)
}

// Millions of messages flow while actors crash, are killed and are replaced. Each
// message is accounted for: it was handled, refused to the sender's face, or became a
// dead letter, for want of a living actor or by the policy of a mailbox that was full.
// And those of each sender to each incarnation come in order.
func TestEveryMessageIsAccountedForUnderCrashes(t *testing.T) {
	total := long.Rounds(100_000, 4_000_000)
	const slots, senders, capacity = 20, 4, 64
	limits := []mailbox.Limit{
		mailbox.Unbounded,
		mailbox.Bounded(capacity, mailbox.Fail),
		mailbox.Bounded(capacity, mailbox.Block),
		mailbox.Bounded(capacity, mailbox.DropNewest),
		mailbox.Bounded(capacity, mailbox.DropOldest),
	}
	sys := newSystem(t)
	var handled, refused, toTheDead, toTheFull, crashes atomic.Int64
	defer sys.Observe(func(e actor.Event) {
		switch e := e.(type) {
		case actor.DeadLetter:
			if e.Reason == actor.NoProc {
				toTheDead.Add(1)
			} else {
				toTheFull.Add(1)
			}
		case actor.Exited:
			if e.Crashed() {
				crashes.Add(1)
			}
		}
	})()
	spawn := func(slot int) *actor.Ref[numbered] {
		var last [senders]int
		count := 0
		ref, err := actor.Spawn(sys, actor.Func(func(ctx *actor.Context[numbered], m numbered) error {
			handled.Add(1)
			if m.n <= last[m.sender] {
				t.Errorf("sender %d: %d after %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender] = m.n
			count++
			for tries := 0; count%100 == 0 && tries < 1000 && ctx.PID().QueueLen() < capacity; tries++ {
				runtime.Gosched() // or a mailbox would hardly ever be full
			}
			switch m.n % 20_011 {
			case 1:
				panic("injected")
			case 2:
				return errBoom
			case 3:
				return actor.Stop
			case 4:
				runtime.Goexit()
			}
			return nil
		}), actor.Mailbox(limits[slot%len(limits)]))
		if err != nil {
			t.Error(err)
		}
		return &ref
	}
	var refs [slots]atomic.Pointer[actor.Ref[numbered]]
	for i := range refs {
		refs[i].Store(spawn(i))
	}
	stop := make(chan struct{})
	var chaos, flow sync.WaitGroup
	chaos.Go(func() { // kills, and replaces what is dead
		for {
			select {
			case <-stop:
				return
			default:
			}
			i := rand.IntN(slots)
			pid := refs[i].Load().PID()
			if rand.IntN(10) == 0 {
				pid.Exit([]error{actor.Kill, errBoom}[rand.IntN(2)])
			}
			if !pid.Alive() {
				<-pid.Done()
				refs[i].Store(spawn(i))
			}
		}
	})
	for s := range senders {
		flow.Go(func() {
			for n := range total / senders {
				ref, m := *refs[rand.IntN(slots)].Load(), numbered{s, n + 1}
				var err error
				switch n % 3 {
				case 0:
					ref.Send(m)
				case 1:
					err = ref.TrySend(m)
				case 2:
					err = ref.SendContext(t.Context(), m)
				}
				switch err {
				case nil, actor.NoProc: // NoProc: a dead letter, too
				case actor.ErrFull:
					refused.Add(1)
				default:
					t.Error(err)
				}
			}
		})
	}
	flow.Wait()
	close(stop)
	chaos.Wait()
	for _, pid := range sys.Actors() {
		if err := pid.Stop(t.Context(), nil); err != nil {
			<-pid.Done() // it crashed on what was left
		}
	}
	sum := handled.Load() + refused.Load() + toTheDead.Load() + toTheFull.Load()
	t.Logf("%d handled, %d refused, %d to the dead, %d to full mailboxes; %d crashes", handled.Load(), refused.Load(), toTheDead.Load(), toTheFull.Load(), crashes.Load())
	if sum != int64(total) {
		t.Errorf("%d sent, but %d accounted for", total, sum)
	}
	if lost := toTheDead.Load() + toTheFull.Load(); int64(sys.DeadLetters()) != lost {
		t.Errorf("%d dead letters counted, %d told", sys.DeadLetters(), lost)
	}
	for what, n := range map[string]int64{
		"handled": handled.Load(), "refused": refused.Load(), "to the dead": toTheDead.Load(), "to the full": toTheFull.Load(), "crashes": crashes.Load(),
	} {
		if n == 0 {
			t.Errorf("none was %s: the test has not tried that", what)
		}
	}
}
