package observer_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// pair is a cluster of two nodes, "a" and "b", of which this one is "a".
type pair struct {
	far    *query.Source // b
	served chan bool
}

func (p *pair) Self() string                            { return "a" }
func (p *pair) Nodes(context.Context) ([]string, error) { return []string{"b", "a"}, nil }

func (p *pair) Ask(ctx context.Context, node string, question []byte) ([]byte, error) {
	if node != "b" {
		return nil, errors.New("there is no such node")
	}
	var answer func(context.Context, []byte) []byte
	far := query.New(p.far.System(), query.Config{Peers: catcher{p, &answer}})
	if _, err := far.Serve(); err != nil {
		return nil, err
	}
	return answer(ctx, question), nil
}

func (p *pair) Serve(func(context.Context, []byte) []byte) (func(), error) {
	p.served <- true
	return func() { p.served <- false }, nil
}

// catcher gives away how a source answers.
type catcher struct {
	*pair
	answer *func(context.Context, []byte) []byte
}

func (c catcher) Serve(answer func(context.Context, []byte) []byte) (func(), error) {
	*c.answer = answer
	return func() {}, nil
}

// A page shows another node, but has no rights there, and is told of no changes here meanwhile.
func TestAPageLooksAtAnotherNode(t *testing.T) {
	far := actortest.NewSystem(t, actortest.Silent())
	cluster := &pair{query.New(far, query.Config{}), make(chan bool, 2)}
	sys := actortest.NewSystem(t, actortest.Silent())
	s := serve(t, sys, observer.Config{Authorize: lets(observer.Act), Cluster: cluster})
	if !<-cluster.served {
		t.Error("this node does not answer the others")
	}
	v := s.open()
	if nodes, _ := v.hello["nodes"].([]any); v.hello["node"] != "a" || !slices.Equal(nodes, []any{"a", "b"}) {
		t.Errorf("the nodes are %v and %v", v.hello["node"], v.hello["nodes"])
	}
	ref, err := actor.Spawn(far, idle, actor.Label("far away"))
	if err != nil {
		t.Fatal(err)
	}
	near := ask[query.Tree](v, "tree", map[string]any{"node": "a"})
	if !observer.Feeding(s.o) {
		t.Error("the tree of this node is not watched")
	}
	tree := ask[query.Tree](v, "tree", map[string]any{"node": "b"})
	if len(tree.Root.Children) != 1 || tree.Root.Children[0].Label != "far away" || len(near.Root.Children) == 0 {
		t.Errorf("the trees are %+v and %+v", near.Root, tree.Root)
	}
	if observer.Feeding(s.o) {
		t.Error("the tree of this node is still watched")
	}
	if got := ask[query.Cluster](v, "cluster", map[string]any{"node": "b"}); len(got.Nodes) != 2 || got.Nodes[1].Actors != 1 {
		t.Errorf("the cluster is %+v", got)
	}
	// A PID is one of its node.
	same, err := actor.Spawn(sys, idle)
	if err != nil {
		t.Fatal(err)
	}
	for event, q := range map[string]map[string]any{
		"act":   {"node": "b", "pid": same.String(), "act": "kill"},
		"trace": {"node": "b", "pid": same.String(), "on": true},
	} {
		if _, err := v.room.Push(t.Context(), event, q); reasonOf(t, err) != query.Unavailable {
			t.Errorf("%s on another node: %v", event, err)
		}
	}
	if !same.PID().Alive() || !ref.PID().Alive() {
		t.Error("somebody has ended")
	}
	if _, err := v.room.Push(t.Context(), "top", map[string]any{"node": "nowhere"}); err == nil {
		t.Error("a node that there is not has answered")
	}
	if err := v.client.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := sys.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	if <-cluster.served {
		t.Error("this node still answers the others")
	}
}
