package query_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// worker works on each message as long as that says.
type worker struct{}

func (worker) Receive(ctx *actor.Context[time.Duration], d time.Duration) error {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return nil
}

func spawnWorker(t *testing.T, sys *actor.System, opts ...actor.Option) actor.Ref[time.Duration] {
	t.Helper()
	ref, err := actor.Spawn(sys, func() actor.Behavior[time.Duration] { return worker{} }, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// measuredSource returns a source in a bubble, closed before the system ends.
func measuredSource(t *testing.T) (*query.Source, *actor.System) {
	sys := actortest.NewSystem(t, actortest.Silent())
	s := query.New(sys, query.Config{})
	t.Cleanup(s.Close)
	return s, sys
}

func topOf(t *testing.T, s *query.Source, q query.TopRequest) *query.Top {
	t.Helper()
	top, err := s.Top(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return top
}

func TestTopByEachOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		stuck := spawnWorker(t, sys, actor.Name("stuck"))
		often := spawnWorker(t, sys, actor.Label("often"))
		idle := spawnWorker(t, sys)
		idle.PID().SetRestarts(7)
		top := topOf(t, s, query.TopRequest{})
		if top.Measured || top.Every != 1000 || len(top.Rows) != 0 || top.Total != 3 || top.Matched != 3 {
			t.Errorf("at first it is %+v", top)
		}
		stuck.Send(time.Hour)
		synctest.Wait()
		for range 5 {
			stuck.Send(time.Hour)
		}
		for range 400 {
			often.Send(0)
			time.Sleep(10 * time.Millisecond)
		}
		for by, want := range map[string]actor.PID{
			"": stuck.PID(), "queue": stuck.PID(), "oldest": stuck.PID(), "busy": stuck.PID(),
			"rate": often.PID(), "handled": often.PID(), "restarts": idle.PID(),
		} {
			top := topOf(t, s, query.TopRequest{By: by})
			if !top.Measured || len(top.Rows) == 0 || top.Rows[0].PID != want.String() {
				t.Errorf("by %q it is %+v, want %v first", by, top, want)
			}
		}
		row := topOf(t, s, query.TopRequest{}).Rows[0]
		if row.Name != "stuck" || row.Queue != 5 || row.Oldest < 3000 || row.Oldest > 4000 || row.Busy != 1 || row.Rate != 0 ||
			row.Handled != 1 || row.Status != "running" || row.Behavior != "query_test.worker" {
			t.Errorf("the stuck one is %+v", row)
		}
		row = topOf(t, s, query.TopRequest{By: "rate"}).Rows[0]
		if row.Label != "often" || row.Rate < 95 || row.Rate > 105 || row.Handled != 400 {
			t.Errorf("the other is %+v", row)
		}
		a, err := s.Actor(t.Context(), query.ActorRequest{PID: stuck.String()})
		if err != nil || !a.Measured || a.Oldest < 3000 || a.Busy != 1 || a.Rate != 0 {
			t.Errorf("as one actor it is %+v, %v", a, err)
		}
		if _, err := s.Top(t.Context(), query.TopRequest{By: "size"}); err == nil || query.AsError(err).Reason != query.Invalid {
			t.Errorf("by what there is not: %v", err)
		}
	})
}

// A page that asks each interval keeps the meter going. Some seconds after the last question
// nothing is measured, and a new question has it begin anew.
func TestActorsAreMeasuredWhileSomebodyAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		ref := spawnWorker(t, sys)
		ref.Send(time.Hour)
		synctest.Wait()
		ref.Send(time.Hour)
		is := func(want bool) {
			t.Helper()
			if info, ok := ref.PID().Info(); !ok || (info.Oldest > 0) != want {
				t.Errorf("the oldest message waits %v, want it measured: %v", info.Oldest, want)
			}
		}
		time.Sleep(time.Minute)
		is(false)
		for range 60 {
			topOf(t, s, query.TopRequest{})
			time.Sleep(time.Second)
			synctest.Wait()
			is(true)
		}
		if !topOf(t, s, query.TopRequest{}).Measured {
			t.Error("after a minute there are no figures")
		}
		time.Sleep(9 * time.Second)
		is(true)
		time.Sleep(2 * time.Second)
		is(false)
		if topOf(t, s, query.TopRequest{}).Measured {
			t.Error("the figures are of the time before")
		}
		time.Sleep(time.Second)
		is(true)
		s.Close()
		is(false)
		if _, err := s.Top(t.Context(), query.TopRequest{}); err == nil || query.AsError(err).Reason != query.Unavailable {
			t.Errorf("when it has ended: %v", err)
		}
		is(false)
	})
}

// labeled counts how often labels are asked for.
type labeled struct {
	worker
	asked *atomic.Int32
	label string
}

func (l labeled) ActorLabel() string {
	l.asked.Add(1)
	return l.label
}

// Labels are users' code: they are made for the actors that are shown, unless a filter has to
// know them.
func TestTopMakesLabelsForWhatItShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		var asked atomic.Int32
		for i := range 20 {
			ref, err := actor.Spawn(sys, func() actor.Behavior[time.Duration] {
				return labeled{asked: &asked, label: fmt.Sprintf("Order %d.", i)}
			})
			if err != nil {
				t.Fatal(err)
			}
			for range i + 1 {
				ref.Send(0)
			}
		}
		synctest.Wait()
		top := topOf(t, s, query.TopRequest{By: "handled", Limit: 3})
		if len(top.Rows) != 3 || top.Rows[0].Label != "Order 19." || top.Rows[2].Label != "Order 17." || top.Matched != 20 {
			t.Errorf("it is %+v", top)
		}
		if n := asked.Load(); n != 3 {
			t.Errorf("%d labels were made", n)
		}
		top = topOf(t, s, query.TopRequest{By: "handled", Filter: "order 1", Limit: 3})
		if len(top.Rows) != 3 || top.Matched != 11 || top.Total != 20 || top.Rows[0].Label != "Order 19." {
			t.Errorf("with a filter it is %+v", top)
		}
	})
}

func TestTopShowsNoMoreThanItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, sys := measuredSource(t)
		for range 250 {
			spawnWorker(t, sys).Send(0)
		}
		synctest.Wait()
		if top := topOf(t, s, query.TopRequest{By: "handled", Limit: 1000}); len(top.Rows) != 200 || top.Matched != 250 {
			t.Errorf("there are %d rows of %d", len(top.Rows), top.Matched)
		}
	})
}
