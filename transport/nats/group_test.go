package nats

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// clan is a node with groups.
type clan struct {
	node   *Adapter
	sys    *actor.System
	set    group.Set[string]
	tree   supervisor.Tree
	events chan group.Event[string]
	got    chan string // what its members are sent
}

var hail = group.Message[string, string]{Name: "hail", Make: func(s string) string { return s }}

func newClan(t *testing.T, s *server.Server, cluster, name string, options ...nats.Option) *clan {
	t.Helper()
	return newClanOn(t, adapter(t, s, cluster, name, options...))
}

func newClanOn(t *testing.T, on *Adapter) *clan {
	t.Helper()
	c := &clan{node: on, sys: newSystem(t), events: make(chan group.Event[string], 1000), got: make(chan string, 1000)}
	node := pubsub.NewCluster(c.node)
	tree, err := supervisor.Start(c.sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Actor("cluster", node.Behavior), group.Child(&c.set, node, "clans"),
	}})
	if err == nil {
		err = c.set.Serve(hail)
	}
	if err != nil {
		t.Fatal(err)
	}
	c.tree = tree
	o := c.set.Observe("g", func(e group.Event[string]) { c.events <- e })
	t.Cleanup(o.Stop)
	if e := await(t, c.events); e.Kind != group.Members {
		t.Fatalf("the first event is %v", e)
	}
	return c
}

func (c *clan) join(t *testing.T) actor.PID {
	t.Helper()
	ref, err := actor.Spawn(c.sys, actor.Func(func(_ *actor.Context[string], m string) error {
		c.got <- m
		return nil
	}))
	if err == nil {
		err = c.set.Join("g", ref.PID())
	}
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID()
}

// until waits until the group has members on just these nodes, "" being its own, by what it is
// told of.
func (c *clan) until(t *testing.T, nodes ...string) {
	t.Helper()
	for {
		var got []string
		for _, m := range c.set.Members("g") {
			got = append(got, m.Node())
		}
		slices.Sort(got)
		if slices.Equal(got, nodes) {
			return
		}
		await(t, c.events)
	}
}

// Groups over a real server: all members are known, with their node, and get what is sent to all,
// or to one.
func TestGroupsOverNodes(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b, c := newClan(t, s, cluster, "a"), newClan(t, s, cluster, "b"), newClan(t, s, cluster, "c")
	gone := a.join(t)
	b.join(t)
	b.join(t)
	a.until(t, "", "b", "b")
	b.until(t, "", "", "a")
	c.until(t, "a", "b", "b")
	if err := hail.SendAll(c.set.Group("g"), "all"); err != nil {
		t.Fatal(err)
	}
	for _, got := range []chan string{a.got, b.got, b.got} {
		if m := await(t, got); m != "all" {
			t.Errorf("got %q", m)
		}
	}
	for i := range 10 {
		if err := hail.SendOne(c.set.Group("g"), fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-a.got:
		case <-b.got:
		case <-time.After(patience):
			t.Fatal("nobody got it")
		}
	}
	gone.Exit(actor.Kill)
	c.until(t, "b", "b")
	if err := b.tree.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.until(t)
	if n := len(a.got) + len(b.got); n > 0 {
		t.Errorf("%d messages more than were sent", n)
	}
}

// A node that is cut off has its own members only, and is missed by the others; when it is back all
// know all again, in less than a second.
func TestGroupsHealAfterACut(t *testing.T) {
	s, cluster := startServer(t), prefix()
	wire := new(wire)
	a, b := newClan(t, s, cluster, "a"), newClan(t, s, cluster, "b", nats.SetCustomDialer(wire))
	a.join(t)
	b.join(t)
	a.until(t, "", "b")
	b.until(t, "", "a")
	for range 2 {
		wire.cut()
		fallSilent(t, a.node, "b")
		fallSilent(t, b.node, "a")
		a.until(t, "")
		b.until(t, "")
		a.join(t).Exit(actor.Kill) // of which b hears nothing
		begun := time.Now()
		wire.mend()
		a.until(t, "", "b")
		b.until(t, "", "a")
		t.Logf("healed after %v", time.Since(begun)) // it must be less than a second, if the machine has time
	}
}

// In a rolling upgrade of the frames, groups go on: members are known, told of and sent to in both
// directions, while there are nodes of either version, and when the last former one has gone.
func TestGroupsGoOnInARollingUpgrade(t *testing.T) {
	for _, version := range []byte{frameVersion, topicVersion} {
		t.Run(fmt.Sprint("from version ", version), func(t *testing.T) {
			s, cluster := startServer(t), prefix()
			clans := make([]*clan, 2)
			for i := range clans {
				a := adapter(t, s, cluster, fmt.Sprint(i))
				a.version = version
				clans[i] = newClanOn(t, a)
				clans[i].join(t)
			}
			talk := func() {
				t.Helper()
				for i, from := range clans {
					other := clans[1-i]
					from.until(t, "", other.node.Name)
					other.until(t, "", from.node.Name)
					if err := hail.SendAll(from.set.Group("g"), "all"); err != nil {
						t.Fatal(err)
					}
					for _, c := range clans {
						if m := await(t, c.got); m != "all" {
							t.Errorf("%s got %q", c.node.Name, m)
						}
					}
					for range 10 {
						if err := hail.SendOne(from.set.Group("g"), "one"); err != nil {
							t.Fatal(err)
						}
						select {
						case <-from.got:
						case <-other.got:
						case <-time.After(patience):
							t.Fatal("nobody got it")
						}
					}
				}
			}
			talk()
			for i, c := range clans {
				if err := c.tree.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
				clans[1-i].until(t, "")
				clans[i] = newClan(t, s, cluster, c.node.Name)
				clans[i].join(t)
				talk()
			}
			for _, c := range clans {
				awaitVersions(t, c.node)
				if got, s := c.node.Traffic(), c.set.Stats(); got.Lost > 0 || got.Malformed > 0 || s.Lost > 0 || s.Malformed > 0 {
					t.Errorf("%s: %+v, %+v", c.node.Name, got, s)
				}
			}
			talk()
		})
	}
}
