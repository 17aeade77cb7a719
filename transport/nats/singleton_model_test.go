package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/supervisor"
)

// GLB-1, GLB-2: whatever becomes of the nodes, their way to NATS and the bucket, never two
// singletons may act; one has the state of the one before it, or none; no loss of a name is a
// restart; and when all is well again, one begins within a lease and a second, and takes over from
// there as fast as the doc comment of [Singleton] says.
func TestModelOneSingletonThatAlwaysComesBack(t *testing.T) {
	rounds := long.Rounds(60, 600)
	if long.Race { // with which a schedule costs seven times as much
		rounds = 20
	}
	handed, gone := 0, 0
	schedules(t, rounds, func(t *testing.T, seed uint64) {
		m := newTroupe(t, seed)
		m.run()
		handed += m.handed
		gone++
	})
	if handed == 0 && gone > 1 { // there is one in most schedules
		t.Errorf("no state was handed off in %d schedules", gone)
	}
}

// troupe is a cluster with a singleton, and what is known of it.
type troupe struct {
	t      *testing.T
	seed   uint64
	rand   *rand.Rand
	server *simServer
	leases []time.Duration
	nodes  []*troupeNode
	all    []*troupeNode // those that have ended as well
	ending sync.WaitGroup

	mu       sync.Mutex
	begun    []*performance // the last is the last that has begun
	handed   int            // states
	crashes  int            // of singletons
	restarts int
	news     chan struct{} // closed when one has begun
}

// performance is a singleton that has begun.
type performance struct {
	*Tenure
	node *troupeNode
	pid  actor.PID
}

// troupeNode is a node that has the singleton in its tree.
type troupeNode struct {
	*simNode
	sys *actor.System
	sup supervisor.Tree
}

// left is the state of a singleton: whose it is.
type left struct{ Token uint64 }

func newTroupe(t *testing.T, seed uint64) *troupe {
	m := &troupe{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), server: new(simServer),
		leases: []time.Duration{time.Second}, news: make(chan struct{}),
	}
	if m.rand.IntN(3) == 0 { // a rolling change of the lease
		m.leases = append(m.leases, 2*time.Second)
	}
	return m
}

// start starts a node, whose clock differs from the others' by less than a lease.
func (m *troupe) start() *troupeNode {
	lease := m.leases[m.rand.IntN(len(m.leases))]
	skew := upTo(m.rand, 900*time.Millisecond) - 450*time.Millisecond
	n := &troupeNode{sys: actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})}
	n.simNode = newSimNode(m.server, fmt.Sprint("node ", len(m.all)), m.seed, n.sys, lease, skew)
	if len(m.all)%2 == 0 { // as without NamesConfig.Lost
		n.leases.lost = func(h *holding) { h.pid.Exit(h.Err()) }
	}
	m.mu.Lock()
	m.nodes, m.all = append(m.nodes, n), append(m.all, n)
	m.mu.Unlock()
	n.sys.Observe(func(e actor.Event) {
		if _, ok := e.(supervisor.Restarted); ok {
			m.mu.Lock()
			m.restarts++
			m.mu.Unlock()
		}
	})
	s := Singleton[string, left]{Name: "boss"}
	s.New = func(tenure *Tenure, handed *left) actor.Behavior[string] {
		return &performer{m: m, node: n, tenure: tenure, handed: handed}
	}
	o := &simOffice{simNode: n.simNode} // over restarts: no two registrations have one ID
	child := s.child(func() (office[string], error) { return o, nil })
	var err error
	n.sup, err = supervisor.Start(n.sys, supervisor.Spec{Intensity: 1000, Children: []supervisor.Child{child}})
	if err != nil && n.alive() { // it may have been killed while it started
		m.t.Fatal(err)
	}
	return n
}

// performer is the singleton.
type performer struct {
	m      *troupe
	node   *troupeNode
	tenure *Tenure
	handed *left
}

func (p *performer) Init(ctx *actor.Context[string]) error {
	ctx.TrapExit(true)
	p.m.begin(&performance{p.tenure, p.node, ctx.PID()}, p.handed)
	return nil
}

func (p *performer) Receive(*actor.Context[string], string) error { return nil }

func (p *performer) HandOff() (left, error) { return left{p.tenure.Token()}, nil }

// begin takes note of a singleton, and looks at what it was handed.
func (m *troupe) begin(p *performance, handed *left) {
	m.mu.Lock()
	if handed != nil {
		m.handed++
		if last := m.begun[len(m.begun)-1].Token(); handed.Token != last {
			m.t.Errorf("the state of token %d was handed to %d, after %d", handed.Token, p.Token(), last)
		}
	}
	m.begun = append(m.begun, p)
	close(m.news)
	m.news = make(chan struct{})
	m.mu.Unlock()
	m.check()
}

// check sees that at most one may act.
func (m *troupe) check() (acts *performance) {
	m.mu.Lock()
	defer m.mu.Unlock()
	highest := uint64(0)
	for _, p := range m.begun {
		if p.Token() <= highest {
			m.t.Errorf("token %d after %d", p.Token(), highest)
		}
		highest = p.Token()
		if !p.node.acts() || !p.Valid() {
			continue
		}
		if acts != nil {
			m.t.Errorf("there are two: of %s, with token %d, and %s, with token %d",
				acts.node.name, acts.Token(), p.node.name, p.Token())
		}
		acts = p
	}
	return acts
}

func (m *troupe) run() {
	for range 2 + m.rand.IntN(2) {
		m.start()
	}
	for range 30 {
		time.Sleep(upTo(m.rand, 600*time.Millisecond))
		m.step()
		m.check()
	}
	m.heal()
	if !m.t.Failed() {
		m.succeed("SIGTERM", (*troupeNode).terminate, func(*troupeNode) time.Duration { return 100 * time.Millisecond })
		m.succeed("kill -9", (*troupeNode).crash, func(n *troupeNode) time.Duration { return n.leases.term + time.Second })
	}
	m.finish()
}

// succeed has the node of the one that acts end, while the server can be reached from all, as in
// one data centre. Another one acts in time, with the state if there is time to hand it off.
func (m *troupe) succeed(how string, end func(*troupeNode), limit func(*troupeNode) time.Duration) {
	m.server.near(2 * time.Millisecond)
	m.start()
	time.Sleep(time.Second + upTo(m.rand, time.Second)) // until it stands by
	former := m.check()
	if former == nil {
		m.t.Errorf("nobody acts before %s", how)
		return
	}
	m.nodes = slices.DeleteFunc(m.nodes, func(n *troupeNode) bool { return n == former.node })
	began, most, handed := time.Now(), limit(former.node), m.handed
	m.ending.Go(func() { end(former.node) })
	for { // SIGTERM has the former one act until it has handed off
		next := m.await(most - time.Since(began))
		if next == nil {
			m.t.Errorf("nobody acts %v after %s", most, how)
			return
		}
		if next != former {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if took := time.Since(began); took > most {
		m.t.Errorf("the next one acts %v after %s, want at most %v", took, how, most)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if got := m.handed > handed; got != (how == "SIGTERM") {
		m.t.Errorf("a state was handed off by %s: %v", how, got)
	}
}

// finish ends all nodes.
func (m *troupe) finish() {
	for _, n := range m.nodes {
		m.ending.Go(n.terminate)
	}
	m.ending.Wait()
	time.Sleep(time.Minute) // all that is on its way has come
	if m.restarts > m.crashes {
		m.t.Errorf("%d restarts, and %d crashes", m.restarts, m.crashes)
	}
}

func (m *troupe) step() {
	n := m.nodes[m.rand.IntN(len(m.nodes))]
	if p := m.check(); p != nil && slices.Contains(m.nodes, p.node) && m.rand.IntN(2) == 0 { // the one that it matters for
		n = p.node
	}
	end := func(how func()) {
		m.ending.Go(how)
		m.nodes = slices.DeleteFunc(m.nodes, func(other *troupeNode) bool { return other == n })
		m.start()
	}
	switch k := m.rand.IntN(100); {
	case k < 10:
		n.set(&n.cut, upTo(m.rand, 3*time.Second))
	case k < 20:
		n.set(&n.stalled, upTo(m.rand, 3*time.Second))
	case k < 35:
		n.set(&n.paused, upTo(m.rand, 4*time.Second))
	case k < 45:
		m.server.lose(m.rand.IntN(len(losses)))
	case k < 55:
		end(n.crash)
	case k < 85:
		end(n.terminate)
	default:
		if p := m.check(); p != nil {
			m.mu.Lock()
			m.crashes++
			m.mu.Unlock()
			p.pid.Exit(actor.Kill)
		}
	}
}

// crash ends a node as kill -9 does: nothing of it reaches the server any more.
func (n *troupeNode) crash() {
	n.kill()
	n.shutdown()
}

// terminate ends a node as SIGTERM does.
func (n *troupeNode) terminate() {
	if n.alive() { // or it may have no supervisor
		_ = n.sup.PID().Stop(context.Background(), actor.Shutdown)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	_ = n.leases.close(ctx, func(*holding) {})
	cancel()
	n.crash()
}

func (n *troupeNode) shutdown() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.sys.Shutdown(ctx)
}

// heal ends all that is wrong; there must be one in time, which goes on.
func (m *troupe) heal() {
	for _, n := range m.all {
		n.heal()
	}
	began := time.Now()
	limit := m.leases[len(m.leases)-1] + time.Second
	acts := m.await(limit)
	if acts == nil {
		m.t.Errorf("nobody acts %v after all is well", limit)
		return
	}
	time.Sleep(limit) // those that are late have ended
	if acts = m.check(); acts == nil {
		m.t.Errorf("nobody acts %v after all is well", time.Since(began))
		return
	}
	time.Sleep(5 * time.Second)
	if later := m.check(); later != acts {
		m.t.Errorf("the singleton has changed, though all is well: %v", acts.Err())
	}
}

// await waits until one acts.
func (m *troupe) await(limit time.Duration) *performance {
	late := time.After(limit)
	for {
		m.mu.Lock()
		news := m.news
		m.mu.Unlock()
		if p := m.check(); p != nil {
			return p
		}
		select {
		case <-news:
		case <-time.After(20 * time.Millisecond): // a tenure that is valid again
		case <-late:
			return nil
		}
	}
}

// simOffice is what names are to a singleton of a [simNode].
type simOffice struct {
	*simNode
	number atomic.Int64 // of registrations there have been
}

func (o *simOffice) register(ctx context.Context, name string, ref actor.Ref[string]) (*Tenure, error) {
	h, err := o.leases.newHolding(name, ref.PID(), o.name, fmt.Sprint(o.name, " ", o.number.Add(1)))
	if err != nil {
		return nil, err
	}
	if err := o.leases.add(h); err != nil {
		if errors.Is(err, errHeld) {
			return nil, &TakenError{name, o.name}
		}
		return nil, err
	}
	holder, err := h.take(ctx)
	switch {
	case err != nil:
		return nil, err
	case holder != nil:
		return nil, &TakenError{name, holder.Node}
	}
	return h.Tenure, nil
}

// await is that of [namesOffice].
func (o *simOffice) await(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, o.leases.term)
	defer cancel()
	holder, err := o.leases.lookup(ctx, name)
	if errors.Is(err, actor.NoProc) {
		return nil
	}
	if err != nil {
		return err
	}
	down := make(chan error, 1)
	w := newSimWatch(o.simNode, name, holder.ID, func(reason error) { down <- reason })
	defer w.stop()
	if err := o.leases.watch(ctx, w.watch); err != nil {
		return err
	}
	select {
	case <-down:
	case <-ctx.Done():
	}
	return nil
}

func (o *simOffice) common() *leases { return o.leases }
