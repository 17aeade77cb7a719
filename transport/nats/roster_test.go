package nats

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// untilNodes waits until the adapter lists these nodes.
func untilNodes(t *testing.T, a *Adapter, names ...string) []pubsub.Node {
	t.Helper()
	for {
		list, changed := a.Nodes()
		ok := len(list) == len(names)
		for i := 0; ok && i < len(names); i++ {
			ok = list[i].Name == names[i]
		}
		if ok {
			return list
		}
		await(t, changed)
	}
}

// The nodes are those that are up, and each change of that is told.
func TestNodesAreThoseThatAreUp(t *testing.T) {
	s, cluster := startServer(t), prefix()
	wire := new(wire)
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b", nats.SetCustomDialer(wire))
	if list, _ := a.Nodes(); list != nil {
		t.Errorf("one that has not joined knows %v", list)
	}
	enter(t, a)
	enter(t, b)
	before := untilNodes(t, a, "b")
	untilNodes(t, b, "a")
	wire.cut()
	fallSilent(t, a, "b")
	fallSilent(t, b, "a")
	untilNodes(t, a)
	untilNodes(t, b)
	wire.mend()
	if after := untilNodes(t, a, "b"); after[0] != before[0] {
		t.Errorf("the node that was cut off is %v, was %v", after, before)
	}
	untilNodes(t, b, "a")
	if err := b.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	untilNodes(t, a)
	untilNodes(t, b)
	enter(t, b)
	if after := untilNodes(t, a, "b"); after[0] == before[0] {
		t.Error("the node that has joined again is the same")
	}
}
