package actor_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
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

var (
	modelSeed   = flag.Uint64("model.seed", 1, "first seed of the model test and of the chaos test")
	modelRounds = flag.Int("model.rounds", 0, "rounds of the model test, each with a seed of its own; 0 for 200, or 2000 with TROUPE_LONG=1")
)

// model is what the rules say about a set of actors. A step does one thing to the
// actors and to the model and waits until all is quiet; then the two must agree.
//
// What goes wrong goes wrong in one place at a time, and for a known reason, or the
// rules would allow several outcomes. TestChaos has it all at once.
type model struct {
	t      *testing.T
	sys    *actor.System
	rand   *rand.Rand
	size   int // so many actors live at least
	all    []*modelActor
	byPID  map[actor.PID]*modelActor
	names  map[string]*modelActor // the holder of each name that has ever been used
	sent   int
	latest string // what the last step did

	handled atomic.Int64 // messages
	exits   *exitLog     // nil: nobody observes the system
}

type modelActor struct {
	m        *model
	ref      actor.Ref[do]
	parent   *modelActor
	name     string
	alive    bool
	trap     bool
	bound    *end // it is doomed, whatever comes now
	end      end
	links    map[*modelActor]bool
	monitors map[actor.Monitor]*modelActor
	got      []heard // touched by the actor, read when all is quiet
	want     []heard

	// What the actor's handlers do the next time; nil does nothing.
	onExit, onDown, onIdle func() error
	onTerminate            func()
}

// exitLog is the ends that the system has told of.
type exitLog struct {
	mu   sync.Mutex
	ends map[actor.PID][]end
}

func (l *exitLog) observe(e actor.Event) {
	if e, ok := e.(actor.Exited); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.ends[e.PID] = append(l.ends[e.PID], endOf(e.Reason, e.Crashed()))
	}
}

// heard is something that came to an actor: a message, an exit or a down.
type heard struct {
	from actor.PID
	what string
}

// bySender sorts what was heard by its sender. Things from one sender keep their
// order, which is all that is promised (SIG-2).
func bySender(list []heard) []heard {
	slices.SortStableFunc(list, func(a, b heard) int { return cmp.Compare(a.from.String(), b.from.String()) })
	return list
}

func (a *modelActor) String() string { return a.ref.String() }

// modelBehavior is an actor of the model as it sees itself: it writes down what it is
// told.
type modelBehavior struct{ *modelActor }

func (b modelBehavior) Receive(ctx *doContext, m do) error { return m(ctx) }

func (b modelBehavior) HandleExit(_ *doContext, e actor.Exit) error {
	if actor.IsClean(e.Reason) == e.Crashed() {
		b.m.t.Errorf("%v: exit %v: is clean and has crashed", b, e.Reason)
	}
	b.got = append(b.got, heard{e.From, fmt.Sprint("exit ", endOf(e.Reason, e.Crashed()))})
	return once(&b.onExit)
}

func (b modelBehavior) HandleDown(_ *doContext, d actor.Down) error {
	if holder, taken := b.m.sys.WhereIs(d.PID.Name()); taken && holder == d.PID {
		b.m.t.Errorf("%v hears of the end of %v, which still has its name", b, d.PID)
	}
	b.got = append(b.got, heard{d.PID, fmt.Sprint("down ", endOf(d.Reason, d.Crashed()))})
	return once(&b.onDown)
}

func (b modelBehavior) HandleIdle(ctx *doContext) error { return once(&b.onIdle) }

func (b modelBehavior) Terminate(*doContext, error) {
	if b.onTerminate != nil {
		b.onTerminate()
	}
}

// once calls *f, if there is one, and forgets it.
func once(f *func() error) error {
	g := *f
	*f = nil
	if g == nil {
		return nil
	}
	return g()
}

// modelInit is a modelBehavior with an Init.
type modelInit struct {
	modelBehavior
	init func(ctx *doContext) error
}

func (b modelInit) Init(ctx *doContext) error { return b.init(ctx) }

// newActor returns an actor that is about to be spawned.
func (m *model) newActor(parent *modelActor) *modelActor {
	return &modelActor{m: m, parent: parent, links: map[*modelActor]bool{}, monitors: map[actor.Monitor]*modelActor{}}
}

// enter puts an actor that has been spawned into the model.
func (m *model) enter(a *modelActor, ref actor.Ref[do]) {
	a.ref, a.alive = ref, true
	m.all = append(m.all, a)
	m.byPID[ref.PID()] = a
	if a.name != "" {
		m.names[a.name] = a
	}
}

// add spawns an actor by the given function.
func (m *model) add(parent *modelActor, spawn func(b func() actor.Behavior[do]) (actor.Ref[do], error)) *modelActor {
	a := m.newActor(parent)
	ref, err := spawn(behave(modelBehavior{a}))
	if err != nil {
		m.t.Errorf("spawn: %v", err)
	}
	m.enter(a, ref)
	return a
}

// spawn adds an actor without ties.
func (m *model) spawn() *modelActor {
	return m.add(nil, func(b func() actor.Behavior[do]) (actor.Ref[do], error) { return actor.Spawn(m.sys, b) })
}

func (m *model) link(a, b *modelActor) { a.links[b], b.links[a] = true, true }

func (m *model) unlink(a, b *modelActor) {
	delete(a.links, b)
	delete(b.links, a)
}

// signal is the exit matrix, EXIT-1 to EXIT-10.
func (m *model) signal(to, from *modelActor, e end, link bool) {
	sender := actor.PID{}
	if from != nil {
		sender = from.ref.PID()
	}
	switch {
	case !to.alive:
	case e == endKill && !link:
		m.die(to, endKilled)
	case to.trap && from != nil && from == to.parent: // GS-42
		m.die(to, e)
	case to.trap:
		to.want = append(to.want, heard{sender, fmt.Sprint("exit ", e)})
	case e != endNormal || from == to:
		m.die(to, e)
	}
}

// die is the end of an actor, and what comes of it: each link and each monitor hears
// of it once.
func (m *model) die(a *modelActor, e end) {
	if !a.alive {
		return
	}
	if a.bound != nil {
		e = *a.bound
	}
	a.alive, a.end = false, e
	if m.names[a.name] == a {
		delete(m.names, a.name)
	}
	for peer := range a.links {
		delete(peer.links, a)
		m.signal(peer, a, e, true)
	}
	clear(a.links)
	for _, w := range m.all {
		for mon, target := range w.monitors {
			if target == a {
				delete(w.monitors, mon)
				w.want = append(w.want, heard{a.ref.PID(), fmt.Sprint("down ", e)})
			}
		}
	}
}

func (m *model) reason() reasonCase { return pick(m.rand, reasons) }

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

func (m *model) chance(n int) bool { return m.rand.IntN(n) == 0 }

// alive returns how many actors live.
func (m *model) alive() (n int) {
	for _, a := range m.all {
		if a.alive {
			n++
		}
	}
	return n
}

// living returns a random living actor, that is not one of the given.
func (m *model) living(except ...*modelActor) *modelActor {
	for {
		if a := pick(m.rand, m.all); a.alive && !slices.Contains(except, a) {
			return a
		}
	}
}

// any returns one of the latest actors, dead or alive.
func (m *model) any() *modelActor {
	return m.all[max(0, len(m.all)-60)+m.rand.IntN(min(60, len(m.all)))]
}

// modelSteps are what can happen to an actor, and how often each does. The other one
// may be dead, and may be the same.
var modelSteps = []struct {
	weight int
	do     func(m *model, a, b *modelActor)
}{
	{2, (*model).stepSpawnLink}, {1, (*model).stepSpawnMonitor},
	{4, (*model).stepSend}, {4, (*model).stepBurst},
	{3, (*model).stepLink}, {2, (*model).stepUnlink},
	{3, (*model).stepMonitor}, {1, (*model).stepDemonitor},
	{2, (*model).stepExit}, {1, (*model).stepExitFromOutside},
	{2, (*model).stepTrap},
	{3, (*model).stepFault}, {2, (*model).stepTerminate}, {2, (*model).stepStop},
	{2, (*model).stepCall}, {3, (*model).stepCallback},
	{2, (*model).stepRelease}, {2, (*model).stepStuckRelease},
	{2, (*model).stepStuck},
	{8, (*model).stepBirth}, {2, (*model).stepNameOfTheDoomed}, {1, (*model).stepRestart},
}

func (m *model) step() {
	if m.alive() < m.size {
		m.latest = "spawn"
		m.spawn()
		return
	}
	n := 0
	for _, s := range modelSteps {
		n += s.weight
	}
	n = m.rand.IntN(n)
	for _, s := range modelSteps {
		if n -= s.weight; n < 0 {
			s.do(m, m.living(), m.any())
			return
		}
	}
}

// did notes what a step does.
func (m *model) did(format string, args ...any) { m.latest = fmt.Sprintf(format, args...) }

// act has a do something, usually to b.
func (m *model) act(a, b *modelActor, what string, f func(ctx *doContext)) {
	m.did("%v: %s (%v, alive: %v, same: %v)", a, what, b, b.alive, a == b)
	in(m.t, a.ref, f)
}

// settled waits until nothing happens without the passing of time.
func (m *model) settled() { synctest.Wait() }

// pass lets time pass.
func (m *model) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (m *model) stepSpawnLink(a, b *modelActor) {
	m.act(a, b, "spawn with a link", func(ctx *doContext) {
		c := m.add(a, func(b func() actor.Behavior[do]) (actor.Ref[do], error) { return actor.SpawnLink(ctx, b) })
		m.link(a, c)
	})
}

func (m *model) stepSpawnMonitor(a, b *modelActor) {
	m.act(a, b, "spawn with a monitor", func(ctx *doContext) {
		var mon actor.Monitor
		c := m.add(nil, func(b func() actor.Behavior[do]) (ref actor.Ref[do], err error) {
			ref, mon, err = actor.SpawnMonitor(ctx, b)
			return ref, err
		})
		a.monitors[mon] = c
	})
}

func (m *model) stepSend(a, b *modelActor) {
	m.act(a, b, "send", func(*doContext) { m.message(a, b)() })
}

func (m *model) stepLink(a, b *modelActor) {
	var err error
	m.act(a, b, "link", func(ctx *doContext) { err = ctx.Link(b.ref.PID()) })
	switch {
	case a == b:
	case b.alive:
		m.link(a, b)
	case a.trap:
		m.signal(a, b, endNoProc, true)
	default:
		if !errors.Is(err, actor.NoProc) {
			m.t.Errorf("link to the dead: %v", err)
		}
		err = nil
	}
	if err != nil {
		m.t.Errorf("link: %v", err)
	}
}

func (m *model) stepUnlink(a, b *modelActor) {
	m.act(a, b, "unlink", func(ctx *doContext) { ctx.Unlink(b.ref.PID()) })
	m.unlink(a, b)
}

func (m *model) stepMonitor(a, b *modelActor) {
	var mon actor.Monitor
	m.act(a, b, "monitor", func(ctx *doContext) { mon = ctx.Monitor(b.ref.PID()) })
	switch {
	case a == b:
	case b.alive:
		a.monitors[mon] = b
	default:
		a.want = append(a.want, heard{b.ref.PID(), fmt.Sprint("down ", endNoProc)})
	}
}

func (m *model) stepDemonitor(a, b *modelActor) {
	for mon := range a.monitors {
		m.act(a, b, "demonitor", func(ctx *doContext) {
			if !ctx.Demonitor(mon) {
				m.t.Error("the monitor was not up")
			}
		})
		delete(a.monitors, mon)
		return
	}
}

func (m *model) stepExit(a, b *modelActor) {
	r := m.reason()
	m.act(a, b, fmt.Sprint("exit ", r.end), func(ctx *doContext) { ctx.Exit(b.ref.PID(), r.err) })
	m.signal(b, a, r.end, false)
}

func (m *model) stepExitFromOutside(_, b *modelActor) {
	r := m.reason()
	m.did("exit %v %v from outside", b, r.end)
	b.ref.PID().Exit(r.err)
	m.signal(b, nil, r.end, false)
}

func (m *model) stepTrap(a, b *modelActor) {
	a.trap = !m.chance(3)
	m.act(a, b, fmt.Sprint("trap ", a.trap), func(ctx *doContext) { ctx.TrapExit(a.trap) })
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

// stepBurst has a send much at once, to many: messages, exit signals that do not kill,
// downs of dead actors to itself, and its own end as the last thing. All must come
// in the order in which it was sent.
func (m *model) stepBurst(a, _ *modelActor) {
	var steps []func(ctx *doContext)
	for range 30 {
		b := m.any()
		switch op := m.rand.IntN(10); {
		case op < 6:
			send := m.message(a, b)
			steps = append(steps, func(*doContext) { send() })
		case op < 9:
			r := m.reason()
			if r.end == endKill || a == b || b.alive && (b.parent == a || !b.trap && r.end != endNormal) {
				break // it would die in the middle, at a moment that cannot be foreseen
			}
			m.signal(b, a, r.end, false)
			steps = append(steps, func(ctx *doContext) { ctx.Exit(b.ref.PID(), r.err) })
		case !b.alive:
			a.want = append(a.want, heard{b.ref.PID(), fmt.Sprint("down ", endNoProc)})
			steps = append(steps, func(ctx *doContext) { ctx.Monitor(b.ref.PID()) })
		}
	}
	f := fault{"nothing", func() error { return nil }, false, end{}}
	if m.chance(3) {
		f = pick(m.rand, faults)
		m.die(a, f.end)
	}
	m.did("%v: a burst, and then %s", a, f.name)
	a.ref.Send(func(ctx *doContext) error {
		for _, step := range steps {
			step(ctx)
		}
		return f.fail()
	})
}

// check compares the actors with the model.
func (m *model) check() {
	for _, a := range m.all {
		if a.alive {
			m.checkLiving(a)
		} else {
			m.checkDead(a)
		}
		a.got, a.want = nil, nil
	}
	for name, a := range m.names {
		if pid, taken := m.sys.WhereIs(name); !taken || pid != a.ref.PID() {
			m.t.Errorf("%s is %v, want %v", name, pid, a)
		}
	}
	if n, want := m.sys.Count(), m.alive(); n != want {
		m.t.Errorf("%d actors, want %d", n, want)
	}
	m.checkStuck()
	// Those that are alive have got all, as was checked. A lethal signal may or may not
	// overtake what was sent before it.
	if handled, lost := m.handled.Load(), m.sys.DeadLetters(); int(handled)+int(lost) != m.sent {
		m.t.Errorf("%d messages sent, but %d handled and %d dead letters", m.sent, handled, lost)
	}
}

func (m *model) checkLiving(a *modelActor) {
	if err := a.ref.PID().Err(); err != nil {
		m.t.Errorf("%v ended with %v", a, err)
		return
	}
	if got, want := bySender(a.got), bySender(a.want); !slices.Equal(got, want) {
		m.t.Errorf("%v was told %v\nwant %v", a, got, want)
	}
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

func (m *model) checkDead(a *modelActor) {
	pid := a.ref.PID()
	if err := pid.Err(); err == nil || endOf(err, pid.Crashed()) != a.end {
		m.t.Errorf("%v ended with %v, want %v", a, err, a.end)
	}
	select {
	case <-pid.Done():
	default:
		m.t.Errorf("%v has ended, but is not done", a)
	}
	if holder, taken := m.sys.WhereIs(a.name); taken && holder == pid {
		m.t.Errorf("%v has ended, but still has its name", a)
	}
	if m.exits != nil {
		m.exits.mu.Lock()
		defer m.exits.mu.Unlock()
		if got := m.exits.ends[pid]; !slices.Equal(got, []end{a.end}) {
			m.t.Errorf("%v: the system told of the ends %v, want %v", a, got, a.end)
		}
	}
}

// checkStuck compares the stuck actors with those given.
func (m *model) checkStuck(want ...*modelActor) {
	var pids []actor.PID
	for _, a := range want {
		pids = append(pids, a.ref.PID())
	}
	if got := m.sys.Stuck(); !slices.Equal(got, pids) {
		m.t.Errorf("%v are stuck, want %v", got, want)
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

// All rules of links, monitors, exits, messages, spawns and names together, with faults
// at every step: random steps must do what the model says, and in the order that it
// says. To repeat a failure give its seed: -run 'TestModel$' -model.seed=7 -model.rounds=1.
func TestModel(t *testing.T) {
	for i := range cmp.Or(*modelRounds, long.Rounds(100, 2000)) {
		seed := *modelSeed + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("replay with -run 'TestModel$' -model.seed=%d -model.rounds=1", seed)
				}
			}()
			newModel(t, seed).run(seed)
		})
	}
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, rand: rand.New(rand.NewPCG(seed, 0)),
		byPID: map[actor.PID]*modelActor{}, names: map[string]*modelActor{},
	}
	var log slog.Handler = slog.DiscardHandler
	if m.chance(2) {
		log = &failingLog{}
	}
	m.sys = actor.NewSystem(actor.Config{Logger: slog.New(log)})
	if m.chance(2) {
		m.exits = &exitLog{ends: map[actor.PID][]end{}}
		m.sys.Observe(m.exits.observe)
	}
	return m
}

// run goes some steps. Most runs are short: the more of them, the more beginnings.
func (m *model) run(seed uint64) {
	steps := 20
	m.size = 3 + m.rand.IntN(8)
	if seed%100 == 0 {
		steps, m.size = 400, 36
	}
	for i := range steps {
		m.step()
		m.settled()
		m.check()
		if m.t.Failed() {
			m.t.Errorf("after step %d: %s", i, m.latest)
			break
		}
	}
	m.finish()
	m.settled()
	if n := m.sys.Count(); n != 0 {
		m.t.Errorf("%d actors are left over: %v", n, m.sys.Actors())
	}
}

// finish ends all actors.
func (m *model) finish() {
	if m.t.Failed() || m.chance(2) {
		for _, a := range m.all {
			a.ref.PID().Exit(actor.Kill)
		}
		return
	}
	// Those that are told to end, and those that are linked to them, are refused
	// whatever they spawn, and are not struck by that.
	for _, a := range m.all {
		if !a.alive {
			continue
		}
		in(m.t, a.ref, func(ctx *doContext) {
			a.onTerminate = func() {
				for kind, spawn := range spawnKinds {
					if _, err := spawn(ctx, behave(&script{}), actor.Name(fmt.Sprint(a, kind))); !errors.Is(err, actor.ErrClosed) {
						m.t.Errorf("%v: %s while the system shuts down: %v", a, kind, err)
					}
				}
			}
		})
	}
	if err := m.sys.Shutdown(context.Background()); err != nil {
		m.t.Errorf("shutdown: %v", err)
	}
	m.settled()
	for _, a := range m.all {
		if a.alive {
			a.alive, a.end = false, endShutdown
			m.checkDead(a)
		}
	}
}

// failingLog is a log handler that fails at every second record, in all ways.
type failingLog struct{ n atomic.Int64 }

func (l *failingLog) Enabled(context.Context, slog.Level) bool { return true }
func (l *failingLog) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *failingLog) WithGroup(string) slog.Handler            { return l }
func (l *failingLog) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool { _ = a.Value.String(); return true })
	if n := int(l.n.Add(1)); n%2 == 0 {
		return thrown[n/2%len(thrown)].fail()
	}
	return nil
}
