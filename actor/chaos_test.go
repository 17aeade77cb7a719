package actor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// What TestModel does step by step, done by all actors at once. What happens cannot
// be told, but some of it always holds:
//
//   - What one actor sends another arrives in order and without a gap: messages,
//     exit signals, and at last its end (SIG-2, SIG-3).
//   - Each message is handled once or is a dead letter, and all that were sent to
//     the survivors are handled.
//   - A monitor fires once if its target is dead, and never otherwise.
//   - Links are mutual, and none to the dead is left.
//   - Nobody is left over.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				c := &chaos{t: t, sys: sys, seed: seed}
				for i := range c.stage {
					c.enter(&c.stage[i], func(b func() actor.Behavior[do]) (actor.Ref[do], error) {
						return actor.Spawn(sys, b)
					})
				}
				synctest.Wait()
				c.check()
				for _, a := range c.all {
					a.ref.PID().Exit(actor.Kill)
				}
				synctest.Wait()
				if n := sys.Count(); n != 0 {
					t.Errorf("%d actors are left over", n)
				}
			})
		})
	}
}

// chaos is a set of actors that play with each other: those on stage, whose places
// are taken by others when they die, and all that ever were.
type chaos struct {
	t     *testing.T
	sys   *actor.System
	seed  uint64
	stage [40]atomic.Pointer[chaosActor]

	mu  sync.Mutex
	all []*chaosActor
}

// chaosActor is one of them. All but ref is touched by the actor only, until all is
// quiet; others look at sent when they have heard of its end.
type chaosActor struct {
	*chaos
	ref      actor.Ref[do]
	rand     *rand.Rand
	turns    int
	sent     map[*chaosActor]int // how many messages to each
	last     map[*chaosActor]int // the number of the last message from each
	handled  int                 // messages
	monitors map[actor.Monitor]*chaosActor
	downs    map[actor.Monitor]int
}

// poke is an exit signal that is sent when so many messages have been.
type poke struct {
	from  *chaosActor
	after int
}

func (*poke) Error() string { return "poke" }

// enter puts a new actor into a place.
func (c *chaos) enter(place *atomic.Pointer[chaosActor], spawn func(func() actor.Behavior[do]) (actor.Ref[do], error)) *chaosActor {
	a := &chaosActor{
		chaos: c, sent: map[*chaosActor]int{}, last: map[*chaosActor]int{},
		monitors: map[actor.Monitor]*chaosActor{}, downs: map[actor.Monitor]int{},
	}
	var err error
	if a.ref, err = spawn(behave(&script{exit: a.exit, down: a.down})); err != nil {
		c.t.Errorf("spawn: %v", err)
		return a
	}
	c.mu.Lock()
	a.rand = rand.New(rand.NewPCG(c.seed, uint64(len(c.all))))
	c.all = append(c.all, a)
	c.mu.Unlock()
	place.Store(a)
	a.ref.Send(func(*doContext) error {
		a.handled++
		a.turn()
		return nil
	})
	return a
}

// full reports whether there have been enough actors: or else it might go on for ever.
func (c *chaos) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all) >= 400
}

// find returns the actor with the given PID.
func (c *chaos) find(pid actor.PID) *chaosActor {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.all {
		if a.ref.PID() == pid {
			return a
		}
	}
	return nil
}

// send sends b a message, numbered, with something to do.
func (a *chaosActor) send(b *chaosActor, f do) {
	a.sent[b]++
	n := a.sent[b]
	b.ref.Send(func(ctx *doContext) error {
		b.handled++
		if n != b.last[a]+1 {
			b.t.Errorf("%v got message %d of %v after %d", b.ref, n, a.ref, b.last[a])
		}
		b.last[a] = n
		return f(ctx)
	})
}

// turn has a play, by a message to itself.
func (a *chaosActor) turn() {
	if a.turns++; a.turns <= 60 {
		a.send(a, a.play)
	}
}

func (a *chaosActor) down(_ *doContext, d actor.Down) error {
	target, ok := a.monitors[d.Monitor]
	if !ok || target.ref.PID() != d.PID {
		a.t.Errorf("%v: a down of %v by a monitor that is gone, or another's", a.ref, d.PID)
		return nil
	}
	a.downs[d.Monitor]++
	a.heardTheEndOf(target)
	return nil
}

func (a *chaosActor) exit(_ *doContext, e actor.Exit) error {
	var p *poke
	switch {
	case errors.As(e.Reason, &p) && p.from.ref.PID() == e.From && !e.From.Alive():
		// sent, or what it died of
	case errors.As(e.Reason, &p) && p.from.ref.PID() == e.From:
		if a.last[p.from] != p.after {
			a.t.Errorf("%v: a signal of %v after %d of %d messages", a.ref, e.From, a.last[p.from], p.after)
		}
	default:
		a.heardTheEndOf(a.find(e.From))
	}
	return nil
}

// heardTheEndOf checks that all that an actor had sent has come before its end.
func (a *chaosActor) heardTheEndOf(b *chaosActor) {
	if a.last[b] != b.sent[a] {
		a.t.Errorf("%v heard the end of %v after %d of its %d messages", a.ref, b.ref, a.last[b], b.sent[a])
	}
}

// play does ten random things.
func (a *chaosActor) play(ctx *doContext) error {
	for range 10 {
		place := &a.stage[a.rand.IntN(len(a.stage))]
		b := place.Load()
		pid := b.ref.PID()
		switch op := a.rand.IntN(100); {
		case op < 55:
			a.send(b, returning(nil))
		case op < 63:
			ctx.Link(pid) // the dead are found soon enough
		case op < 71:
			ctx.Unlink(pid)
		case op < 79:
			if b != a {
				a.monitors[ctx.Monitor(pid)] = b
			}
		case op < 84:
			for m := range a.monitors {
				if a.downs[m] == 0 {
					ctx.Demonitor(m)
					delete(a.monitors, m)
				}
				break
			}
		case op < 89:
			ctx.TrapExit(a.rand.IntN(8) > 0)
		case op < 93:
			if b != a {
				ctx.Exit(pid, &poke{a, a.sent[b]})
			}
		case op < 94:
			if a.rand.IntN(4) == 0 {
				ctx.Exit(pid, actor.Kill)
			}
		case pid.Alive() || a.full():
		case op < 96:
			a.enter(place, func(b func() actor.Behavior[do]) (actor.Ref[do], error) {
				return actor.SpawnLink(ctx, b)
			})
		case op < 98:
			var m actor.Monitor
			c := a.enter(place, func(b func() actor.Behavior[do]) (ref actor.Ref[do], err error) {
				ref, m, err = actor.SpawnMonitor(ctx, b)
				return ref, err
			})
			a.monitors[m] = c
		default:
			a.enter(place, func(b func() actor.Behavior[do]) (actor.Ref[do], error) {
				return actor.Spawn(a.sys, b)
			})
		}
	}
	switch a.rand.IntN(400) {
	case 0:
		return errBoom
	case 1:
		panic(errBoom)
	case 2:
		return actor.Stop
	}
	a.turn()
	return nil
}

// check is called when all is quiet.
func (c *chaos) check() {
	t := c.t
	sent, handled, alive, signals := len(c.all), 0, 0, 0 // each was sent one to begin with
	for _, a := range c.all {
		for _, n := range a.sent {
			sent += n
		}
		handled += a.handled
		if !a.ref.PID().Alive() {
			continue
		}
		alive++
		for _, b := range c.all {
			if a.last[b] != b.sent[a] {
				t.Errorf("%v got %d of the %d messages of %v", a.ref, a.last[b], b.sent[a], b.ref)
			}
		}
		for m, target := range a.monitors {
			want := 1
			if target.ref.PID().Alive() {
				want = 0
			}
			if a.downs[m] != want {
				t.Errorf("a monitor on %v fired %d times, want %d", target.ref, a.downs[m], want)
			}
			signals += a.downs[m]
		}
		info, _ := a.ref.PID().Info()
		for _, peer := range info.Links {
			if other, ok := peer.Info(); !ok {
				t.Errorf("%v has a link to %v, which is dead", a.ref, peer)
			} else if !slices.Contains(other.Links, a.ref.PID()) {
				t.Errorf("%v has a link to %v, which has none back", a.ref, peer)
			}
		}
	}
	if lost := int(c.sys.DeadLetters()); handled+lost != sent {
		t.Errorf("%d sent, but %d handled and %d lost", sent, handled, lost)
	}
	if n := c.sys.Count(); n != alive {
		t.Errorf("%d actors, want %d", n, alive)
	}
	t.Logf("%d of %d alive, %d of %d messages handled, %d downs at the survivors", alive, len(c.all), handled, sent, signals)
}
