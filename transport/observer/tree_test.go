package observer_test

import (
	"errors"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func idle() actor.Behavior[int] {
	return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return nil })
}

// named returns the node with the given name or label under a node.
func named(n *query.Node, name string) *query.Node {
	if n == nil || n.Name == name || n.Label == name || n.ID == name {
		return n
	}
	for _, child := range n.Children {
		if found := named(child, name); found != nil {
			return found
		}
	}
	return nil
}

type pushedChange struct {
	Nodes []struct {
		Parent string
		After  *string
		Node   query.Node
	}
	Gone []struct {
		PID, Parent, Reason string
		Crashed             bool
		At                  int64
	}
	Counts    map[string]int
	Restarted []struct {
		Supervisor, ID, Old, New, Reason string
		At                               int64
	}
}

func TestACrashAndItsRestartArePushed(t *testing.T) {
	s := newSite(t, observer.Config{})
	top, err := supervisor.Start(s.sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Actor("store", idle), supervisor.Actor("api", idle),
	}}, actor.Name("top"))
	if err != nil {
		t.Fatal(err)
	}
	v := s.open()
	tree := ask[query.Tree](v, "tree", query.TreeRequest{})
	node := named(tree.Root, "top")
	if node == nil || node.Kind != query.KindSupervisor || node.Count != 2 || len(node.Children) != 0 {
		t.Fatalf("top is %+v, want a closed supervisor of two", node)
	}
	tree = ask[query.Tree](v, "tree", query.TreeRequest{Open: []string{top.PID().String()}})
	node = named(tree.Root, "top")
	if len(node.Children) != 2 || node.Children[0].Label != "store" || node.Children[1].Label != "api" {
		t.Fatalf("open, top is %+v, want its two children", node)
	}
	store, err := top.Child(t.Context(), "store")
	if err != nil {
		t.Fatal(err)
	}
	actortest.Crash(t, store.PID, errors.New("disk full"))
	c := await[pushedChange](v, "changed")
	if len(c.Gone) != 1 || c.Gone[0].PID != store.PID.String() || !c.Gone[0].Crashed || c.Gone[0].Reason != "disk full" || c.Gone[0].Parent != top.PID().String() {
		t.Errorf("gone is %+v", c.Gone)
	}
	now, err := top.Child(t.Context(), "store")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Nodes) != 1 || c.Nodes[0].Node.PID != now.PID.String() || c.Nodes[0].Parent != top.PID().String() {
		t.Errorf("new is %+v, want %v", c.Nodes, now.PID)
	}
	if n := c.Counts[top.PID().String()]; n != 2 {
		t.Errorf("there are %d children, want 2", n)
	}
}

// slowLabel has a label that takes its time.
type slowLabel chan struct{}

func (slowLabel) Receive(*actor.Context[int], int) error { return nil }
func (s slowLabel) ActorLabel() string                   { <-s; return "slow" }

// While a tree is being made, more may happen than is kept for it. Then the page must ask
// anew: what it has got would stay wrong.
func TestTooMuchHappensWhileATreeIsMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		slow := make(slowLabel)
		if _, err := actor.Spawn(sys, func() actor.Behavior[int] { return slow }); err != nil {
			t.Fatal(err)
		}
		ref := room.Push("tree", query.TreeRequest{})
		synctest.Wait() // for the label
		for range observer.MaxChanges + 1 {
			if _, err := actor.Spawn(sys, idle); err != nil {
				t.Fatal(err)
			}
		}
		close(slow)
		room.AssertReply(ref, "ok", wstest.Partial{})
		room.AssertPush("reset", nil)
	})
}
