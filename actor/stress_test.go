package actor_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// T-113, GO-18, GO-19: many senders race an actor that keeps going idle. All
// messages are handled once, in each sender's order, and none is stuck.
func TestNoWakeUpIsLost(t *testing.T) {
	const senders, total = 8, 1_000_000
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

// A million messages flow between actors while crashes, kills and restarts hit
// them: each message is handled or a dead letter, and those of each sender to each
// incarnation come in order.
func TestEveryMessageIsAccountedForUnderCrashes(t *testing.T) {
	total := 1_000_000
	if raceEnabled {
		total = 300_000
	}
	const slots, senders = 16, 4
	sys := newSystem(t)
	var handled atomic.Int64
	spawn := func() *actor.Ref[numbered] {
		var last [senders]int
		ref := spawnFunc(t, sys, func(_ *actor.Context[numbered], m numbered) error {
			handled.Add(1)
			if m.n <= last[m.sender] {
				t.Errorf("sender %d: %d after %d", m.sender, m.n, last[m.sender])
			}
			last[m.sender] = m.n
			switch m.n % 20_011 {
			case 1:
				panic("injected")
			case 2:
				return errBoom
			case 3:
				return actor.Stop
			}
			return nil
		})
		return &ref
	}
	var refs [slots]atomic.Pointer[actor.Ref[numbered]]
	for i := range refs {
		refs[i].Store(spawn())
	}
	stop := make(chan struct{})
	var chaos, flow sync.WaitGroup
	chaos.Go(func() { // kills, and restarts what is dead
		for {
			select {
			case <-stop:
				return
			default:
			}
			slot := &refs[rand.IntN(slots)]
			pid := slot.Load().PID()
			if rand.IntN(10) == 0 {
				pid.Exit([]error{actor.Kill, errBoom}[rand.IntN(2)])
			}
			if !pid.Alive() {
				<-pid.Done()
				slot.Store(spawn())
			}
		}
	})
	for s := range senders {
		flow.Go(func() {
			for n := range total / senders {
				refs[rand.IntN(slots)].Load().Send(numbered{s, n + 1})
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
	lost := int64(sys.DeadLetters())
	if handled.Load()+lost != int64(total) {
		t.Errorf("%d sent, but %d handled and %d dead letters", total, handled.Load(), lost)
	}
	t.Logf("%d handled, %d dead letters", handled.Load(), lost)
}
