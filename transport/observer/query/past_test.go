package query_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/view"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/supervisor/pool"
	"github.com/troupe-go/troupe/transport/observer/query"
)

func idle() actor.Behavior[int] {
	return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return nil })
}

// A crash is grouped with those like it, is on the timeline with its restart, and the tree
// of the time before it has the actor that has ended.
func TestACrashCanBeLookedAtAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		h := query.NewHistory(query.HistoryConfig{})
		defer h.Record(sys)()
		s := query.New(sys, query.Config{History: h})
		top, err := supervisor.Start(sys, supervisor.Spec{Intensity: 9, Period: time.Second,
			Children: []supervisor.Child{supervisor.Actor("store", idle)}}, actor.Name("top"))
		if err != nil {
			t.Fatal(err)
		}
		first, err := top.Child(t.Context(), "store")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second) // of the bubble's
		before := time.Now().UnixMilli()
		time.Sleep(time.Second)
		for i := range 2 {
			c, err := top.Child(t.Context(), "store")
			if err != nil {
				t.Fatal(err)
			}
			actortest.Crash(t, c.PID, fmt.Errorf("disk %d is full", i))
			synctest.Wait()
		}
		crashes, err := s.Crashes(t.Context(), query.CrashesRequest{})
		if err != nil || len(crashes.Groups) != 1 || crashes.Groups[0].Count != 2 || crashes.Groups[0].Reason != "disk 1 is full" || crashes.Groups[0].Example.Label != "store" || len(crashes.Groups[0].Preceded) == 0 {
			t.Errorf("crashes are %+v, %v", crashes, err)
		}
		line, err := s.Timeline(t.Context(), query.TimelineRequest{From: before})
		if err != nil {
			t.Fatal(err)
		}
		kinds := map[query.EventKind]int{}
		for _, e := range line.Events {
			kinds[e.Kind]++
		}
		if kinds[query.EventCrash] != 2 || kinds[query.EventRestart] != 2 || kinds[query.EventSpawn] != 2 || line.Lost != 0 {
			t.Errorf("events are %v, lost %d", kinds, line.Lost)
		}
		tree, err := s.Tree(t.Context(), query.TreeRequest{At: before, Open: []string{top.PID().String()}})
		if err != nil {
			t.Fatal(err)
		}
		var found []string
		for _, n := range tree.Root.Children {
			for _, c := range n.Children {
				found = append(found, c.PID+" "+c.Label)
			}
		}
		if want := first.PID.String() + " store"; len(found) != 1 || found[0] != want {
			t.Errorf("the children then are %q, want %q", found, want)
		}
	})
}

// What replaces a worker of a pool is a restart, and a pool that gives up is one that does,
// as with supervisors.
func TestRestartsOfWorkersAreOnTheTimeline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t, actortest.Silent())
		h := query.NewHistory(query.HistoryConfig{})
		defer h.Record(sys)()
		p := pool.New[int](pool.Config{ID: "ovens", Min: 1, Intensity: 1}, func() actor.Behavior[int] {
			return actor.BehaviorFunc[int](func(*actor.Context[int], int) error { return errors.New("burnt") })
		})
		tree, err := p.Start(sys)
		if err != nil {
			t.Fatal(err)
		}
		p.Send(1)
		time.Sleep(time.Second)
		p.Send(2)
		<-tree.PID().Done()
		synctest.Wait()
		line, err := query.New(sys, query.Config{History: h}).Timeline(t.Context(), query.TimelineRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range line.Events {
			if e.Kind == query.EventRestart || e.Kind == query.EventGaveUp {
				got = append(got, fmt.Sprint(e.Kind, " ", e.Label, " ", e.Reason))
			}
		}
		if want := []string{"restart ovens worker burnt", "gaveup ovens worker burnt"}; !slices.Equal(got, want) {
			t.Errorf("the timeline has %q, want %q", got, want)
		}
	})
}

// moody is a reason whose text fails as soon as it is armed.
type moody struct {
	armed atomic.Bool
	fail  func()
}

func (m *moody) Error() string {
	if m.armed.Load() {
		m.fail()
	}
	return "moody"
}

// A reason whose text fails costs its text, and not the history, nor the actor's end more
// than a moment. Texts that hang are not asked for without end.
func TestReasonsThatFailCostTheirTexts(t *testing.T) {
	for name, fail := range map[string]func(release chan struct{}){
		"panics":       func(chan struct{}) { panic("Error") },
		"calls Goexit": func(chan struct{}) { runtime.Goexit() },
		"typed nil":    func(chan struct{}) { var e *fs.PathError; _ = e.Error() },
		"hangs":        func(release chan struct{}) { <-release },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sys := actortest.NewSystem(t, actortest.Silent())
				release := make(chan struct{})
				defer close(release)
				reason := &moody{fail: func() { fail(release) }}
				defer sys.Observe(func(e actor.Event) {
					if c, ok := e.(actor.Crashed); ok && c.Reason == reason {
						reason.armed.Store(true)
					}
				})()
				h := query.NewHistory(query.HistoryConfig{})
				defer h.Record(sys)()
				began := time.Now()
				const n = 50
				for range n {
					reason.armed.Store(false)
					ref, err := actor.Spawn(sys, idle)
					if err != nil {
						t.Fatal(err)
					}
					actortest.Crash(t, ref.PID(), reason)
					synctest.Wait() // Exited comes after Done
				}
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("%d ends have taken %v", n, took)
				}
				s := query.New(sys, query.Config{History: h})
				line, err := s.Timeline(t.Context(), query.TimelineRequest{Limit: 4 * n})
				if err != nil {
					t.Fatal(err)
				}
				kinds := map[query.EventKind]int{}
				for _, e := range line.Events {
					kinds[e.Kind]++
					if e.Kind == query.EventCrash && e.Reason != "a reason whose text cannot be had" {
						t.Errorf("its reason is %q", e.Reason)
					}
				}
				if kinds[query.EventSpawn] != n || kinds[query.EventCrash] != n {
					t.Errorf("events are %v", kinds)
				}
				if crashes, err := s.Crashes(t.Context(), query.CrashesRequest{}); err != nil || len(crashes.Groups) != 1 || crashes.Groups[0].Count != n {
					t.Errorf("crashes are %+v, %v", crashes, err)
				}
			})
		})
	}
}

// A history keeps to its bytes, and says from when on it is whole.
func TestAHistoryKeepsToItsBytes(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	h := query.NewHistory(query.HistoryConfig{MaxBytes: 64 << 10})
	defer h.Record(sys)()
	s := query.New(sys, query.Config{History: h})
	const n = 2000
	told := make(chan struct{}, n) // an end is told after Done; observers hear of it in order
	defer sys.Observe(func(e actor.Event) {
		if _, ok := e.(actor.Exited); ok {
			told <- struct{}{}
		}
	})()
	for range n {
		ref, err := actor.Spawn(sys, idle)
		if err != nil {
			t.Fatal(err)
		}
		ref.PID().Exit(actor.Kill)
		<-told
	}
	line, err := s.Timeline(t.Context(), query.TimelineRequest{Limit: 1000})
	if err != nil || len(line.Events)+line.Lost != 2*n || line.Lost < n {
		t.Errorf("%d events and %d lost, of %d: %v", len(line.Events), line.Lost, 2*n, err)
	}
}

func TestATableThatFailsCostsItsAnswer(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	for name, rows := range map[string]func(context.Context, string, int) ([][]string, int, error){
		"panic":  func(context.Context, string, int) ([][]string, int, error) { panic("no") },
		"Goexit": func(context.Context, string, int) ([][]string, int, error) { runtime.Goexit(); return nil, 0, nil },
		"error":  func(context.Context, string, int) ([][]string, int, error) { return nil, 0, errors.New("no") },
	} {
		s := query.New(sys, query.Config{Tables: []view.Table{{Name: "t", Rows: rows}}})
		for range 2 { // the one that fails leaves nothing behind
			if _, err := s.Ask(t.Context(), "table", []byte(`{"name":"t"}`)); query.AsError(err).Reason != query.Unavailable {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
	}
}
