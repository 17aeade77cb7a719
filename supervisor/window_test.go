package supervisor_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// Look returns a part of the children of any supervisor, in the order of their starts.
func TestLookReturnsAPartOfTheChildren(t *testing.T) {
	onStage(t, func(s *stage) {
		tree := s.start(plenty(supervisor.RestForOne, s.children("a b c d")...))
		dyn := s.startDynamic(supervisor.DynamicSpec{Intensity: 1000})
		for _, id := range []string{"v", "w", "x", "y"} {
			s.add(dyn, s.child(id, supervisor.Transient))
		}
		for _, c := range []struct {
			pid         actor.PID
			from, limit int
			strategy    string
			want        string
		}{
			{tree.PID(), 0, 2, "rest_for_one", "a b"},
			{tree.PID(), 1, 2, "rest_for_one", "b c"},
			{tree.PID(), 3, 9, "rest_for_one", "d"},
			{tree.PID(), 4, 9, "rest_for_one", ""},
			{tree.PID(), 0, 0, "rest_for_one", ""},
			{tree.PID(), -1, 1, "rest_for_one", "a"},
			{dyn.PID(), 0, 2, "dynamic", "v w"},
			{dyn.PID(), 2, 9, "dynamic", "x y"},
			{dyn.PID(), 0, 0, "dynamic", ""},
		} {
			w, err := supervisor.Look(s.Context(), c.pid, c.from, c.limit)
			got := ""
			for i, child := range w.Children {
				if i > 0 {
					got += " "
				}
				got += child.PID.Label()
			}
			if err != nil || w.Total != 4 || w.Strategy != c.strategy || got != c.want {
				t.Errorf("%+v: %q of %d, %s, %v", c, got, w.Total, w.Strategy, err)
			}
		}
		s.ok(tree.TerminateChild(s.Context(), "b"))
		w, err := supervisor.Look(s.Context(), tree.PID(), 1, 1)
		if want := (supervisor.ChildInfo{ID: "b"}); err != nil || w.Children[0] != want {
			t.Errorf("one that was terminated: %+v, %v", w, err)
		}
	})
}

// What is no supervisor, or none any more, is an error at once.
func TestLookAtNoSupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		tree := s.start(plenty(supervisor.OneForOne, s.child("a")))
		a := s.pid("a")
		for _, pid := range []actor.PID{a, {}} {
			if _, err := supervisor.Look(s.Context(), pid, 0, 1); err == nil {
				t.Errorf("looked at %v", pid)
			}
		}
		if _, err := supervisor.History(s.Context(), tree.PID()); err == nil {
			t.Error("a history without a supervisor")
		}
		s.ok(tree.Stop(s.Context()))
		if _, err := supervisor.Look(s.Context(), tree.PID(), 0, 1); !errors.Is(err, actor.NoProc) {
			t.Errorf("looked at one that has ended: %v", err)
		}
		if _, err := supervisor.History(s.Context(), a); !errors.Is(err, actor.NoProc) {
			t.Errorf("asked one that has ended: %v", err)
		}
	})
}

// History tells how a child came to be what it is.
func TestHistoryTellsTheRestartsOfAChild(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(plenty(supervisor.OneForOne, s.children("a b")...))
		dyn := s.startDynamic(supervisor.DynamicSpec{Intensity: 1000})
		s.add(dyn, s.child("x"))
		if got, err := supervisor.History(s.Context(), s.pid("a")); err != nil || len(got) > 0 {
			t.Errorf("before: %v, %v", got, err)
		}
		line := map[string][]actor.PID{}
		for _, id := range []string{"a", "b", "x", "a", "x", "a"} {
			line[id] = append(line[id], s.pid(id))
			s.send(id, fmt.Errorf("of %s, %w", id, errBoom))
			s.settle()
			time.Sleep(time.Second)
		}
		for _, id := range []string{"a", "b", "x"} {
			got, err := supervisor.History(s.Context(), s.pid(id))
			var old []actor.PID
			for i, r := range got {
				old = append(old, r.Old)
				if r.Restarts != i+1 || r.Reason.Error() != "of "+id+", boom" || i > 0 && !got[i-1].At.Before(r.At) {
					t.Errorf("%s: %+v", id, r)
				}
			}
			if err != nil || !slices.Equal(old, line[id]) || got[len(got)-1].New != s.pid(id) {
				t.Errorf("%s: %+v, %v", id, got, err)
			}
		}
	})
}
