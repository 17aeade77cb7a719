package actor_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
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
//   - A name is its holder's while that lives, and free when its end is known.
//   - Each end is told once, and what the actor owned has been released once by then.
//   - Nobody is left over, and nobody is stuck.
//
// There is a round with a seed of its own for every 250 of the model test.
func TestChaos(t *testing.T) {
	for i := range uint64(max(*modelRounds/250, long.Rounds(2, 8))) {
		seed := *modelSeed + i
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				c := &chaos{t: t, sys: sys, seed: seed, exits: exitLog{ends: map[actor.PID][]end{}}}
				sys.Observe(c.exits.observe)
				for i := range c.stage {
					c.enter(&c.stage[i], func(b func() actor.Behavior[do]) (actor.Ref[do], error) {
						return actor.Spawn(sys, b)
					})
				}
				time.Sleep(time.Hour) // what takes time there takes milliseconds
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
	exits exitLog
	born  atomic.Uint64 // how many there have been

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
	name     string
	owned    int
	released atomic.Int64
	asleep   atomic.Bool // in a handler that does nothing else
}

// poke is an exit signal that is sent when so many messages have been.
type poke struct {
	from  *chaosActor
	after int
}

func (*poke) Error() string { return "poke" }

func (c *chaos) newActor() *chaosActor {
	return &chaosActor{
		chaos: c, rand: rand.New(rand.NewPCG(c.seed, c.born.Add(1))), sent: map[*chaosActor]int{}, last: map[*chaosActor]int{},
		monitors: map[actor.Monitor]*chaosActor{}, downs: map[actor.Monitor]int{},
	}
}

func (a *chaosActor) script() script {
	return script{exit: a.exit, down: a.down, terminate: a.terminate}
}

// enter puts a new actor into a place.
func (c *chaos) enter(place *atomic.Pointer[chaosActor], spawn func(func() actor.Behavior[do]) (actor.Ref[do], error)) *chaosActor {
	a := c.newActor()
	s := a.script()
	ref, err := spawn(behave(&s))
	if err != nil {
		c.t.Errorf("spawn: %v", err)
		return a
	}
	c.begin(place, a, ref)
	return a
}

// begin has an actor that has been spawned play.
func (c *chaos) begin(place *atomic.Pointer[chaosActor], a *chaosActor, ref actor.Ref[do]) {
	c.mu.Lock()
	a.ref = ref
	c.all = append(c.all, a)
	c.mu.Unlock()
	place.Store(a)
	a.ref.Send(func(*doContext) error {
		a.handled++
		a.turn()
		return nil
	})
}

// full reports whether there have been enough actors. Without it the test might not end.
func (c *chaos) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all) >= 400
}

// find returns the actor with the given PID, or nil.
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
	return a.mayFail(100)
}

// mayFail fails, in any way, once in n times.
func (a *chaosActor) mayFail(n int) error {
	if a.rand.IntN(n) > 0 {
		return nil
	}
	return pick(a.rand, faults).fail()
}

func (a *chaosActor) terminate(*doContext, error) { a.mayFail(4) }

func (a *chaosActor) exit(_ *doContext, e actor.Exit) error {
	p, poked := e.Reason.(*poke)
	switch {
	case poked && p.from.ref.PID() == e.From && !e.From.Alive():
		// sent, or what it died of
	case poked && p.from.ref.PID() == e.From:
		if a.last[p.from] != p.after {
			a.t.Errorf("%v: a signal of %v after %d of %d messages", a.ref, e.From, a.last[p.from], p.after)
		}
	default:
		if b := a.find(e.From); b != nil { // nil: a child whose Init failed
			a.heardTheEndOf(b)
		}
	}
	return a.mayFail(100)
}

// heardTheEndOf checks that all that an actor had sent has come before its end.
func (a *chaosActor) heardTheEndOf(b *chaosActor) {
	if int(b.released.Load()) != b.owned {
		a.t.Errorf("%v heard the end of %v, of whose %d resources %d were released", a.ref, b.ref, b.owned, b.released.Load())
	}
	if a.last[b] != b.sent[a] {
		a.t.Errorf("%v heard the end of %v after %d of its %d messages", a.ref, b.ref, a.last[b], b.sent[a])
	}
}

// play does ten random things.
func (a *chaosActor) play(ctx *doContext) error {
	for range 10 {
		place := &a.stage[a.rand.IntN(len(a.stage))]
		b := place.Load()
		if b == nil { // not everybody is there yet
			continue
		}
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
			a.strike(ctx, b)
		case op < 95 && b == a:
			a.own(ctx)
		case pid.Alive() || a.full():
		case a.rand.IntN(2) == 0:
			a.bear(ctx, place)
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
	if a.rand.IntN(150) == 0 {
		return a.doze()
	}
	if err := a.mayFail(400); err != nil {
		return err
	}
	a.turn()
	return nil
}

// instants are how long things take. There are few, so that what should race does.
var instants = []time.Duration{0, actor.KillGrace / 2, actor.KillGrace, 2 * actor.KillGrace, time.Second}

// doze is a handler that heeds nothing for a while, and then does no more than fail.
func (a *chaosActor) doze() error {
	f, d := pick(a.rand, faults), pick(a.rand, instants)
	wakes := a.rand.IntN(2) == 0
	a.asleep.Store(true)
	time.Sleep(d)
	if !wakes {
		return f.fail()
	}
	if a.asleep.Swap(false) { // not abandoned
		a.turn()
	}
	return nil
}

// strike kills b, now and then, and abandons it if it sleeps: then it does not send any
// more, and what it sent can still be told.
func (a *chaosActor) strike(ctx *doContext, b *chaosActor) {
	if a.rand.IntN(4) > 0 {
		return
	}
	ctx.Exit(b.ref.PID(), actor.Kill)
	if b != a && b.asleep.Swap(false) {
		b.ref.PID().Abandon()
	}
}

// own takes something that fails when it is released.
func (a *chaosActor) own(ctx *doContext) {
	f := pick(a.rand, thrown)
	r := resource(func(actor.PID, error) {
		a.released.Add(1)
		_ = f.fail()
	})
	if ctx.PID().Own(&r) {
		a.owned++
	}
}

// bear spawns an actor with an Init that takes time, and may fail or come too late, and
// with a name that may be taken.
func (a *chaosActor) bear(ctx *doContext, place *atomic.Pointer[chaosActor]) {
	b := a.newActor()
	f, d, heeds := pick(a.rand, faults), pick(a.rand, instants), a.rand.IntN(2) == 0
	fails, traps := a.rand.IntN(3) == 0, a.rand.IntN(2) == 0
	child := &scriptInit{script: b.script(), init: func(ctx *doContext) error {
		ctx.TrapExit(traps)
		if heeds {
			select {
			case <-ctx.Done():
			case <-time.After(d):
			}
		} else {
			time.Sleep(d)
		}
		if fails {
			return f.fail()
		}
		return nil
	}}
	var opts []actor.Option
	if a.rand.IntN(2) == 0 {
		b.name = fmt.Sprint("name ", a.rand.IntN(4))
		opts = append(opts, actor.Name(b.name))
	}
	if a.rand.IntN(2) == 0 {
		opts = append(opts, actor.StartTimeout(max(1, pick(a.rand, instants))))
	}
	var ref actor.Ref[do]
	var err error
	switch a.rand.IntN(3) {
	case 0:
		ref, err = actor.Spawn(a.sys, behave(child), opts...)
	case 1:
		ref, err = actor.SpawnLink(ctx, behave(child), opts...)
	case 2:
		var m actor.Monitor
		if ref, m, err = actor.SpawnMonitor(ctx, behave(child), opts...); err == nil {
			a.monitors[m] = b
		}
	}
	if err != nil {
		if !ref.PID().IsZero() {
			a.t.Errorf("a spawn failed, with %v, and returned %v", err, ref)
		}
		return
	}
	a.begin(place, b, ref)
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
			c.checkEnd(a)
			continue
		}
		alive++
		if holder, _ := c.sys.WhereIs(a.name); a.name != "" && holder != a.ref.PID() {
			t.Errorf("the name of %v is %v's", a.ref, holder)
		}
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
	if stuck := c.sys.Stuck(); len(stuck) > 0 {
		t.Errorf("%v are stuck", stuck)
	}
	t.Logf("%d abandoned", c.sys.Abandoned())
	t.Logf("%d of %d alive, %d of %d messages handled, %d downs at the survivors", alive, len(c.all), handled, sent, signals)
}

// checkEnd checks what is to be seen of the end of an actor.
func (c *chaos) checkEnd(a *chaosActor) {
	pid := a.ref.PID()
	select {
	case <-pid.Done():
	default:
		c.t.Errorf("%v has ended, but is not done", pid)
	}
	if holder, taken := c.sys.WhereIs(a.name); taken && holder == pid {
		c.t.Errorf("%v has ended, but still has its name", pid)
	}
	if int(a.released.Load()) != a.owned {
		c.t.Errorf("%v owned %d resources, and %d were released", pid, a.owned, a.released.Load())
	}
	c.exits.mu.Lock()
	defer c.exits.mu.Unlock()
	if got, want := c.exits.ends[pid], []end{endOf(pid.Err(), pid.Crashed())}; !slices.Equal(got, want) {
		c.t.Errorf("%v: the system told of the ends %v, want %v", pid, got, want)
	}
}
