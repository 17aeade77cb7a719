package pubsub_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// user is a PubSub with a subscriber of topic "t".
type user struct {
	pubsub.PubSub[string]
	in inbox
}

func newUser(t *testing.T, sys *actor.System) *user {
	u := new(user)
	subscribe(t, &u.PubSub, idle(t, sys), "t", &u.in)
	return u
}

func (u *user) connect(t *testing.T, c *pubsub.Cluster, name string) {
	t.Helper()
	expectErr(t, u.Connect(c, name, pubsub.JSON[string]{}), nil)
}

// Those that are connected before the cluster runs and those that come after are alike,
// and none hears of one with another name, whatever their topics are called.
func TestUsersOfAClusterAreApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		hub := new(pubsub.Hub)
		names := []string{"a", "ab", "b", "a.b", " ", "ünï"}
		topics := []string{"t", "", "/", "a/t", "/t", "b/t", "t/"}
		users := map[string][]*user{} // by name, one of each node
		for node := range 2 {
			c := pubsub.NewCluster(hub.Node(fmt.Sprint("node ", node)))
			for i, name := range names {
				if i == len(names)/2 {
					run(t, sys, c)
				}
				u := newUser(t, sys)
				for _, topic := range topics[1:] {
					subscribe(t, &u.PubSub, idle(t, sys), topic, &u.in)
				}
				u.connect(t, c, name)
				users[name] = append(users[name], u)
			}
		}
		for _, name := range names {
			for _, topic := range topics {
				expectErr(t, users[name][0].Broadcast(topic, name), nil)
				expectErr(t, users[name][0].DirectBroadcast("node 1", topic, "direct "+name), nil)
				synctest.Wait()
				users[name][0].in.expect(t, topic+" "+name)
				users[name][1].in.expect(t, topic+" "+name, topic+" direct "+name)
				for _, other := range names {
					if other != name {
						users[other][0].in.expect(t)
						users[other][1].in.expect(t)
					}
				}
			}
		}
	})
}

// What comes for a name that nothing here has is dropped and counted.
func TestMessageForAUserThatIsNotHereIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		loud := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer loud.Shutdown(context.Background())
		hub := new(pubsub.Hub)
		a, b := pubsub.NewCluster(hub.Node("a")), pubsub.NewCluster(hub.Node("b"))
		run(t, newSystem(t), a)
		run(t, loud, b)
		sys := newSystem(t)
		known, unknown, there := newUser(t, sys), newUser(t, sys), newUser(t, sys)
		known.connect(t, a, "known")
		unknown.connect(t, a, "unknown")
		there.connect(t, b, "known")
		for i := range 100 {
			expectErr(t, unknown.BroadcastWide(actor.PID{}, "t", fmt.Sprint(i)), nil)
			synctest.Wait()
		}
		expectErr(t, known.Broadcast("t", "x"), nil)
		synctest.Wait()
		there.in.expect(t, "t x")
		for _, n := range []string{"so_far=1\n", "so_far=10\n", "so_far=100\n"} {
			if !strings.Contains(log.String(), "name=unknown "+n) {
				t.Errorf("%q is not in the log", n)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != 3 {
			t.Errorf("%d records, want 3:\n%s", n, &log)
		}
	})
}

// Whatever ends the membership, the node leaves, and is a member again when its
// supervisor has restarted it. Those that use the cluster need not notice.
func TestMembershipIsRestarted(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, pid actor.PID){
		"killed":  func(_ *testing.T, pid actor.PID) { pid.Exit(actor.Kill) },
		"stopped": leave,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := newSystem(t)
				hub := new(pubsub.Hub)
				a, b := pubsub.NewCluster(hub.Node("a")), pubsub.NewCluster(hub.Node("b"))
				run(t, sys, b)
				tree, err := supervisor.Start(sys, supervisor.Spec{
					Intensity: 10,
					Children:  []supervisor.Child{supervisor.Actor("cluster", a.Behavior)},
				})
				if err != nil {
					t.Fatal(err)
				}
				here, there := newUser(t, sys), newUser(t, sys)
				here.connect(t, a, "x")
				there.connect(t, b, "x")
				for i := range 5 {
					child, _ := tree.Child(t.Context(), "cluster")
					end(t, child.PID)
					synctest.Wait()
					expectErr(t, here.Broadcast("t", fmt.Sprint("from a ", i)), nil)
					expectErr(t, there.Broadcast("t", fmt.Sprint("from b ", i)), nil)
					synctest.Wait()
					here.in.expect(t, fmt.Sprint("t from a ", i), fmt.Sprint("t from b ", i))
					slices.Sort(there.in.got)
					there.in.expect(t, fmt.Sprint("t from a ", i), fmt.Sprint("t from b ", i))
				}
			})
		})
	}
}

// There is one membership at a time; the second neither joins nor ends the first.
func TestClusterRunsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		sys := newSystem(t)
		if _, err := actor.Spawn(sys, nodes[0].cluster.Behavior); err == nil || !strings.Contains(err.Error(), "a member already") {
			t.Errorf("error %v", err)
		}
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		synctest.Wait()
		nodes[1].in.expect(t, "t x")
		leave(t, nodes[0].pid)
		run(t, sys, nodes[0].cluster)
		expectErr(t, nodes[0].Broadcast("t", "y"), nil)
		synctest.Wait()
		nodes[1].in.expect(t, "t y")
	})
}

// wild is an adapter whose methods fail in the way that they are told. It joins and
// leaves in full, whatever it says of it, and fails the test if it is used against its
// contract.
type wild struct {
	pubsub.Adapter
	t       *testing.T
	fault   map[string]func() error // by method; changes under mu
	mu      sync.Mutex
	joining atomic.Int32
}

func (w *wild) set(method string, fault func() error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fault == nil {
		w.fault = map[string]func() error{}
	}
	w.fault[method] = fault
}

func (w *wild) try(method string) error {
	w.mu.Lock()
	fault := w.fault[method]
	w.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault()
}

func (w *wild) Join(r pubsub.Receiver) error {
	if w.joining.Add(1) > 1 {
		w.t.Error("Join is called beside another Join")
	}
	defer w.joining.Add(-1)
	if err := w.Adapter.Join(r); err != nil {
		w.t.Errorf("Join is called out of turn: %v", err)
	}
	return w.try("Join")
}

func (w *wild) Broadcast(topic string, data []byte) error {
	return errors.Join(w.try("Broadcast"), w.Adapter.Broadcast(topic, data))
}

func (w *wild) Leave(ctx context.Context) error {
	if w.joining.Load() > 0 {
		w.t.Error("Leave is called beside a Join")
	}
	if err := w.try("Leave"); err != nil {
		return err
	}
	return w.Adapter.Leave(ctx)
}

// A membership whose adapter does not join does not start, and is not waited for without
// end. When the adapter works again it does, without anything of the time before.
func TestFaultOfAnAdapterThatJoins(t *testing.T) {
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				held := make(chan struct{})
				sys, hub := newSystem(t), new(pubsub.Hub)
				w := &wild{Adapter: hub.Node("a"), t: t}
				w.set("Join", func() error { return fault(held) })
				a, b := pubsub.NewCluster(w), pubsub.NewCluster(hub.Node("b"))
				run(t, sys, b)
				here, there := newUser(t, sys), newUser(t, sys)
				here.connect(t, a, "x")
				there.connect(t, b, "x")
				for range 3 {
					begin := time.Now()
					if _, err := actor.Spawn(sys, a.Behavior); err == nil {
						t.Error("it has started")
					}
					if took := time.Since(begin); took > time.Minute || name != "block" && took > 0 {
						t.Errorf("that took %v", took)
					}
					expectErr(t, here.Broadcast("t", "x"), pubsub.ErrNotJoined)
					expectErr(t, there.Broadcast("t", "y"), nil)
					time.Sleep(time.Second)
					here.in.expect(t, "t x")
					there.in.expect(t, "t y")
				}
				w.set("Join", nil)
				close(held) // one that blocked has joined now, and leaves
				synctest.Wait()
				run(t, sys, a)
				expectErr(t, here.Broadcast("t", "x"), nil)
				synctest.Wait()
				there.in.expect(t, "t x")
			})
		})
	}
}

// A membership that is killed while its adapter joins, or blocks in it, is none when the
// adapter has joined after all.
func TestMembershipKilledWhileItJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys, hub := newSystem(t), new(pubsub.Hub)
		held := make(chan struct{})
		w := &wild{Adapter: hub.Node("a"), t: t}
		joining := make(chan struct{}, 1)
		w.set("Join", func() error { joining <- struct{}{}; <-held; return nil })
		a, b := pubsub.NewCluster(w), pubsub.NewCluster(hub.Node("b"))
		run(t, sys, b)
		here, there := newUser(t, sys), newUser(t, sys)
		here.connect(t, a, "x")
		there.connect(t, b, "x")
		spawned := make(chan error, 1)
		go func() {
			_, err := actor.Spawn(sys, a.Behavior, actor.Name("membership"))
			spawned <- err
		}()
		<-joining
		pid, _ := sys.WhereIs("membership")
		pid.Exit(actor.Kill)
		if err := <-spawned; !errors.Is(err, actor.Killed) {
			t.Errorf("spawn: %v", err)
		}
		close(held)
		synctest.Wait()
		expectErr(t, here.Broadcast("t", "x"), pubsub.ErrNotJoined)
		expectErr(t, there.DirectBroadcast("a", "t", "y"), pubsub.ErrNoNode)
		w.set("Join", nil)
		run(t, sys, a)
		expectErr(t, there.DirectBroadcast("a", "t", "y"), nil)
	})
}

// An adapter that does not leave holds up neither the stop, nor the kill, nor for ever
// the next start, which fails until it has left.
func TestFaultOfAnAdapterThatLeaves(t *testing.T) {
	for name, fault := range faults {
		for way, end := range map[string]func(pid actor.PID){
			"stop": func(pid actor.PID) { leave(t, pid) },
			"kill": func(pid actor.PID) { pid.Exit(actor.Kill); <-pid.Done() },
		} {
			t.Run(way+", "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					sys, hub := newSystem(t), new(pubsub.Hub)
					w := &wild{Adapter: hub.Node("a"), t: t}
					a := pubsub.NewCluster(w)
					here := newUser(t, sys)
					here.connect(t, a, "x")
					pid := run(t, sys, a)
					w.set("Leave", func() error { return fault(held) })
					begin := time.Now()
					end(pid)
					if took := time.Since(begin); took > time.Minute || name != "block" && took > 0 {
						t.Errorf("it ended after %v", took)
					}
					expectErr(t, here.Broadcast("t", "x"), pubsub.ErrNotJoined)
					for range 2 {
						if _, err := actor.Spawn(sys, a.Behavior); err == nil {
							t.Error("it has joined before it left")
						}
					}
					w.set("Leave", nil)
					close(held)
					time.Sleep(time.Minute)
					run(t, sys, a)
					expectErr(t, here.Broadcast("t", "x"), nil)
				})
			})
		}
	}
}

// Random memberships, users and faults beside a model of who hears whom.
func TestClusterModel(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, seed).play(200) })
		})
	}
}

// clusterModel is some nodes with some users each, and what must hold of them.
type clusterModel struct {
	t     *testing.T
	rand  *rand.Rand
	sys   *actor.System
	nodes []*modelNode
	sent  int
}

type modelNode struct {
	cluster *pubsub.Cluster
	adapter *wild
	name    string
	pid     actor.PID // zero while it is no member
	users   []*user   // by name
	on      []bool    // whether that user is connected
}

var modelNames = []string{"x", "y", "z"}

func newModel(t *testing.T, seed uint64) *clusterModel {
	m := &clusterModel{t: t, rand: rand.New(rand.NewPCG(seed, 1)), sys: newSystem(t)}
	hub := new(pubsub.Hub)
	for i := range 3 {
		n := &modelNode{name: fmt.Sprint("node ", i)}
		n.adapter = &wild{Adapter: hub.Node(n.name), t: t}
		n.cluster = pubsub.NewCluster(n.adapter)
		for range modelNames {
			n.users = append(n.users, newUser(t, m.sys))
			n.on = append(n.on, false)
		}
		m.nodes = append(m.nodes, n)
	}
	return m
}

func (m *clusterModel) play(steps int) {
	for range steps {
		n := m.nodes[m.rand.IntN(len(m.nodes))]
		i := m.rand.IntN(len(modelNames))
		switch m.rand.IntN(6) {
		case 0:
			m.join(n)
		case 1:
			m.end(n)
		case 2:
			m.toggle(n, i)
		default:
			m.broadcast(n, i)
		}
	}
}

// join starts a membership, some of which cannot join, and some of which there is
// already.
func (m *clusterModel) join(n *modelNode) {
	kinds := []string{"", "", "", "error", "typed nil", "panic", "Goexit"}
	kind := kinds[m.rand.IntN(len(kinds))]
	if kind != "" {
		n.adapter.set("Join", func() error { return faults[kind](nil) })
	}
	ref, err := actor.Spawn(m.sys, n.cluster.Behavior)
	n.adapter.set("Join", nil)
	if ok := n.pid.IsZero() && kind == ""; ok != (err == nil) {
		m.t.Errorf("%s joins, with %q: %v", n.name, kind, err)
	}
	if err == nil {
		n.pid = ref.PID()
	}
}

func (m *clusterModel) end(n *modelNode) {
	if n.pid.IsZero() {
		return
	}
	if m.rand.IntN(2) == 0 {
		n.pid.Exit(actor.Kill)
	} else {
		leave(m.t, n.pid)
	}
	<-n.pid.Done()
	n.pid = actor.PID{}
}

func (m *clusterModel) toggle(n *modelNode, i int) {
	if n.on[i] {
		n.users[i].Disconnect()
	} else {
		n.users[i].connect(m.t, n.cluster, modelNames[i])
	}
	n.on[i] = !n.on[i]
}

func (m *clusterModel) broadcast(n *modelNode, i int) {
	m.t.Helper()
	m.sent++
	msg := fmt.Sprint(m.sent)
	synctest.Wait() // what left in the background has left
	var want error
	if n.on[i] && n.pid.IsZero() {
		want = pubsub.ErrNotJoined
	}
	if err := n.users[i].Broadcast("t", msg); !errors.Is(err, want) {
		m.t.Errorf("broadcast: %v, want %v", err, want)
	}
	synctest.Wait()
	for _, to := range m.nodes {
		if to.pid.IsZero() && to != n && n.on[i] && want == nil { // it is no member for the others, too
			expectErr(m.t, n.users[i].DirectBroadcast(to.name, "t", msg), pubsub.ErrNoNode)
		}
		for j, u := range to.users {
			hears := to == n || n.on[i] && to.on[j] && !n.pid.IsZero() && !to.pid.IsZero()
			if hears && i == j {
				u.in.expect(m.t, "t "+msg)
			} else {
				u.in.expect(m.t)
			}
		}
	}
}
