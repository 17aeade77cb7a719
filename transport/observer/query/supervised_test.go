package query_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// below returns the node of an actor in a tree.
func below(n *query.Node, pid actor.PID) *query.Node {
	if n.PID == pid.String() {
		return n
	}
	for _, c := range n.Children {
		if found := below(c, pid); found != nil {
			return found
		}
	}
	return nil
}

func TestSupervisorsShowTheirStrategies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		want := map[actor.PID]string{}
		for strategy, name := range map[supervisor.Strategy]string{
			supervisor.OneForOne: "one_for_one", supervisor.OneForAll: "one_for_all", supervisor.RestForOne: "rest_for_one",
		} {
			tree, err := supervisor.Start(sys, supervisor.Spec{Strategy: strategy})
			if err != nil {
				t.Fatal(err)
			}
			want[tree.PID()] = name
		}
		dynamic, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{})
		if err != nil {
			t.Fatal(err)
		}
		want[dynamic.PID()] = "dynamic"
		want[spawnWorker(t, sys).PID()] = ""
		tree, err := s.Tree(t.Context(), query.TreeRequest{})
		if err != nil {
			t.Fatal(err)
		}
		for pid, strategy := range want {
			if n := below(tree.Root, pid); n == nil || n.Strategy != strategy {
				t.Errorf("in the tree it is %+v, want %q", n, strategy)
			}
			if a, err := s.Actor(t.Context(), query.ActorRequest{PID: pid.String()}); err != nil || a.Strategy != strategy {
				t.Errorf("as one actor it is %+v, %v, want %q", a, err, strategy)
			}
		}
	})
}

// A supervisor that is busy, here with the start of a child, is not waited for.
func TestABusySupervisorHoldsUpNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		release := make(chan struct{})
		top, err := supervisor.Start(sys, supervisor.Spec{Strategy: supervisor.OneForAll, Intensity: 9, Period: time.Minute,
			Children: []supervisor.Child{
				supervisor.Actor("first", func() actor.Behavior[time.Duration] { return worker{} }),
				supervisor.Actor("slow", actortest.Inject(func() actor.Behavior[time.Duration] { return worker{} },
					actortest.Fault{Start: 2, Do: actortest.Block(release)})),
			}})
		if err != nil {
			t.Fatal(err)
		}
		first, err := top.Child(t.Context(), "first")
		if err != nil {
			t.Fatal(err)
		}
		actortest.Crash(t, first.PID, errors.New("disk full"))
		synctest.Wait()
		heir := actor.PID{}
		for pid := range sys.All() {
			if pid.Parent() == top.PID() && pid.Label() == "first" {
				heir = pid
			}
		}
		const limit = 500 * time.Millisecond
		start := time.Now()
		tree, err := s.Tree(t.Context(), query.TreeRequest{Open: []string{top.PID().String()}})
		if took := time.Since(start); err != nil || took > limit || below(tree.Root, heir) == nil {
			t.Errorf("the tree is %+v after %v, %v", tree, took, err)
		}
		start = time.Now()
		a, err := s.Actor(t.Context(), query.ActorRequest{PID: heir.String()})
		if took := time.Since(start); err != nil || took > limit || len(a.History) != 0 {
			t.Errorf("the actor is %+v after %v, %v", a, took, err)
		}
		close(release)
		synctest.Wait()
		tree, err = s.Tree(t.Context(), query.TreeRequest{})
		if n := below(tree.Root, top.PID()); err != nil || n.Strategy != "one_for_all" {
			t.Errorf("when it has time it is %+v, %v", n, err)
		}
		a, err = s.Actor(t.Context(), query.ActorRequest{PID: heir.String()})
		if err != nil || len(a.History) != 1 || a.History[0].Reason != "disk full" || a.History[0].New != heir.String() ||
			a.History[0].Old != first.PID.String() || a.History[0].At == 0 {
			t.Errorf("when it has time, the history is %+v, %v", a, err)
		}
	})
}

// Children that do not run take the places of others, which are counted as more.
func TestChildrenThatDoNotRunLeaveRoomForFewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		spec := supervisor.Spec{}
		for _, id := range []string{"a", "b", "c"} {
			spec.Children = append(spec.Children, supervisor.Actor(id, func() actor.Behavior[time.Duration] { return worker{} }))
		}
		top, err := supervisor.Start(sys, spec)
		if err != nil {
			t.Fatal(err)
		}
		if err := top.TerminateChild(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		tree, err := s.Tree(t.Context(), query.TreeRequest{Open: []string{top.PID().String()}, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		n := below(tree.Root, top.PID())
		if n.Count != 2 || len(n.Children) != 2 || n.Children[0].ID != "a" || n.Children[0].Status != "stopped" || n.Children[1].ID != "b" || n.More != 1 {
			t.Errorf("it is %+v, with %+v", n, n.Children)
		}
	})
}
