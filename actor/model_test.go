package actor_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
)

// model is what the rules say about a set of actors. A step does one thing to the
// actors and to the model and waits until all is quiet; then the two must agree.
type model struct {
	t      *testing.T
	sys    *actor.System
	rand   *rand.Rand
	all    []*modelActor
	byPID  map[actor.PID]*modelActor
	sent   int
	latest string // what the last step did

	handled atomic.Int64 // messages
}

type modelActor struct {
	ref      actor.Ref[do]
	parent   *modelActor
	alive    bool
	trap     bool
	reason   error
	links    map[*modelActor]bool
	monitors map[actor.Monitor]*modelActor
	got      []heard // touched by the actor, read when all is quiet
	want     []heard
}

// heard is something that came to an actor: a message, an exit or a down.
type heard struct {
	from actor.PID
	what string
}

// bySender sorts what was heard by who sent it. Things from one sender keep their
// order, which is all that is promised (SIG-2).
func bySender(list []heard) []heard {
	slices.SortStableFunc(list, func(a, b heard) int { return cmp.Compare(a.from.String(), b.from.String()) })
	return list
}

func (a *modelActor) String() string { return a.ref.String() }

// script is the actor's behavior: it writes down what it is told.
func (a *modelActor) script() *script {
	return &script{
		exit: func(_ *doContext, e actor.Exit) error {
			a.got = append(a.got, heard{e.From, fmt.Sprint("exit ", e.Reason)})
			return nil
		},
		down: func(_ *doContext, d actor.Down) error {
			a.got = append(a.got, heard{d.PID, fmt.Sprint("down ", d.Reason)})
			return nil
		},
	}
}

// add spawns an actor by the given function.
func (m *model) add(parent *modelActor, spawn func(b func() actor.Behavior[do]) (actor.Ref[do], error)) *modelActor {
	a := &modelActor{parent: parent, alive: true, links: map[*modelActor]bool{}, monitors: map[actor.Monitor]*modelActor{}}
	ref, err := spawn(behave(a.script()))
	if err != nil {
		m.t.Errorf("spawn: %v", err)
	}
	a.ref = ref
	m.all = append(m.all, a)
	m.byPID[ref.PID()] = a
	return a
}

// signal is the exit matrix, EXIT-1 to EXIT-10.
func (m *model) signal(to, from *modelActor, reason error, link bool) {
	sender := actor.PID{}
	if from != nil {
		sender = from.ref.PID()
	}
	switch {
	case !to.alive:
	case reason == actor.Kill && !link:
		m.die(to, actor.Killed)
	case to.trap && from != nil && from == to.parent: // GS-42
		m.die(to, reason)
	case to.trap:
		to.want = append(to.want, heard{sender, fmt.Sprint("exit ", reason)})
	case reason != actor.Normal || from == to:
		m.die(to, reason)
	}
}

func (m *model) die(a *modelActor, reason error) {
	a.alive, a.reason = false, reason
	for peer := range a.links {
		delete(peer.links, a)
		m.signal(peer, a, reason, true)
	}
	clear(a.links)
	for _, w := range m.all {
		for mon, target := range w.monitors {
			if target == a {
				delete(w.monitors, mon)
				w.want = append(w.want, heard{a.ref.PID(), fmt.Sprint("down ", reason)})
			}
		}
	}
}

func (m *model) reason() error {
	reasons := []error{actor.Normal, actor.Shutdown, actor.Kill, actor.Killed, errBoom}
	return reasons[m.rand.IntN(len(reasons))]
}

// living returns a random living actor.
func (m *model) living() *modelActor {
	for {
		if a := m.all[m.rand.IntN(len(m.all))]; a.alive {
			return a
		}
	}
}

func (m *model) step() {
	alive := 0
	for _, a := range m.all {
		if a.alive {
			alive++
		}
	}
	if alive < 36 {
		m.latest = "spawn"
		m.add(nil, func(b func() actor.Behavior[do]) (actor.Ref[do], error) { return actor.Spawn(m.sys, b) })
		return
	}
	a := m.living()
	b := m.any() // may be dead, may be a
	act := func(what string, f func(ctx *doContext)) {
		m.latest = fmt.Sprintf("%v: %s (%v, alive: %v, same: %v)", a, what, b, b.alive, a == b)
		in(m.t, a.ref, f)
	}
	switch op := m.rand.IntN(26); {
	case op < 2:
		act("spawn with a link", func(ctx *doContext) {
			c := m.add(a, func(b func() actor.Behavior[do]) (actor.Ref[do], error) { return actor.SpawnLink(ctx, b) })
			a.links[c], c.links[a] = true, true
		})
	case op < 3:
		act("spawn with a monitor", func(ctx *doContext) {
			var mon actor.Monitor
			c := m.add(nil, func(b func() actor.Behavior[do]) (ref actor.Ref[do], err error) {
				ref, mon, err = actor.SpawnMonitor(ctx, b)
				return ref, err
			})
			a.monitors[mon] = c
		})
	case op < 7:
		act("send", func(*doContext) { m.message(a, b)() })
	case op < 10:
		var err error
		act("link", func(ctx *doContext) { err = ctx.Link(b.ref.PID()) })
		switch {
		case a == b:
		case b.alive:
			a.links[b], b.links[a] = true, true
		case a.trap:
			m.signal(a, b, actor.NoProc, true)
		default:
			if !errors.Is(err, actor.NoProc) {
				m.t.Errorf("link to the dead: %v", err)
			}
			err = nil
		}
		if err != nil {
			m.t.Errorf("link: %v", err)
		}
	case op < 12:
		act("unlink", func(ctx *doContext) { ctx.Unlink(b.ref.PID()) })
		delete(a.links, b)
		delete(b.links, a)
	case op < 15:
		var mon actor.Monitor
		act("monitor", func(ctx *doContext) { mon = ctx.Monitor(b.ref.PID()) })
		switch {
		case a == b:
		case b.alive:
			a.monitors[mon] = b
		default:
			a.want = append(a.want, heard{b.ref.PID(), fmt.Sprint("down ", actor.NoProc)})
		}
	case op < 16:
		for mon := range a.monitors {
			act("demonitor", func(ctx *doContext) {
				if !ctx.Demonitor(mon) {
					m.t.Error("the monitor was not up")
				}
			})
			delete(a.monitors, mon)
			break
		}
	case op < 18:
		reason := m.reason()
		act(fmt.Sprint("exit ", reason), func(ctx *doContext) { ctx.Exit(b.ref.PID(), reason) })
		m.signal(b, a, reason, false)
	case op < 19:
		reason := m.reason()
		m.latest = fmt.Sprintf("exit %v %v from outside", b, reason)
		b.ref.PID().Exit(reason)
		m.signal(b, nil, reason, false)
	case op < 21:
		a.trap = m.rand.IntN(3) > 0
		act(fmt.Sprint("trap ", a.trap), func(ctx *doContext) { ctx.TrapExit(a.trap) })
	case op < 22:
		reason := m.reason()
		m.latest = fmt.Sprintf("%v ends with %v", a, reason)
		a.ref.Send(returning(reason))
		m.die(a, reason)
	default:
		m.burst(a)
	}
}

// any returns one of the latest actors, dead or alive.
func (m *model) any() *modelActor {
	return m.all[max(0, len(m.all)-60)+m.rand.IntN(min(60, len(m.all)))]
}

// message is a message from a to b. What it returns sends it.
func (m *model) message(a, b *modelActor) (send func()) {
	m.sent++
	h := heard{a.ref.PID(), fmt.Sprint("message ", m.sent)}
	if b.alive {
		b.want = append(b.want, h)
	}
	return func() {
		b.ref.Send(func(*doContext) error {
			m.handled.Add(1)
			b.got = append(b.got, h)
			return nil
		})
	}
}

// burst has a send much at once, to many: messages, exit signals that do not kill,
// downs of dead actors to itself, and its own end as the last thing. All must come
// in the order in which it was sent.
func (m *model) burst(a *modelActor) {
	var steps []func(ctx *doContext)
	for range 30 {
		b := m.any()
		switch op := m.rand.IntN(10); {
		case op < 6:
			send := m.message(a, b)
			steps = append(steps, func(*doContext) { send() })
		case op < 9:
			reason := []error{actor.Normal, actor.Shutdown, actor.Killed, errBoom}[m.rand.IntN(4)]
			if a == b || b.alive && (b.parent == a || !b.trap && reason != actor.Normal) {
				break // it would die in the middle, nobody can say when
			}
			m.signal(b, a, reason, false)
			steps = append(steps, func(ctx *doContext) { ctx.Exit(b.ref.PID(), reason) })
		case !b.alive:
			a.want = append(a.want, heard{b.ref.PID(), fmt.Sprint("down ", actor.NoProc)})
			steps = append(steps, func(ctx *doContext) { ctx.Monitor(b.ref.PID()) })
		}
	}
	var end error
	if m.rand.IntN(3) == 0 {
		end = m.reason()
		m.die(a, end)
	}
	m.latest = fmt.Sprintf("%v: a burst, and then %v", a, end)
	a.ref.Send(func(ctx *doContext) error {
		for _, step := range steps {
			step(ctx)
		}
		return end
	})
}

// check compares the actors with the model.
func (m *model) check() {
	alive := 0
	for _, a := range m.all {
		if err := a.ref.PID().Err(); err != a.reason {
			m.t.Errorf("%v ended with %v, want %v", a, err, a.reason)
		}
		if !a.alive {
			continue
		}
		alive++
		if got, want := bySender(a.got), bySender(a.want); !slices.Equal(got, want) {
			m.t.Errorf("%v was told %v\nwant %v", a, got, want)
		}
		a.got, a.want = nil, nil
		info, ok := a.ref.PID().Info()
		if !ok || len(info.Links) != len(a.links) || len(info.Monitors) != len(a.monitors) {
			m.t.Errorf("%v has links %v and monitors %v, want %v and %v", a, info.Links, info.Monitors, a.links, a.monitors)
		}
		if n := m.watchers(a); len(info.MonitoredBy) != n { // those of dead watchers are gone: MON-10
			m.t.Errorf("%v is monitored by %v, want %d", a, info.MonitoredBy, n)
		}
		for _, peer := range info.Links {
			if !a.links[m.byPID[peer]] {
				m.t.Errorf("%v has a stale link to %v", a, peer)
			}
		}
	}
	if n := m.sys.Count(); n != alive {
		m.t.Errorf("%d actors, want %d", n, alive)
	}
	// Whoever is alive has got all, as was checked. A lethal signal may or may not
	// overtake what was sent before it.
	if handled, lost := m.handled.Load(), m.sys.DeadLetters(); int(handled)+int(lost) != m.sent {
		m.t.Errorf("%d messages sent, but %d handled and %d dead letters", m.sent, handled, lost)
	}
}

// watchers returns how many monitors living actors have on a.
func (m *model) watchers(a *modelActor) (n int) {
	for _, w := range m.all {
		if w.alive {
			for _, target := range w.monitors {
				if target == a {
					n++
				}
			}
		}
	}
	return n
}

// All rules of links, monitors, exits and messages together: random steps must do
// what the model says, and in the order that it says.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) {
				m := &model{t: t, sys: sys, rand: rand.New(rand.NewPCG(seed, 0)), byPID: map[actor.PID]*modelActor{}}
				for i := range 400 {
					m.step()
					synctest.Wait()
					m.check()
					if t.Failed() {
						t.Fatalf("after step %d: %s", i, m.latest)
					}
				}
				t.Logf("%d actors, %d messages, %d of them handled", len(m.all), m.sent, m.handled.Load())
				for _, a := range m.all {
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
