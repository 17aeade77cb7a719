package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
)

// GLB-1, GLB-2, GO-28: whatever becomes of the nodes, their way to NATS and the bucket, never two
// actors may act by one name; tokens grow; and when all is well again, a name can be had after
// a lease. A monitor fires once, not before its actor has stopped unless it says that it does
// not know, and with the right reason; a look-up is not old.
func TestModelNeverTwoTenuresAtOnce(t *testing.T) {
	n := long.Rounds(200, 10_000)
	if long.Race { // with which a schedule costs seven times as much
		n = 200
	}
	schedules(t, n, func(t *testing.T, seed uint64) { newModel(t, seed).run() })
}

// model is one schedule of what can happen, by a seed.
type model struct {
	t      *testing.T
	seed   uint64
	rand   *rand.Rand
	server *simServer
	sys    *actor.System
	leases []time.Duration
	nodes  []*simNode
	all    []*simNode      // those that were killed as well: they may have sent something
	number int             // of nodes and registrations there have been
	asking sync.WaitGroup  // those that register
	giveUp context.Context // done when they must not any more
	hurry  context.CancelFunc
	ending sync.WaitGroup

	mu      sync.Mutex
	tenures []*simTenure
	watches []*simWatch
	fences  map[string]uint64 // the greatest token of each name that something was done with
}

type simTenure struct {
	*holding
	node *simNode
	id   string
}

// simReasons are those with which actors are ended.
var simReasons = []error{actor.Kill, actor.Shutdown, errors.New("out of order")}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), server: new(simServer),
		sys:    actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)}),
		leases: []time.Duration{time.Second}, fences: make(map[string]uint64),
	}
	m.giveUp, m.hurry = context.WithCancel(context.Background())
	if m.rand.IntN(3) == 0 { // a rolling change of the lease
		m.leases = append(m.leases, 2*time.Second)
	}
	for range 2 + m.rand.IntN(2) {
		m.start()
	}
	return m
}

// start starts a node, whose clock differs from the others' by less than a lease.
func (m *model) start() {
	m.number++
	lease := m.leases[m.rand.IntN(len(m.leases))]
	skew := upTo(m.rand, 900*time.Millisecond) - 450*time.Millisecond
	n := newSimNode(m.server, fmt.Sprint("node ", m.number), m.seed, m.sys, lease, skew)
	// The package's comment demands that one that knows the longest lease is there when a bucket
	// is made again. Here all know it, since any of them may be alone.
	n.leases.epochs.mu.Lock()
	n.leases.longest = m.leases[len(m.leases)-1]
	n.leases.epochs.mu.Unlock()
	m.nodes, m.all = append(m.nodes, n), append(m.all, n)
}

func (m *model) run() {
	for range 40 {
		time.Sleep(upTo(m.rand, 300*time.Millisecond))
		m.step()
		m.check()
	}
	m.heal()
	for _, n := range m.nodes {
		m.end(n)
	}
	m.ending.Wait()
	if err := m.sys.Shutdown(context.Background()); err != nil {
		m.t.Error(err)
	}
	time.Sleep(time.Minute) // all that is on its way has come
}

func (m *model) end(n *simNode) { m.ending.Go(n.kill) }

func (m *model) step() {
	n := m.nodes[m.rand.IntN(len(m.nodes))]
	switch k := m.rand.IntN(100); {
	case k < 15:
		name := string("xxxy"[m.rand.IntN(4)])
		m.asking.Go(func() { m.lookup(n, name) })
	case k < 30:
		if h := m.someone(); h != nil {
			m.asking.Go(func() { m.monitor(n, h) })
		}
	case k < 55:
		name := string("xxxy"[m.rand.IntN(4)])
		m.number++
		id, patience := fmt.Sprint(m.number), upTo(m.rand, 4*time.Second)
		m.asking.Go(func() { m.register(n, name, id, patience) })
	case k < 62:
		n.set(&n.cut, upTo(m.rand, 3*time.Second))
	case k < 68:
		n.set(&n.stalled, upTo(m.rand, 3*time.Second))
	case k < 77:
		n.set(&n.paused, upTo(m.rand, 4*time.Second))
	case k < 87:
		m.server.lose(m.rand.IntN(len(losses)))
	case k < 93:
		m.end(n)
		m.nodes = slices.DeleteFunc(m.nodes, func(other *simNode) bool { return other == n })
		m.start()
	default:
		if h := m.someone(); h != nil {
			reason := simReasons[m.rand.IntN(len(simReasons))]
			m.ending.Go(func() { h.pid.Exit(reason) })
		}
	}
}

// someone returns an actor that has, or had, a name.
func (m *model) someone() *simTenure {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tenures) == 0 {
		return nil
	}
	return m.tenures[m.rand.IntN(len(m.tenures))]
}

// monitor has a node monitor an actor.
func (m *model) monitor(n *simNode, h *simTenure) {
	ctx, cancel := context.WithTimeout(m.giveUp, time.Second)
	defer cancel()
	w := newSimWatch(n, h.name, h.ID, func(reason error) { m.told(n, h, reason) })
	if n.leases.watch(ctx, w.watch) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watches = append(m.watches, w)
}

// told checks what a monitor is told.
func (m *model) told(n *simNode, h *simTenure, reason error) {
	switch {
	case errors.Is(reason, ErrNoConnection), errors.Is(reason, ErrClosed):
	case h.Valid():
		m.t.Errorf("node %s is told of %s that it is %v, and it has its name", n.name, h.id, reason)
	case reason != actor.NoProc && reason.Error() != h.pid.Err().Error():
		m.t.Errorf("node %s is told of %s that it is %v: it is %v", n.name, h.id, reason, h.pid.Err())
	}
}

// lookup looks a name up.
func (m *model) lookup(n *simNode, name string) {
	ctx, cancel := context.WithTimeout(m.giveUp, time.Second)
	defer cancel()
	o, err := n.leases.lookup(ctx, name)
	if err != nil || !n.acts() {
		return
	}
	m.server.mu.Lock()
	gone, is := m.server.gone[o.ID]
	m.server.mu.Unlock()
	// What is on its way when a wire stalls, comes late.
	late := silentBeats*n.leases.mirror.beat + 200*time.Millisecond
	if age := time.Since(gone); is && age > late && !n.lateSince(gone) {
		m.t.Errorf("node %s has looked up %s, which went %v ago", n.name, o.ID, age)
	}
}

func (m *model) register(n *simNode, name, id string, patience time.Duration) {
	ctx, cancel := context.WithTimeout(m.giveUp, patience)
	defer cancel()
	h, err := n.register(ctx, name, id)
	if err != nil {
		return
	}
	m.mu.Lock()
	m.tenures = append(m.tenures, &simTenure{h, n, id})
	m.mu.Unlock()
	m.check()
}

// check has everybody act that may.
func (m *model) check() {
	m.mu.Lock()
	defer m.mu.Unlock()
	acting := make(map[string]*simTenure)
	kept := m.tenures[:0]
	for _, h := range m.tenures {
		if h.Err() == nil {
			kept = append(kept, h)
		}
		if !h.node.acts() || !h.Valid() {
			continue
		}
		if other := acting[h.name]; other != nil {
			m.t.Errorf("%q has two: %s of %s, with token %d, and %s of %s, with token %d",
				h.name, h.id, h.node.name, h.Token(), other.id, other.node.name, other.Token())
		}
		acting[h.name] = h
		if h.Token() < m.fences[h.name] {
			m.t.Errorf("%q: token %d after %d", h.name, h.Token(), m.fences[h.name])
		}
		m.fences[h.name] = h.Token()
	}
	m.tenures = kept
}

// heal ends all that is wrong, and then all tenures; a name must be free in time.
func (m *model) heal() {
	for _, n := range m.all {
		n.heal()
	}
	m.hurry()
	m.asking.Wait()
	m.mu.Lock()
	list := slices.Clone(m.tenures)
	m.mu.Unlock()
	for _, h := range list {
		h.pid.Exit(actor.Kill)
	}
	defer m.allTold()
	began := time.Now()
	limit := m.leases[len(m.leases)-1] + time.Second
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	for {
		h, err := m.nodes[0].register(ctx, "x", "last")
		if err == nil {
			m.mu.Lock()
			m.tenures = append(m.tenures, &simTenure{h, m.nodes[0], "last"})
			m.mu.Unlock()
			m.check()
			return
		}
		_, taken := errors.AsType[*TakenError](err)
		if !taken && !errors.Is(err, errHeld) || time.Since(began) > limit {
			m.t.Errorf("no name %v after all is well: %v", time.Since(began), err)
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// allTold checks that monitors have fired, when all actors have ended.
func (m *model) allTold() {
	time.Sleep(2 * m.leases[len(m.leases)-1])
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.watches {
		if n := w.fired.Load(); n != 1 {
			m.t.Errorf("the monitor of %s has fired %d times", w.id, n)
		}
	}
}
