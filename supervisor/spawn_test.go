package supervisor_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// T-32, SUP-11: if one child does not start, those before it are stopped in
// reverse order, and the error names it.
func TestStartRollsBack(t *testing.T) {
	onStage(t, func(s *stage) {
		s.failNext("c", 1)
		_, err := supervisor.Start(s.sys, supervisor.Spec{Children: s.children("a b c d")}, actor.Name("top"))
		s.expectError(err, errFlat)
		s.expectText(err, `supervisor: start: child "c": flat`)
		s.expect("+a, +b, c fails, -b shutdown, -a shutdown")
		s.expectReports("child did not start c flat")
		if n := s.sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
		if pid, found := s.sys.WhereIs("top"); found {
			t.Errorf("the name still belongs to %v", pid)
		}
	})
}

// SUP-11 in depth: a fault in a nested tree undoes the whole.
func TestStartOfANestedTreeRollsBack(t *testing.T) {
	onStage(t, func(s *stage) {
		s.failNext("c", 1)
		_, err := supervisor.Start(s.sys, supervisor.Spec{Children: []supervisor.Child{
			s.child("a"),
			supervisor.Supervisor("sub", supervisor.Spec{Children: s.children("b c")}),
		}})
		s.expectError(err, errFlat)
		s.expect("+a, +b, c fails, -b shutdown, -a shutdown")
	})
}

// T-4, SUP-7: whatever goes wrong in Start is an error, and no panic.
func TestBadStartFunctions(t *testing.T) {
	for _, c := range []struct {
		name  string
		start func(actor.Self) (actor.PID, error)
		is    func(error) bool
	}{
		{"panics with an error", func(actor.Self) (actor.PID, error) { panic(errBoom) },
			func(err error) bool { return errors.Is(err, errBoom) }},
		{"panics", func(actor.Self) (actor.PID, error) { panic("!") },
			func(err error) bool {
				var p *actor.PanicError
				return errors.As(err, &p) && p.Value == "!" && strings.Contains(p.Stack.String(), "TestBadStartFunctions")
			}},
		{"returns nobody", func(actor.Self) (actor.PID, error) { return actor.PID{}, nil },
			func(err error) bool { return strings.Contains(err.Error(), "no PID") }},
		{"has a child whose Init panics", func(parent actor.Self) (actor.PID, error) {
			ref, err := actor.SpawnLink(parent, func() initPanics { return initPanics{} })
			return ref.PID(), err
		}, func(err error) bool { return errors.Is(err, errBoom) }},
		{"has a child whose making panics", func(parent actor.Self) (actor.PID, error) {
			ref, err := actor.SpawnLink(parent, func() actor.Behavior[any] { panic(errBoom) })
			return ref.PID(), err
		}, func(err error) bool { return errors.Is(err, errBoom) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				bad := supervisor.Child{ID: "bad", Start: c.start}
				_, err := supervisor.Start(s.sys, supervisor.Spec{Children: []supervisor.Child{bad}})
				if err == nil || !c.is(err) {
					t.Errorf("Start: %v", err)
				}
				sup := s.start(supervisor.Spec{Children: s.children("a")})
				if _, err = sup.StartChild(s.Context(), bad); err == nil || !c.is(err) {
					t.Errorf("StartChild: %v", err)
				}
				if got := s.state(sup); got != "a+" { // SUP-61
					t.Errorf("the children are now %s", got)
				}
			})
		})
	}
}

type initPanics struct{}

func (initPanics) Init(*actor.Context[any]) error         { panic(errBoom) }
func (initPanics) Receive(*actor.Context[any], any) error { return nil }

// A Start that forgets the link must not make the child's end go unnoticed.
func TestStartWithoutALink(t *testing.T) {
	onStage(t, func(s *stage) {
		var pids []actor.PID
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{{ID: "a",
			Start: func(parent actor.Self) (actor.PID, error) {
				ref, err := actor.Spawn(parent.System(), sleeper)
				pids = append(pids, ref.PID())
				return ref.PID(), err
			}}}})
		pids[0].Exit(actor.Kill)
		s.settle()
		if len(pids) != 2 || s.state(sup) != "a+" {
			t.Errorf("%d starts, then %s", len(pids), s.state(sup))
		}
	})
}

// T-1 to T-3, SUP-8: a child that does not want to start.
func TestIgnoredChildren(t *testing.T) {
	onStage(t, func(s *stage) {
		lazy := func(id string, r supervisor.Restart) supervisor.Child {
			return s.as(player{id: id, ignore: true}, r)
		}
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			lazy("a", supervisor.Permanent), lazy("b", supervisor.Temporary), lazy("c", supervisor.Transient), s.child("d"),
		}})
		if got := s.state(sup); got != "a-c-d+" {
			t.Errorf("the children are %s", got)
		}
		for _, c := range []supervisor.Child{lazy("e", supervisor.Permanent), lazy("f", supervisor.Temporary)} {
			pid, err := sup.StartChild(s.Context(), c)
			s.ok(err)
			if !pid.IsZero() {
				t.Errorf("%s has the PID %v", c.ID, pid)
			}
		}
		if got := s.state(sup); got != "a-c-d+e-" {
			t.Errorf("the children are now %s", got)
		}
		count, err := sup.Count(s.Context())
		s.ok(err)
		if want := (supervisor.Count{Specs: 4, Active: 1, Workers: 4}); count != want {
			t.Errorf("count %+v, want %+v", count, want)
		}
		pid, err := sup.RestartChild(s.Context(), "a")
		s.ok(err)
		if !pid.IsZero() {
			t.Errorf("restarted as %v", pid)
		}
	})
}

// SUP-8: a child that does not want to start again is at rest.
func TestChildThatIgnoresItsRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		first := true
		c := supervisor.Actor("a", func() player {
			p := player{s: s, id: "a", ignore: !first}
			first = false
			return p
		})
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{c}})
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		if got := s.state(sup); got != "a-" {
			t.Errorf("the children are now %s", got)
		}
	})
}

// Restarted children free and take their names in time.
func TestNamedChildrenAreRestarted(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(plenty(supervisor.OneForAll,
			s.child("a", supervisor.With(actor.Name("alice"))),
			supervisor.Supervisor("sub", supervisor.Spec{}, supervisor.With(actor.Name("sub"))),
			supervisor.DynamicSupervisor("dyn", supervisor.DynamicSpec{}, supervisor.With(actor.Name("dyn")))))
		for range 3 {
			ref, err := actor.Lookup[any](s.sys, "alice")
			s.ok(err)
			ref.Send(errBoom)
			s.settle()
		}
		for name, is := range map[string]func(actor.PID) bool{
			"sub": func(pid actor.PID) bool { _, ok := supervisor.TreeOf(pid); return ok },
			"dyn": func(pid actor.PID) bool { _, ok := supervisor.DynamicOf(pid); return ok },
		} {
			pid, found := s.sys.WhereIs(name)
			if !found || !is(pid) {
				t.Errorf("%s: found %v, its handle %v", name, found, is(pid))
			}
		}
		pid, _ := s.sys.WhereIs("alice")
		if _, ok := supervisor.TreeOf(pid); ok {
			t.Error("a worker passes for a supervisor")
		}
		if _, ok := supervisor.TreeOf(actor.PID{}); ok {
			t.Error("nobody passes for a supervisor")
		}
	})
}
