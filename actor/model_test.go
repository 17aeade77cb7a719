package actor_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	lost   uint64 // dead letters
	latest string // what the last step did
}

type modelActor struct {
	ref      actor.Ref[do]
	parent   *modelActor
	alive    bool
	trap     bool
	reason   error
	links    map[*modelActor]bool
	monitors map[actor.Monitor]*modelActor
	got      []string // touched by the actor, read when all is quiet
	want     []string
}

func (a *modelActor) String() string { return a.ref.String() }

// script is the actor's behavior: it writes down what it is told.
func (a *modelActor) script() *script {
	return &script{
		exit: func(_ *doContext, e actor.Exit) error {
			a.got = append(a.got, fmt.Sprintf("exit %v %v", e.From, e.Reason))
			return nil
		},
		down: func(_ *doContext, d actor.Down) error {
			a.got = append(a.got, fmt.Sprintf("down %v %v", d.PID, d.Reason))
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
		to.want = append(to.want, fmt.Sprintf("exit %v %v", sender, reason))
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
				w.want = append(w.want, fmt.Sprintf("down %v %v", a, reason))
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
	if alive < 12 {
		m.latest = "spawn"
		m.add(nil, func(b func() actor.Behavior[do]) (actor.Ref[do], error) { return actor.Spawn(m.sys, b) })
		return
	}
	a := m.living()
	b := m.all[max(0, len(m.all)-30)+m.rand.IntN(min(30, len(m.all)))] // may be dead, may be a
	act := func(what string, f func(ctx *doContext)) {
		m.latest = fmt.Sprintf("%v: %s (%v, alive: %v, same: %v)", a, what, b, b.alive, a == b)
		in(m.t, a.ref, f)
	}
	switch op := m.rand.IntN(22); {
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
		m.sent++
		n := m.sent
		act("send", func(*doContext) {
			b.ref.Send(func(*doContext) error { b.got = append(b.got, fmt.Sprint("message ", n)); return nil })
		})
		if b.alive {
			b.want = append(b.want, fmt.Sprint("message ", n))
		} else {
			m.lost++
		}
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
			a.want = append(a.want, fmt.Sprintf("down %v %v", b, actor.NoProc))
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
	default:
		reason := m.reason()
		m.latest = fmt.Sprintf("%v ends with %v", a, reason)
		a.ref.Send(returning(reason))
		m.die(a, reason)
	}
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
		slices.Sort(a.got) // one cause has many effects, in no order
		slices.Sort(a.want)
		if !slices.Equal(a.got, a.want) {
			m.t.Errorf("%v was told %q, want %q", a, a.got, a.want)
		}
		a.got, a.want = nil, nil
		info, ok := a.ref.PID().Info()
		if !ok || len(info.Links) != len(a.links) || len(info.Monitors) != len(a.monitors) {
			m.t.Errorf("%v has links %v and monitors %v, want %v and %v", a, info.Links, info.Monitors, a.links, a.monitors)
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
	if n := m.sys.DeadLetters(); n != m.lost {
		m.t.Errorf("%d dead letters, want %d", n, m.lost)
	}
}

// All rules of links, monitors, exits and messages together: random steps must do
// what the model says.
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
			})
		})
	}
}

// The same things done by all actors at once. What happens cannot be told, but
// some of it always holds: each pair's messages come in order, each is handled or
// a dead letter, a monitor fires once if its target is dead and never otherwise,
// linked actors share a lethal fate, and nothing is left over.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			bubble(t, func(t *testing.T, sys *actor.System) { chaos(t, sys, seed) })
		})
	}
}

type chaosActor struct {
	ref      actor.Ref[do]
	rand     *rand.Rand
	sent     []int                       // to each
	last     []int                       // from each: the last number handled
	handled  int                         // messages
	monitors map[actor.Monitor]actor.PID // not taken down
	downs    map[actor.Monitor]int
}

func chaos(t *testing.T, sys *actor.System, seed uint64) {
	const n, turns = 40, 60
	all := make([]*chaosActor, n)
	for i := range all {
		a := &chaosActor{
			rand: rand.New(rand.NewPCG(seed, uint64(i))), sent: make([]int, n), last: make([]int, n),
			monitors: map[actor.Monitor]actor.PID{}, downs: map[actor.Monitor]int{},
		}
		a.ref = start(t, sys, &script{down: func(_ *doContext, d actor.Down) error {
			a.downs[d.Monitor]++
			if d.PID != a.monitors[d.Monitor] {
				t.Errorf("a down of %v from a monitor that is gone or another's", d.PID)
			}
			return nil
		}})
		all[i] = a
	}
	for i, a := range all {
		turn := 0
		var play do
		play = func(ctx *doContext) error {
			a.handled++
			for range 10 {
				k := a.rand.IntN(n)
				b := all[k]
				switch op := a.rand.IntN(100); {
				case op < 60:
					a.sent[k]++
					number := a.sent[k]
					b.ref.Send(func(*doContext) error {
						b.handled++
						if number <= b.last[i] {
							t.Errorf("message %d from %d after %d", number, i, b.last[i])
						}
						b.last[i] = number
						return nil
					})
				case op < 70:
					ctx.Link(b.ref.PID()) // the dead are found soon enough
				case op < 80:
					ctx.Unlink(b.ref.PID())
				case op < 88:
					if b != a {
						a.monitors[ctx.Monitor(b.ref.PID())] = b.ref.PID()
					}
				case op < 93:
					for m := range a.monitors {
						ctx.Demonitor(m)
						if a.downs[m] == 0 {
							delete(a.monitors, m)
						}
						break
					}
				case op < 98:
					ctx.TrapExit(a.rand.IntN(8) > 0)
				default:
					if a.rand.IntN(6) == 0 {
						ctx.Exit(b.ref.PID(), errBoom)
					}
				}
			}
			if a.rand.IntN(400) == 0 {
				return errBoom
			}
			if turn++; turn < turns {
				a.sent[i]++ // so that it counts
				ctx.Self().Send(play)
			}
			return nil
		}
		a.ref.Send(play)
	}
	synctest.Wait()

	sent, handled, alive := n, 0, 0
	for _, a := range all {
		for _, s := range a.sent {
			sent += s
		}
		handled += a.handled
		if !a.ref.PID().Alive() {
			continue
		}
		alive++
		for m, target := range a.monitors {
			want := 1
			if p := slices.IndexFunc(all, func(b *chaosActor) bool { return b.ref.PID() == target }); all[p].ref.PID().Alive() {
				want = 0
			}
			if a.downs[m] != want {
				t.Errorf("a monitor on %v fired %d times, want %d", target, a.downs[m], want)
			}
		}
		info, _ := a.ref.PID().Info()
		for _, peer := range info.Links {
			if !peer.Alive() {
				t.Errorf("%v has a link to %v, which is dead", a.ref, peer)
			} else if other, _ := peer.Info(); !slices.Contains(other.Links, a.ref.PID()) {
				t.Errorf("%v has a link to %v, which has none back", a.ref, peer)
			}
		}
	}
	if lost := int(sys.DeadLetters()); handled+lost != sent {
		t.Errorf("%d sent, but %d handled and %d lost", sent, handled, lost)
	}
	if c := sys.Count(); c != alive {
		t.Errorf("%d actors, want %d", c, alive)
	}
	t.Logf("%d of %d alive, %d messages handled", alive, n, handled)
}
