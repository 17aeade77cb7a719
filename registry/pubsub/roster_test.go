package pubsub_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// A node knows which others are there, and is told when they are others. One that joins again is
// another one.
func TestNodesAreThoseThatHaveJoined(t *testing.T) {
	var hub pubsub.Hub
	sys := newSystem(t)
	a, b := pubsub.NewCluster(hub.Node("a")), pubsub.NewCluster(hub.Node("b"))
	expect := func(c *pubsub.Cluster, names ...string) (list []pubsub.Node, changed <-chan struct{}) {
		t.Helper()
		list, changed, err := c.Nodes()
		if err != nil {
			t.Fatal(err)
		}
		ok := len(list) == len(names)
		for i := 0; ok && i < len(names); i++ {
			ok = list[i].Name == names[i]
		}
		if !ok {
			t.Errorf("nodes %v, want %v", list, names)
		}
		return list, changed
	}
	_, changed := expect(a)
	run(t, sys, a)
	await(t, changed)
	_, changed = expect(a)
	pid := run(t, sys, b)
	await(t, changed)
	before, changed := expect(a, "b")
	expect(b, "a")
	leave(t, pid)
	await(t, changed)
	_, changed = expect(a)
	expect(b)
	run(t, sys, b)
	await(t, changed)
	if after, _ := expect(a, "b"); after[0].Incarnation == before[0].Incarnation {
		t.Error("a node that has joined again is the same as before")
	}
}

// plain is an adapter that has nothing but what it must have.
type plain struct{ pubsub.Adapter }

func TestNodesOfAnAdapterThatDoesNotKnowThem(t *testing.T) {
	var hub pubsub.Hub
	c := pubsub.NewCluster(plain{hub.Node("a")})
	if list, _, err := c.Nodes(); !errors.Is(err, pubsub.ErrNoRoster) || list != nil {
		t.Errorf("nodes %v, %v", list, err)
	}
}

// wildRoster does what fault does when it is asked.
type wildRoster struct {
	pubsub.Adapter
	fault func(held chan struct{}) error
	held  chan struct{}
}

func (w wildRoster) Nodes() ([]pubsub.Node, <-chan struct{}) {
	_ = w.fault(w.held)
	return nil, nil
}

func TestFaultOfARosterIsAnError(t *testing.T) {
	for _, name := range []string{"panic", "Goexit", "block"} {
		fault := faults[name]
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var hub pubsub.Hub
				held := make(chan struct{})
				defer close(held)
				c := pubsub.NewCluster(wildRoster{hub.Node("a"), fault, held})
				begun := time.Now()
				if _, _, err := c.Nodes(); err == nil {
					t.Error("no error")
				}
				if d := time.Since(begun); d > time.Second {
					t.Errorf("it took %v", d)
				}
			})
		})
	}
}
