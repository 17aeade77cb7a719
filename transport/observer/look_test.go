package observer

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// Children that could not be counted, because the time for it was over, are counted another time.
func TestWhatCouldNotBeCountedStaysUncertain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		ref, err := actor.Spawn(sys, func() actor.Behavior[int] {
			return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return nil })
		})
		if err != nil {
			t.Fatal(err)
		}
		w := newWatch(func() {}, []actor.PID{{}})
		w.begin(&query.Node{}, func(*query.Node) int { return 100 })
		w.note(&change{kind: hasSpawned, pid: ref.PID()})
		life, end := context.WithCancel(t.Context())
		end()
		p := &page{run: &run{sys: sys, source: query.New(sys, query.Config{})}, life: life}
		p.recount(w)
		synctest.Wait()
		if got := w.uncertain(); !slices.Equal(got, []actor.PID{{}}) {
			t.Errorf("uncertain are %v, want the root", got)
		}
	})
}
