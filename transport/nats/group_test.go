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
	c := &clan{sys: newSystem(t), events: make(chan group.Event[string], 1000), got: make(chan string, 1000)}
	c.node = adapter(t, s, cluster, name, options...)
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
