package nats

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// CRDT-1, CRDT-3, CRDT-4: whatever becomes of the nodes and their way to NATS, nobody is told
// that one has left that is there and whose node was well, nor of presences that there never
// were; and when all is well again all see all that are there within moments, and soon nobody
// else.
func TestModelPresenceConverges(t *testing.T) {
	forgetTimers()
	defer forgetTimers()
	var worst, alone time.Duration
	said := 0
	defer func() {
		t.Log("all were seen after", worst, "at the latest,", alone, "after all were connected;", said, "messages")
	}()
	schedules(t, long.Rounds(1, 100), func(t *testing.T, seed uint64) {
		forgetTimers()
		m := newPresenceModel(t, seed)
		m.run()
		if m.prompt {
			worst, alone = max(worst, m.healed), max(alone, m.healed-m.flow)
		}
		said += m.bus.said
		if t.Failed() {
			for _, line := range m.log {
				t.Log(line)
			}
		}
	})
}

// presenceModel is one schedule of what can happen, by a seed.
type presenceModel struct {
	t      *testing.T
	seed   uint64
	rand   *rand.Rand
	bus    *simBus
	cfg    presence.Config
	kinds  []func(*presenceModel, *presentNode) // of troubles, that happen
	places []*place
	log    []string // of what has happened, for a schedule that fails
	began  time.Time
	flow   time.Duration // after which all were connected
	healed time.Duration // after which all were seen
	prompt bool          // no twin of a node was there at the end
	parted bool          // until the end servers did not reach each other

	stranger *nats.Conn

	mu      sync.Mutex
	pending int                     // starts and ends under way
	heard   []*nats.Msg             // by the stranger
	nodes   map[string]*presentNode // by name; nil while one starts
	twins   map[string]*presentNode
	users   map[string]*presentUser // that are present, by ref
	issued  map[string]bool         // all refs that there have been
	twinned time.Time               // when the last twin ended
	ended   time.Time               // when any node did, or the stranger was taken for one
	trouble time.Time               // when the last one of the servers was over
}

// presentNode is a node with a tracker.
type presentNode struct {
	*simProgram
	model *presenceModel
	who   *presence.Tracker
	shown map[string]bool // refs, as OnDiff has told
	diffs int
	ended bool // it is about to

	badly   time.Time // when the last trouble of its way was over
	paused  time.Time // when the last pause was over
	crashed time.Time // when an actor of its tracker did
}

// presenceTopics are those that users are on: some of each shard, however many there are.
var presenceTopics = []string{"lobby", "kitchen", "cellar", "attic"}

type presentUser struct {
	presence.Owner
	node *presentNode
	key  string
	nth  int       // track of the model; its ref is random
	from time.Time // when it was tracked, with these metas
}

func newPresenceModel(t *testing.T, seed uint64) *presenceModel {
	m := &presenceModel{
		t: t, seed: seed, rand: rand.New(rand.NewPCG(seed, 0)), bus: newSimBus(),
		nodes: make(map[string]*presentNode), twins: make(map[string]*presentNode),
		users: make(map[string]*presentUser), issued: make(map[string]bool),
	}
	m.began = time.Now()
	m.cfg.PermDownOnShutdown = m.rand.IntN(2) == 0
	m.cfg.PoolSize = 1 + m.rand.IntN(3)
	for _, kind := range presenceTroubles { // not all at once: one hides what another does
		if m.rand.IntN(2) == 0 {
			m.kinds = append(m.kinds, kind)
		}
	}
	return m
}

func (m *presenceModel) run() {
	m.mu.Lock()
	for i := range 2 + m.rand.IntN(2) {
		m.start(string(rune('a'+i)), func() {})
	}
	m.mu.Unlock()
	m.listen()
	for range 40 {
		m.step()
		pause := m.rand.ExpFloat64() * float64(time.Second)
		if m.rand.IntN(20) == 0 {
			pause *= 30
		}
		time.Sleep(time.Duration(pause))
	}
	m.stranger.Close()
	m.heal()
	m.converge()
	for _, n := range m.all() {
		m.mu.Lock()
		n.ended = true
		m.mu.Unlock()
	}
	for _, n := range m.all() {
		n.stop()
	}
	time.Sleep(time.Minute) // all that is on its way has come
}

// note notes what has happened.
func (m *presenceModel) note(what string, args ...any) {
	m.log = append(m.log, fmt.Sprintf("%8v ", time.Since(m.began).Round(time.Millisecond))+fmt.Sprintf(what, args...))
}

// place returns where a program will run that has the name. The model's lock is held, or nothing runs yet.
func (m *presenceModel) place(name string) *place {
	p := newPlace(name, m.seed+uint64(len(m.places)))
	m.places = append(m.places, p)
	return p
}

// start starts a node, when it can.
func (m *presenceModel) start(name string, before func()) {
	at := m.place(name)
	m.begin(func() {
		before()
		for {
			n, err := m.tryStart(at)
			if err == nil {
				m.mu.Lock()
				defer m.mu.Unlock()
				m.note("%s starts", name)
				m.nodes[name] = n
				return
			}
			time.Sleep(time.Second)
		}
	})
}

// begin has something be done meanwhile.
func (m *presenceModel) begin(f func()) {
	m.pending++
	go func() {
		f()
		m.mu.Lock()
		defer m.mu.Unlock()
		m.pending--
	}()
}

func (m *presenceModel) tryStart(at *place) (n *presentNode, err error) {
	n = &presentNode{model: m, shown: make(map[string]bool)}
	n.simProgram, err = startProgram(m.bus, at, func(node *Node) []supervisor.Child {
		cfg := m.cfg
		cfg.Cluster, cfg.OnDiff = node.Cluster(), n.told
		n.who = presence.New(cfg)
		return []supervisor.Child{n.who.Child()}
	})
	if err != nil {
		return nil, err
	}
	n.ticking = func() (list []actor.PID) {
		tree, _ := supervisor.TreeOf(n.who.PID())
		for i := range m.cfg.PoolSize {
			if c, err := tree.Child(context.Background(), fmt.Sprint("replicator ", i)); err == nil {
				list = append(list, c.PID)
			}
		}
		return list
	}
	return n, nil
}

// all returns the nodes that run.
func (m *presenceModel) all() []*presentNode {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*presentNode
	for _, nodes := range []map[string]*presentNode{m.nodes, m.twins} {
		for _, name := range slices.Sorted(maps.Keys(nodes)) {
			list = append(list, nodes[name])
		}
	}
	return list
}

func (m *presenceModel) step() {
	list := m.all()
	if len(list) == 0 {
		return
	}
	n := list[m.rand.IntN(len(list))]
	if m.rand.IntN(3) == 0 && len(m.kinds) > 0 {
		m.kinds[m.rand.IntN(len(m.kinds))](m, n)
	} else if n.acts() {
		m.act(n)
	}
}

// act has a user of a node do something.
func (m *presenceModel) act(n *presentNode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var refs []string
	for ref, u := range m.users {
		if u.node == n {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, func(a, b string) int { return m.users[a].nth - m.users[b].nth })
	if len(refs) == 0 || m.rand.IntN(2) == 0 {
		pid, err := actor.Spawn(n.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			m.t.Error(err)
			return
		}
		u := &presentUser{
			Owner: presence.Actor(pid.PID(), presenceTopics[m.rand.IntN(len(presenceTopics))]), node: n,
			key: fmt.Sprint("k", m.rand.IntN(3)), from: time.Now(),
		}
		ref, err := n.who.Track(u, u.key, nil)
		m.track(u, ref, err)
		return
	}
	ref := refs[m.rand.IntN(len(refs))]
	u := m.users[ref]
	delete(m.users, ref)
	switch m.rand.IntN(3) {
	case 0:
		u.PID().Exit(actor.Kill)
	case 1:
		n.who.Untrack(u, u.key)
	case 2:
		u.from = time.Now()
		ref, err := n.who.Update(u, u.key, map[string]int{"n": m.rand.IntN(10)})
		m.track(u, ref, err)
	}
}

func (m *presenceModel) track(u *presentUser, ref string, err error) {
	if err != nil {
		m.t.Error(err)
		return
	}
	u.nth = len(m.issued)
	m.users[ref], m.issued[ref] = u, true
}

// presenceTroubles are what can happen to nodes.
var presenceTroubles = []func(*presenceModel, *presentNode){
	func(m *presenceModel, n *presentNode) { n.pause(m.troubleOf("pause of "+n.name, &n.paused)) },
	func(m *presenceModel, n *presentNode) { m.bus.cut(n.place, m.troubleOf("cut of "+n.name, &n.badly)) },
	func(m *presenceModel, n *presentNode) { n.set(&n.stalled, m.troubleOf("stall of "+n.name, &n.badly)) },
	func(m *presenceModel, n *presentNode) { m.bus.restart(m.troubleOf("no servers", &m.trouble)) },
	func(m *presenceModel, n *presentNode) {
		list := m.all()
		other := list[m.rand.IntN(len(list))]
		if n.name != other.name {
			m.bus.part(n.place, other.place, m.troubleOf("no route "+n.name+" "+other.name, &m.trouble))
		}
	},
	func(m *presenceModel, n *presentNode) { m.end(n, n.kill) },
	func(m *presenceModel, n *presentNode) {
		if n.acts() {
			m.end(n, n.stop)
		}
	},
	func(m *presenceModel, n *presentNode) { m.twin(n) },
	func(m *presenceModel, n *presentNode) { m.forge() },
	func(m *presenceModel, n *presentNode) {
		// Not so often that the tracker ends, with its users.
		if list := n.ticking(); n.acts() && len(list) > 0 && time.Since(n.crashed) > 3*time.Second {
			n.crashed = time.Now()
			m.note("crash on %s", n.name)
			list[m.rand.IntN(len(list))].Exit(actor.Kill)
		}
	},
}

// troubleOf returns how long a trouble lasts, and notes it.
func (m *presenceModel) troubleOf(what string, over *time.Time) time.Duration {
	d := upTo(m.rand, 5*time.Second)
	if m.rand.IntN(4) == 0 {
		d *= 10
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note("%s for %v", what, d)
	if end := time.Now().Add(d); end.After(*over) {
		*over = end
	}
	return d
}

// end ends a node, and starts it anew if it is no twin.
func (m *presenceModel) end(n *presentNode, how func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.note("%s ends, the twin: %v", n.name, m.twins[n.name] == n)
	if stalled, left := n.is(&n.stalled); stalled { // what it has said comes then, and is taken for a twin's
		m.twinned = time.Now().Add(left)
	}
	n.ended, m.ended = true, time.Now()
	maps.DeleteFunc(m.users, func(_ string, u *presentUser) bool { return u.node == n })
	if m.twins[n.name] == n {
		m.twinned = time.Now()
		delete(m.twins, n.name)
		m.begin(how)
		return
	}
	delete(m.nodes, n.name)
	m.start(n.name, how)
}

// twin starts another node of a name, which is refused if the first one can be asked.
func (m *presenceModel) twin(n *presentNode) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.twins[n.name] != nil {
		return
	}
	at, quiet := m.place(n.name), m.calm(n, 5*time.Second)
	m.begin(func() {
		twin, err := m.tryStart(at)
		m.mu.Lock()
		defer m.mu.Unlock()
		if err != nil {
			return
		}
		if m.twins[n.name] != nil { // two are enough
			m.twinned = time.Now()
			m.begin(twin.kill)
			return
		}
		m.note("%s has a twin", n.name)
		m.twins[n.name] = twin
		if quiet && m.nodes[n.name] == n && m.calm(n, 5*time.Second) {
			m.t.Errorf("%s has a twin", n.name)
		}
	})
}

// calm reports whether nothing was wrong lately that could keep others from hearing of a node,
// or a node of others. The model's lock is held.
func (m *presenceModel) calm(n *presentNode, lately time.Duration) bool {
	for _, end := range []time.Time{m.trouble, n.badly, n.paused} {
		if time.Since(end) < lately {
			return false
		}
	}
	return true
}

// forge has a stranger say in its own name what somebody else has said, with a byte changed.
func (m *presenceModel) forge() {
	for range 10 {
		m.mu.Lock()
		if len(m.heard) == 0 {
			m.mu.Unlock()
			return
		}
		said := m.heard[m.rand.IntN(len(m.heard))]
		m.mu.Unlock()
		data := slices.Clone(said.Data)
		if len(data) > 0 && m.rand.IntN(2) == 0 {
			data[m.rand.IntN(len(data))] = byte(m.rand.IntN(256))
		}
		subject := said.Subject[:strings.LastIndexByte(said.Subject, '.')+1] + subjectToken(m.stranger.Opts.Name)
		if err := m.stranger.Publish(subject, data); err != nil {
			m.t.Error(err)
		}
		m.ended = time.Now()
	}
}

// listen has the stranger hear all there is.
func (m *presenceModel) listen() {
	var err error
	m.stranger, err = nats.Connect(simURL, m.bus.from(m.place("stranger")), nats.Name("stranger"), nats.MaxReconnects(-1))
	if err == nil {
		_, err = m.stranger.Subscribe(">", func(msg *nats.Msg) {
			m.mu.Lock()
			defer m.mu.Unlock()
			if len(m.heard) < 1000 {
				m.heard = append(m.heard, msg)
			}
		})
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// told is a node's OnDiff.
func (n *presentNode) told(d presence.Diff) {
	m := n.model
	m.mu.Lock()
	defer m.mu.Unlock()
	if n.ended {
		return
	}
	n.diffs++
	for _, ref := range refsOf(d.Leaves) {
		if u := m.users[ref]; u != nil && !m.mayMiss(n, u.node) {
			m.t.Errorf("%s is told that %s of %s has left", n.name, ref, u.node.name)
		}
		if !n.shown[ref] {
			m.t.Errorf("%s is told that %s has left, and not that it was there", n.name, ref)
		}
		delete(n.shown, ref)
	}
	for _, ref := range refsOf(d.Joins) {
		if !m.issued[ref] || n.shown[ref] {
			m.t.Errorf("%s is told that %s has come, there was one: %v, it is told again: %v", n.name, ref, m.issued[ref], n.shown[ref])
		}
		n.shown[ref] = true
	}
}

func refsOf(entries map[string]presence.Entry) (refs []string) {
	for _, e := range entries {
		for _, meta := range e.Metas {
			refs = append(refs, meta.Ref)
		}
	}
	return refs
}

// mayMiss reports whether a node may take another one for gone: not if only itself was paused.
func (m *presenceModel) mayMiss(n, other *presentNode) bool {
	if n == other {
		return false
	}
	lately := time.Minute
	if time.Since(n.paused) < 3*time.Minute {
		lately = 3 * time.Minute
	}
	return m.twins[other.name] != nil || time.Since(m.twinned) < lately || !m.calm(other, lately) || time.Since(n.badly) < lately
}

// heal ends all that is wrong, and has one node be of each name.
func (m *presenceModel) heal() {
	for _, p := range m.places {
		p.heal()
	}
	m.parted = m.bus.heal()
	if m.rand.IntN(3) == 0 { // one is started anew while it heals
		time.Sleep(upTo(m.rand, time.Second))
		if list := m.all(); len(list) > 0 {
			n := list[m.rand.IntN(len(list))]
			m.end(n, n.kill)
		}
	}
	for {
		m.mu.Lock()
		over := m.pending == 0 && len(m.twins) == 0
		for name, twin := range m.twins { // of two nodes of a name one is to go
			if n := m.nodes[name]; n != nil && m.rand.IntN(2) == 0 {
				m.nodes[name], m.twins[name] = twin, n
			}
		}
		m.mu.Unlock()
		if over {
			return
		}
		for _, n := range m.all() {
			if m.twins[n.name] == n {
				m.end(n, n.kill)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// converge expects all nodes to see the users of all within a second, and then nobody else: those
// that would have been told already. The others when they are told. More than half of the second is
// the connections', which wait until they try again; what is left is the nodes' own. A way between
// two servers is none that a node has lost: it hears of what it has missed with the next beat.
func (m *presenceModel) converge() {
	const period = 1500 * time.Millisecond // of a tracker's broadcasts
	whole, limit := time.Now(), time.Second
	own := 300 * time.Millisecond
	if m.parted {
		limit, own = limit+defaultTimes.beat, own+defaultTimes.beat
	}
	m.prompt = time.Since(m.twinned) > time.Minute
	if !m.prompt { // then the one that is left is heard at its next sign of life after the other one is down
		limit, own = 50*time.Second, 50*time.Second
	}
	m.note("all is well")
	for ; ; time.Sleep(10 * time.Millisecond) {
		late := time.Since(whole)
		what := m.missing(whole.Add(-period))
		if !m.connected() {
			m.flow = late
		}
		most := min(limit, m.flow+own)
		if what != "" {
			m.healed = late
		} else {
			what, most = m.missing(whole), most+period
		}
		if what == "" {
			break
		}
		if late > most {
			m.t.Errorf("%v after all is well: %s", late, what)
			break
		}
	}
	rest := 5 * time.Second
	if time.Since(m.ended) < time.Minute { // those of a node that has ended are there until it is down
		rest = 80 * time.Second
	}
	time.Sleep(time.Until(whole.Add(rest)))
	if what := m.missing(time.Now()); what != "" {
		m.t.Errorf("%v after all is well: %s", time.Since(whole), what)
	}
	m.mu.Lock()
	for _, n := range m.nodes {
		n.diffs = 0
		for ref := range n.shown {
			if m.users[ref] == nil {
				m.t.Errorf("%v after all is well %s sees %s", time.Since(whole), n.name, ref)
			}
		}
		up := 0
		for _, other := range n.node.Members() {
			if other.State == Up {
				up++
			}
		}
		if up != len(m.nodes)-1 {
			m.t.Errorf("%s knows %+v", n.name, n.node.Members())
		}
	}
	m.mu.Unlock()
	time.Sleep(20 * time.Second) // more than a node is silent for that has nothing to tell
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.nodes {
		if n.diffs > 0 {
			m.t.Errorf("%s is told of %d changes, and there are none", n.name, n.diffs)
		}
	}
}

// connected reports whether all nodes are.
func (m *presenceModel) connected() bool {
	for _, n := range m.all() {
		if !n.node.conn.IsConnected() {
			return false
		}
	}
	return true
}

// missing says where somebody is not seen that was tracked by then.
func (m *presenceModel) missing(by time.Time) string {
	for _, n := range m.all() {
		there := make(map[string]bool)
		for _, topic := range presenceTopics {
			list, err := n.who.List(context.Background(), topic)
			if err != nil {
				return err.Error()
			}
			for _, ref := range refsOf(list) {
				there[ref] = true
			}
		}
		m.mu.Lock()
		for ref, u := range m.users {
			if !u.from.After(by) && (!there[ref] || !n.shown[ref]) {
				m.mu.Unlock()
				return fmt.Sprintf("%s does not see %s of %s (in its list: %v)", n.name, ref, u.node.name, there[ref])
			}
		}
		m.mu.Unlock()
	}
	return ""
}
