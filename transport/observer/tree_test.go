package observer_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

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

// A page is told of a crash and of its restart by one message, and at once: what it shows of them
// within 200 ms has to go through a network, and a browser.
func TestACrashAndItsRestartArePushedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		top, err := supervisor.Start(sys, supervisor.Spec{Intensity: 9, Children: []supervisor.Child{
			supervisor.Actor("store", idle), supervisor.Actor("api", idle),
		}}, actor.Name("top"))
		if err != nil {
			t.Fatal(err)
		}
		_, room := join(t, o)
		look := func(q query.TreeRequest) *query.Node {
			t.Helper()
			var tree query.Tree
			if err := room.AssertReply(room.Push("tree", q), "ok").Decode(&tree); err != nil {
				t.Fatal(err)
			}
			return named(tree.Root, "top")
		}
		if n := look(query.TreeRequest{}); n == nil || n.Kind != query.KindSupervisor || n.Count != 2 || len(n.Children) != 0 {
			t.Fatalf("top is %+v, want a closed supervisor of two", n)
		}
		n := look(query.TreeRequest{Open: []string{top.PID().String()}})
		if len(n.Children) != 2 || n.Children[0].Label != "store" || n.Children[1].Label != "api" {
			t.Fatalf("open, top is %+v, want its two children", n)
		}
		for i, within := range []time.Duration{15 * time.Millisecond, 45 * time.Millisecond} { // the second soon after the first
			store, err := top.Child(t.Context(), "store")
			if err != nil {
				t.Fatal(err)
			}
			actortest.Crash(t, store.PID, errors.New("disk full"))
			start := time.Now()
			var c pushedChange
			if err := room.AssertPush("changed").Decode(&c); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(start); took > within {
				t.Errorf("push %d came after %v", i, took)
			}
			if len(c.Gone) != 1 || c.Gone[0].PID != store.PID.String() || !c.Gone[0].Crashed || c.Gone[0].Reason != "disk full" || c.Gone[0].Parent != top.PID().String() {
				t.Errorf("gone is %+v", c.Gone)
			}
			now, err := top.Child(t.Context(), "store")
			if err != nil {
				t.Fatal(err)
			}
			if len(c.Nodes) != 1 || c.Nodes[0].Node.PID != now.PID.String() || c.Nodes[0].Parent != top.PID().String() || len(c.Restarted) != 1 {
				t.Errorf("new is %+v, restarted %+v, want %v", c.Nodes, c.Restarted, now.PID)
			}
			if n := c.Counts[top.PID().String()]; n != 2 {
				t.Errorf("there are %d children, want 2", n)
			}
		}
	})
}

// What an actor does in its first second on the page is seen, also if it does nothing after that.
func TestAnActorThatGetsStuckAtOnceIsSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		defer close(release)
		stuck := func() actor.Ref[int] {
			ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { <-release; return nil }))
			if err != nil {
				t.Fatal(err)
			}
			return ref
		}
		refs := []actor.Ref[int]{stuck()}
		_, room := join(t, o)
		room.AssertReply(room.Push("tree", query.TreeRequest{}), "ok")
		refs = append(refs, stuck())
		room.AssertPush("changed")
		time.Sleep(100 * time.Millisecond)
		for _, ref := range refs {
			for range 4 {
				ref.Send(1)
			}
		}
		var c pushedChange
		if err := room.Within(2 * time.Second).AssertPush("changed").Decode(&c); err != nil {
			t.Fatal(err)
		}
		queues := map[string]int{}
		for _, n := range c.Nodes {
			queues[n.Node.PID] = n.Node.Queue
		}
		for _, ref := range refs {
			if queues[ref.String()] != 3 {
				t.Errorf("%v has a queue of %d on the page", ref, queues[ref.String()])
			}
		}
	})
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
