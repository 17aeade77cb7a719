package supervisor_test

import (
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// T-17 to T-19, SUP-10, SUP-12, SUP-21 to SUP-23: what a crash of the middle one
// of three does, in order. The system's shutdown ends them in reverse order.
func TestStrategies(t *testing.T) {
	for _, c := range []struct {
		strategy supervisor.Strategy
		want     string
		kept     string // the children that still have their PIDs
	}{
		{supervisor.OneForOne, "-b boom, +b", "ac"},
		{supervisor.OneForAll, "-b boom, -c shutdown, -a shutdown, +a, +b, +c", ""},
		{supervisor.RestForOne, "-b boom, -c shutdown, +b, +c", "a"},
	} {
		t.Run(c.strategy.String(), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(plenty(c.strategy, s.children("a b c")...))
				s.expect("+a, +b, +c")
				before := map[string]actor.PID{"a": s.pid("a"), "b": s.pid("b"), "c": s.pid("c")}
				s.send("b", errBoom)
				s.expect(c.want)
				for id, pid := range before {
					kept := pid == s.pid(id)
					if want := len(c.kept) > 0 && (id == c.kept[:1] || id == c.kept[len(c.kept)-1:]); kept != want {
						t.Errorf("%s kept its PID: %v, want %v", id, kept, want)
					}
				}
				if got := s.state(sup); got != "a+b+c+" {
					t.Errorf("the children are now %s", got)
				}
				s.expectReports("child terminated b boom")
				shutdown(t, s.sys)
				s.expect("-c shutdown, -b shutdown, -a shutdown")
			})
		})
	}
}

// T-15, SUP-24: a temporary child beside one that is restarted is gone for good.
func TestTemporaryBystander(t *testing.T) {
	for _, c := range []struct {
		strategy supervisor.Strategy
		want     string
		state    string
	}{
		{supervisor.OneForOne, "-a boom, +a", "a+tmp+z+"},
		{supervisor.OneForAll, "-a boom, -z shutdown, -tmp shutdown, +a, +z", "a+z+"},
		{supervisor.RestForOne, "-a boom, -z shutdown, -tmp shutdown, +a, +z", "a+z+"},
	} {
		t.Run(c.strategy.String(), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(plenty(c.strategy,
					s.child("a"), s.child("tmp", supervisor.Temporary), s.child("z")))
				s.settle()
				s.send("a", errBoom)
				s.expect(c.want)
				if got := s.state(sup); got != c.state {
					t.Errorf("the children are now %s, want %s", got, c.state)
				}
			})
		})
	}
}

// SUP-25: transient children come up again with the group, even one that had ended.
func TestTransientChildrenReturnWithTheGroup(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForAll,
			s.child("a"), s.child("b", supervisor.Transient), s.child("c", supervisor.Transient)))
		s.send("b", actor.Stop)
		s.expect("+a, +b, +c, -b normal")
		if got := s.state(sup); got != "a+b-c+" {
			t.Fatalf("the children are now %s", got)
		}
		s.send("a", errBoom)
		s.expect("-a boom, -c shutdown, +a, +b, +c")
	})
}

// T-21, SUP-41: a retry under one_for_all stops what had come up and starts over.
func TestOneForAllOtherChildFailsRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForAll, s.children("a b c")...))
		s.failNext("b", 2)
		s.send("c", errBoom)
		s.expect("+a, +b, +c, -c boom, -b shutdown, -a shutdown, " +
			"+a, b fails, -a shutdown, +a, b fails, -a shutdown, +a, +b, +c")
		if got := s.state(sup); got != "a+b+c+" {
			t.Errorf("the children are now %s", got)
		}
		s.expectReports("child terminated c boom", "child did not start b flat",
			"child did not start b flat")
	})
}

// T-22, SUP-41: a retry under rest_for_one leaves those before the failed one up.
func TestRestForOneOtherChildFailsRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		s.start(plenty(supervisor.RestForOne, s.children("a b c d")...))
		s.failNext("c", 2)
		s.send("b", errBoom)
		s.expect("+a, +b, +c, +d, -b boom, -d shutdown, -c shutdown, +b, c fails, c fails, +c, +d")
	})
}

// Two crashes at once cost two rounds; no child is started twice in one.
func TestSiblingsThatCrashTogether(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForAll, s.children("a b")...))
		s.settle()
		s.pid("a").Exit(actor.Kill)
		s.pid("b").Exit(actor.Kill)
		s.settle()
		if got := s.state(sup); got != "a+b+" {
			t.Errorf("the children are now %s", got)
		}
		if n := s.sys.Count(); n != 3 {
			t.Errorf("%d actors live, want 3", n)
		}
	})
}
