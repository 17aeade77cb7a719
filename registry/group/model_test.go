package group_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// program is one of a simulated cluster: a set of groups, with the children that it needs.
type program struct {
	name    string
	sys     *actor.System
	adapter *netNode
	set     *group.Set[string]
	tree    supervisor.Tree
	actors  []actor.PID
	journal *mirror
}

// mirror is what an observer knows of the members by what it is told.
type mirror struct {
	t       *testing.T
	members map[string]map[group.Member]int
}

func (m *mirror) tell(e group.Event[string]) {
	if m.members[e.Group] == nil {
		m.members[e.Group] = make(map[group.Member]int)
	}
	for _, member := range e.Members {
		if e.Kind == group.Left {
			if m.members[e.Group][member]--; m.members[e.Group][member] < 0 {
				m.t.Errorf("%v left %s and was not there", member, e.Group)
			}
		} else {
			m.members[e.Group][member]++
		}
	}
}

func (m *mirror) count(g string) (n int) {
	for _, times := range m.members[g] {
		n += times
	}
	return n
}

func startProgram(t *testing.T, w *network, name string) *program {
	p := &program{name: name, sys: newSystem(t), set: new(group.Set[string]), adapter: w.node(name)}
	p.journal = &mirror{t, make(map[string]map[group.Member]int)}
	cluster := pubsub.NewCluster(p.adapter)
	var err error
	p.tree, err = supervisor.Start(p.sys, supervisor.Spec{Intensity: 1000, Period: time.Second, Children: []supervisor.Child{
		supervisor.Actor("cluster", cluster.Behavior), group.Child(p.set, cluster, "test"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range modelGroups {
		o := p.set.Observe(g, p.journal.tell) // of a group: one call at a time
		t.Cleanup(o.Stop)
	}
	return p
}

// end ends a program. What it says at its end does not come through if it was killed before.
func (p *program) end(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := p.sys.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

var modelGroups = []string{"g"}

// groupModel drives programs through what can happen to them.
type groupModel struct {
	t     *testing.T
	rng   *rand.Rand
	net   *network
	names []string
	progs map[string]*program
}

// pick returns a program that runs, or nil.
func (m *groupModel) pick() *program { return m.progs[m.names[m.rng.IntN(len(m.names))]] }

func (m *groupModel) step() {
	p := m.pick()
	if p == nil {
		m.start(m.names[m.rng.IntN(len(m.names))])
		return
	}
	switch m.rng.IntN(16) {
	case 0, 1, 2, 3:
		pid := idle(m.t, p.sys).PID()
		p.actors = append(p.actors, pid)
		for range 1 + m.rng.IntN(2) {
			join(m.t, p.set, "g", pid)
		}
	case 4, 5:
		if len(p.actors) > 0 {
			_ = p.set.Leave("g", p.actors[m.rng.IntN(len(p.actors))]) // it may not be one
		}
	case 6, 7:
		if i := len(p.actors) - 1; i >= 0 {
			end(m.t, p.actors[i])
			p.actors = p.actors[:i]
		}
	case 8: // a child crashes
		children, err := p.tree.Children(m.t.Context())
		if err != nil {
			m.t.Fatal(err)
		}
		for _, c := range children {
			if c.ID != "cluster" || m.rng.IntN(2) == 0 {
				c.PID.Exit(actor.Kill)
				break
			}
		}
	case 9: // kill -9
		m.net.kill(p.name)
		p.end(m.t)
		delete(m.progs, p.name)
	case 10: // SIGTERM
		p.end(m.t)
		m.net.kill(p.name)
		delete(m.progs, p.name)
	case 11, 12: // one way is cut, or both
		other := m.names[m.rng.IntN(len(m.names))]
		m.sever(p.name, other)
		if m.rng.IntN(2) == 0 {
			m.sever(other, p.name)
		}
	case 13:
		for _, other := range m.names {
			m.sever(p.name, other)
			m.sever(other, p.name)
		}
	case 14:
		m.net.mu.Lock()
		p.adapter.paused = time.Now().Add(m.upTo(12 * time.Second))
		m.net.mu.Unlock()
	case 15:
		m.net.mu.Lock()
		m.net.loss = m.rng.Float64() / 2 * float64(m.rng.IntN(2))
		m.net.mu.Unlock()
	}
}

func (m *groupModel) upTo(d time.Duration) time.Duration {
	return time.Duration(m.rng.Int64N(int64(d)))
}

func (m *groupModel) start(name string) { m.progs[name] = startProgram(m.t, m.net, name) }

func (m *groupModel) sever(from, to string) {
	m.net.mu.Lock()
	defer m.net.mu.Unlock()
	m.net.cut[[2]string{from, to}] = time.Now().Add(m.upTo(15 * time.Second))
}

// heal ends all that is wrong, and starts what does not run.
func (m *groupModel) heal() {
	m.net.mu.Lock()
	clear(m.net.cut)
	m.net.loss = 0
	m.net.mu.Unlock()
	for _, name := range m.names {
		if m.progs[name] == nil {
			m.start(name)
		}
	}
}

// check compares what each program knows with what is the case: no member is missing, and no
// ghost is there.
func (m *groupModel) check(when string) {
	for _, p := range m.progs {
		known := make(map[string]int)
		for _, member := range p.set.Members("g") {
			known[member.Node()]++
		}
		if want := p.set.Stats().FarMembers; want != len(p.set.Members("g"))-known[""] {
			m.t.Errorf("%s: %s counts %d members of others, and has %v", when, p.name, want, known)
		}
		if n := p.journal.count("g"); n != len(p.set.Members("g")) {
			m.t.Errorf("%s: %s was told of %d members, and has %d", when, p.name, n, len(p.set.Members("g")))
		}
		for _, o := range m.progs {
			node := o.name
			if o == p {
				node = ""
			}
			if n := len(o.set.LocalMembers("g")); n != known[node] {
				m.t.Errorf("%s: %s knows %d members of %s, which has %d", when, p.name, known[node], o.name, n)
			}
			delete(known, node)
		}
		if len(known) > 0 {
			m.t.Errorf("%s: %s knows members of %v, which do not run", when, p.name, known)
		}
	}
}

var (
	modelSchedules = flag.Int("model.schedules", 0, "how many schedules the model goes through; 0: as the run is ordinary or long")
	modelSeed      = flag.Uint64("model.seed", 1, "the seed of the model's first schedule; each next one has the next")
)

// PG-4, in a simulated cluster: whatever joins, leaves, crashes, is cut off, paused or restarted,
// and whatever is lost, all nodes come to know all members, and no others.
func TestGroupsConverge(t *testing.T) {
	for i := range cmp.Or(*modelSchedules, long.Rounds(15, 400)) {
		runModel(t, *modelSeed+uint64(i))
	}
}

func runModel(t *testing.T, seed uint64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m := &groupModel{t: t, rng: rand.New(rand.NewPCG(seed, 0)), net: newNetwork(seed), progs: make(map[string]*program)}
		for i := range 2 + m.rng.IntN(3) {
			m.names = append(m.names, fmt.Sprint("n", i))
			m.start(m.names[i])
		}
		for range 40 {
			m.step()
			time.Sleep(m.upTo(2 * time.Second))
		}
		m.heal()
		// A pause may last for 12 seconds, then a have comes every ten.
		time.Sleep(30 * time.Second)
		synctest.Wait()
		m.check("healed")
		for range 20 { // and it goes on from there, at once
			if p := m.pick(); m.rng.IntN(2) == 0 || len(p.actors) == 0 {
				p.actors = append(p.actors, idle(t, p.sys).PID())
				join(t, p.set, "g", p.actors[len(p.actors)-1])
			} else {
				end(t, p.actors[0])
				p.actors = slices.Delete(p.actors, 0, 1)
			}
		}
		time.Sleep(20 * time.Millisecond)
		synctest.Wait()
		m.check("whole")
		if p := m.pick(); p != nil {
			m.net.kill(p.name)
			p.end(t)
			delete(m.progs, p.name)
		}
		time.Sleep(downAfter + 2*beatEvery)
		synctest.Wait()
		m.check("one was killed")
		for _, p := range m.progs {
			p.end(t)
		}
		if t.Failed() {
			t.Fatalf("replay with -model.seed %d -model.schedules 1", seed)
		}
	})
}
