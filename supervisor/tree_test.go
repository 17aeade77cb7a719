package supervisor_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// T-10, SUP-60 to SUP-62: a child goes through all phases, and each request is
// made in each of them.
func TestChildAdministration(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("z")))
		ctx := s.Context()
		start := func() error { _, err := sup.StartChild(ctx, s.child("a")); return err }
		restart := func() error { _, err := sup.RestartChild(ctx, "a"); return err }
		remove := func() error { return sup.DeleteChild(ctx, "a") }
		terminate := func() error { return sup.TerminateChild(ctx, "a") }

		// It is not there.
		s.expectError(restart(), supervisor.ErrNotFound)
		s.expectError(remove(), supervisor.ErrNotFound)
		s.expectError(terminate(), supervisor.ErrNotFound)
		_, err := sup.ChildSpec(ctx, "a")
		s.expectError(err, supervisor.ErrNotFound)
		s.failNext("a", 1)
		s.expectError(start(), errFlat)
		s.expectError(terminate(), supervisor.ErrNotFound) // SUP-61
		s.ok(start())

		// It runs.
		var started *supervisor.AlreadyStartedError
		if err := start(); !errors.As(err, &started) || started.PID != s.pid("a") || started.ID != "a" {
			t.Errorf("a second start: %v", err)
		}
		s.expectError(restart(), supervisor.ErrRunning)
		s.expectError(remove(), supervisor.ErrRunning)
		s.ok(terminate())

		// It is at rest.
		s.ok(terminate())
		s.expectError(start(), supervisor.ErrAlreadyPresent)
		s.failNext("a", 1)
		s.expectError(restart(), errFlat)
		if got := s.state(sup); got != "z+a-" {
			t.Errorf("after a restart that failed: %s", got)
		}
		s.ok(restart())
		s.ok(terminate())
		s.ok(remove())
		s.expectError(remove(), supervisor.ErrNotFound)
		if got := s.state(sup); got != "z+" {
			t.Errorf("after all: %s", got)
		}
		s.expect("+z, a fails, +a, -a shutdown, a fails, +a, -a shutdown")
	})
}

// SUP-62: a temporary child that is terminated is forgotten.
func TestTerminateTemporaryChild(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: s.children("a b", supervisor.Temporary)})
		s.ok(sup.TerminateChild(s.Context(), "a"))
		if got := s.state(sup); got != "b+" {
			t.Errorf("the children are now %s", got)
		}
		s.expectError(sup.TerminateChild(s.Context(), "a"), supervisor.ErrNotFound)
	})
}

// SUP-23 for children that were added later: they come last.
func TestAddedChildrenAreLastInOrder(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.RestForOne, s.children("a b")...))
		_, err := sup.StartChild(s.Context(), s.child("c"))
		s.ok(err)
		s.settle()
		s.send("b", errBoom)
		s.expect("-b boom, -c shutdown, +b, +c")
	})
}

// T-5, SUP-3, SUP-65: what a description says, defaults included.
func TestChildSpec(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{
			AutoShutdown: supervisor.AllSignificant,
			Children: []supervisor.Child{
				s.child("plain"),
				supervisor.Supervisor("sub", supervisor.Spec{}),
				supervisor.DynamicSupervisor("dyn", supervisor.DynamicSpec{}),
				s.child("fancy", supervisor.Transient, supervisor.Shutdown(time.Minute), supervisor.Significant),
			},
		})
		for id, want := range map[string]supervisor.Child{
			"plain": {Shutdown: supervisor.Shutdown(5 * time.Second)},
			"sub":   {Shutdown: supervisor.Infinity, Type: supervisor.TypeSupervisor},
			"dyn":   {Shutdown: supervisor.Infinity, Type: supervisor.TypeSupervisor},
			"fancy": {Restart: supervisor.Transient, Shutdown: supervisor.Shutdown(time.Minute), Significant: true},
		} {
			got, err := sup.ChildSpec(s.Context(), id)
			s.ok(err)
			if got.ID != id || got.Start == nil || got.Restart != want.Restart || got.Shutdown != want.Shutdown ||
				got.Type != want.Type || got.Significant != want.Significant {
				t.Errorf("%s: got %+v, want %+v", id, got, want)
			}
		}
	})
}

// T-26, SUP-63, SUP-64: the listings stay right.
func TestCountAndChildren(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne,
			s.child("a"), s.child("b", supervisor.Transient), s.child("c", supervisor.Temporary),
			supervisor.Supervisor("sub", supervisor.Spec{}), supervisor.DynamicSupervisor("dyn", supervisor.DynamicSpec{})))
		count := func(want supervisor.Count) {
			t.Helper()
			s.settle()
			got, err := sup.Count(s.Context())
			s.ok(err)
			if got != want {
				t.Errorf("count %+v, want %+v", got, want)
			}
		}
		count(supervisor.Count{Specs: 5, Active: 5, Supervisors: 2, Workers: 3})
		s.send("b", actor.Stop)
		count(supervisor.Count{Specs: 5, Active: 4, Supervisors: 2, Workers: 3})
		s.send("c", errBoom)
		count(supervisor.Count{Specs: 4, Active: 3, Supervisors: 2, Workers: 2})
		s.send("a", errBoom)
		count(supervisor.Count{Specs: 4, Active: 3, Supervisors: 2, Workers: 2})

		list, err := sup.Children(s.Context())
		s.ok(err)
		want := []supervisor.ChildInfo{
			{ID: "dyn", Type: supervisor.TypeSupervisor}, {ID: "sub", Type: supervisor.TypeSupervisor}, {ID: "b"},
			{ID: "a", PID: s.pid("a"), Restarts: 1},
		}
		for i := range want[:2] {
			want[i].PID = list[i].PID
		}
		for i, got := range list {
			if got != want[i] {
				t.Errorf("child %d is %+v, want %+v", i, got, want[i])
			}
		}
		s.ok(sup.TerminateChild(s.Context(), "sub"))
		s.ok(sup.DeleteChild(s.Context(), "sub"))
		count(supervisor.Count{Specs: 3, Active: 2, Supervisors: 1, Workers: 2})
	})
}

// T-29, T-30, SUP-50 to SUP-53.
func TestAutoShutdown(t *testing.T) {
	spec := func(s *stage, auto supervisor.AutoShutdown) supervisor.Spec {
		return supervisor.Spec{AutoShutdown: auto, Children: append(
			s.children("a b", supervisor.Transient, supervisor.Significant), s.child("c"))}
	}
	t.Run("any", func(t *testing.T) {
		onStage(t, func(s *stage) {
			sup := s.start(spec(s, supervisor.AnySignificant))
			s.ok(sup.TerminateChild(s.Context(), "a")) // does not count
			if got := s.state(sup); got != "a-b+c+" {
				t.Fatalf("the children are now %s", got)
			}
			s.settle()
			s.send("b", actor.Stop)
			s.expect("-b normal, -c shutdown")
			s.expectEnd(sup.PID(), actor.Shutdown)
		})
	})
	t.Run("all", func(t *testing.T) {
		onStage(t, func(s *stage) {
			sup := s.start(spec(s, supervisor.AllSignificant))
			s.send("a", errBoom) // is restarted
			s.settle()
			s.send("a", actor.Stop)
			s.expect("-a normal")
			if !sup.PID().Alive() {
				t.Fatal("the first one has ended it")
			}
			s.send("b", actor.Stop)
			s.expect("-b normal, -c shutdown")
			s.expectEnd(sup.PID(), actor.Shutdown)
		})
	})
	t.Run("under a supervisor", func(t *testing.T) { // SUP-53
		onStage(t, func(s *stage) {
			top := s.start(supervisor.Spec{Children: []supervisor.Child{
				supervisor.Supervisor("sub", spec(s, supervisor.AnySignificant), supervisor.Transient),
			}})
			s.send("a", actor.Stop)
			s.settle()
			if got := s.state(top); got != "sub-" {
				t.Errorf("the children are now %s", got)
			}
		})
	})
}

// Requests to a supervisor that has ended, and those that take too long.
func TestRequestsThatCannotBeServed(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{s.as(player{id: "a", lazy: time.Minute}, supervisor.Infinity)}})
		short, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		s.expectError(sup.TerminateChild(short, "a"), context.DeadlineExceeded)
		time.Sleep(time.Minute)
		s.expect("+a, -a shutdown") // it was done all the same
		s.ok(sup.Stop(s.Context()))
		_, err := sup.StartChild(s.Context(), s.child("b"))
		s.expectError(err, actor.NoProc)
		_, err = supervisor.Tree{}.Children(s.Context())
		s.expectError(err, actor.NoProc)
		_, err = supervisor.Dynamic{}.Count(s.Context())
		s.expectError(err, actor.NoProc)
	})
}

// Requests are refused with the fault of the description.
func TestStartChildRefusesBadChildren(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{})
		for _, c := range []struct {
			child supervisor.Child
			field string
		}{
			{s.child(""), "ID"},
			{supervisor.Child{ID: "a"}, "Start"},
			{s.child("a", supervisor.Transient, supervisor.Significant), "Significant"},
			{s.child("a", supervisor.Shutdown(-5)), "Shutdown"},
		} {
			_, err := sup.StartChild(s.Context(), c.child)
			var bad *supervisor.SpecError
			if !errors.As(err, &bad) || bad.Field != c.field {
				t.Errorf("got %v, want a fault in %s", err, c.field)
			}
		}
	})
}
