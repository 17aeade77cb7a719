package query_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// parentOf is an actor with a linked child, which outlives its orderly end.
type parentOf struct{ child string }

func (p parentOf) Init(ctx *actor.Context[int]) error {
	_, err := actor.SpawnLink(ctx, idle, actor.Label(p.child))
	return err
}

func (parentOf) Receive(*actor.Context[int], int) error { return actor.Normal }

// places returns the parents of the nodes in a tree, by label, and how many children each has.
func places(n *query.Node, of map[string]string) map[string]string {
	for _, c := range n.Children {
		of[c.Label] = fmt.Sprintf("under %s, over %d", n.Label, c.Count)
		places(c, of)
	}
	return of
}

// An actor that outlives its parent is below the root from then on, and below its parent when
// the time before is looked at; no matter whether it lives still.
func TestTheTreeOfThePastHasOrphansWhereTheyWere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		h := query.NewHistory(query.HistoryConfig{})
		defer h.Record(sys)()
		s := query.New(sys, query.Config{History: h})
		parent, err := actor.Spawn(sys, func() actor.Behavior[int] { return parentOf{"son"} }, actor.Label("mother"))
		if err != nil {
			t.Fatal(err)
		}
		var son actor.PID
		for pid := range sys.All() {
			if pid.Label() == "son" {
				son = pid
			}
		}
		moment := func() int64 {
			time.Sleep(time.Second)
			synctest.Wait()
			defer time.Sleep(time.Second)
			return time.Now().UnixMilli()
		}
		both := moment()
		parent.Send(0)
		alone := moment()
		if _, err := actor.Spawn(sys, idle, actor.Label("a later son")); err != nil {
			t.Fatal(err)
		}
		check := func() {
			t.Helper()
			for _, c := range []struct {
				at   int64
				open []string
				want map[string]string
				path string // of the son
			}{
				{both, []string{parent.PID().String()}, map[string]string{"mother": "under system, over 1", "son": "under mother, over 0"}, "[mother]"},
				{both, nil, map[string]string{"mother": "under system, over 1"}, "[mother]"},
				{alone, []string{parent.PID().String()}, map[string]string{"son": "under system, over 0"}, "[]"},
			} {
				tree, err := s.Tree(t.Context(), query.TreeRequest{At: c.at, Open: c.open})
				if err != nil {
					t.Fatal(err)
				}
				if got := places(tree.Root, map[string]string{}); fmt.Sprint(got) != fmt.Sprint(c.want) || tree.Root.Count != len(tree.Root.Children) {
					t.Errorf("%d children of the root, with %v, want %v", tree.Root.Count, got, c.want)
				}
				found, err := s.Tree(t.Context(), query.TreeRequest{At: c.at, Filter: "SON"})
				if err != nil || found.Total != 1 || len(found.Matches) != 1 || found.Matches[0].Node.PID != son.String() {
					t.Fatalf("the search finds %+v, %v", found, err)
				}
				path := []string{}
				for _, l := range found.Matches[0].Path {
					path = append(path, l.Label)
				}
				if fmt.Sprint(path) != c.path {
					t.Errorf("the path is %v, want %s", path, c.path)
				}
			}
		}
		check()
		son.Exit(actor.Kill)
		<-son.Done()
		synctest.Wait()
		check()
	})
}

// Of many children that have ended since, a tree of the past has the first, as one of now does,
// and as many as are asked for of a single node.
func TestTheTreeOfThePastKeepsToItsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		h := query.NewHistory(query.HistoryConfig{})
		defer h.Record(sys)()
		s := query.New(sys, query.Config{History: h})
		var pids []actor.PID
		for range 8 {
			ref, err := actor.Spawn(sys, idle)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, ref.PID())
		}
		time.Sleep(time.Second)
		at := time.Now().UnixMilli()
		time.Sleep(time.Second)
		for _, i := range []int{6, 5, 0, 2} { // the others live on
			pids[i].Exit(actor.Kill)
			<-pids[i].Done()
		}
		synctest.Wait()
		for _, limits := range []map[string]int{nil, {"": 6}} {
			want := 3
			if limits != nil {
				want = 6
			}
			tree, err := s.Tree(t.Context(), query.TreeRequest{At: at, Limit: 3, Limits: limits})
			if err != nil || tree.Root.Count != 8 || len(tree.Root.Children) != want || tree.Root.More != 8-want {
				t.Fatalf("the root is %+v, %v", tree.Root, err)
			}
			for i, c := range tree.Root.Children {
				if c.PID != pids[i].String() {
					t.Errorf("child %d is %s, want %v", i, c.PID, pids[i])
				}
			}
		}
	})
}
