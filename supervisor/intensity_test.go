package supervisor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// T-16, T-31, SUP-30, SUP-31, GO-27: the window, by the clock.
func TestIntensityWindow(t *testing.T) {
	for _, c := range []struct {
		name  string
		spec  supervisor.Spec
		gaps  []time.Duration // before each crash
		alive bool
	}{
		{"spaced", supervisor.Spec{Intensity: 1, Period: time.Second},
			[]time.Duration{0, time.Second + 1, time.Second + 1, time.Second + 1}, true},
		{"close", supervisor.Spec{Intensity: 1, Period: time.Second},
			[]time.Duration{0, time.Second - 1}, false},
		{"exactly one period", supervisor.Spec{Intensity: 1, Period: time.Second},
			[]time.Duration{0, time.Second}, false},
		{"never", supervisor.Spec{Period: time.Second}, []time.Duration{0}, false},
		{"default", supervisor.Spec{}, []time.Duration{0}, true},
		{"default, close", supervisor.Spec{}, []time.Duration{0, 5 * time.Second}, false},
		{"default, spaced", supervisor.Spec{}, []time.Duration{0, 5*time.Second + 1}, true},
		{"default period", supervisor.Spec{Intensity: 2}, []time.Duration{0, time.Second, 4*time.Second + 1}, true},
		{"default period, close", supervisor.Spec{Intensity: 2}, []time.Duration{0, time.Second, 4 * time.Second}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				c.spec.Children = s.children("a b")
				sup := s.start(c.spec)
				for i, gap := range c.gaps {
					time.Sleep(gap)
					s.send([]string{"a", "b"}[i%2], errBoom) // the budget is shared: SUP-34
					s.settle()
				}
				if alive := sup.PID().Alive(); alive != c.alive {
					t.Errorf("alive after %v: %v, want %v", c.gaps, alive, c.alive)
				}
			})
		})
	}
}

// T-20, SUP-32, SUP-35: a supervisor that gives up starts nothing more, stops the
// others in reverse order and ends with shutdown.
func TestEscalation(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{supervisor.OneForOne, supervisor.OneForAll, supervisor.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(supervisor.Spec{Strategy: strategy, Period: time.Second, Children: s.children("a b c")})
				s.settle()
				s.send("b", errBoom)
				s.expect("-b boom, -c shutdown, -a shutdown")
				s.expectEnd(sup.PID(), actor.Shutdown)
				s.expectReports("child terminated b boom",
					"giving up: too many restarts b more than 0 restarts in 1s")
			})
		})
	}
}

// SUP-33: a round costs one restart, however many children it takes.
func TestRoundCostsOneRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Strategy: supervisor.OneForAll, Intensity: 1, Period: time.Second,
			Children: s.children("a b c")})
		s.send("a", errBoom)
		s.settle()
		if got := s.state(sup); got != "a+b+c+" {
			t.Errorf("the children are now %s", got)
		}
	})
}

// SUP-34: each attempt of a restart that fails costs one.
func TestFailedRestartsSpendTheBudget(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Intensity: 3, Period: time.Second, Children: s.children("a b")})
		s.settle()
		s.failNext("a", 100)
		s.send("a", errBoom)
		s.expect("-a boom, a fails, a fails, a fails, -b shutdown")
		s.expectEnd(sup.PID(), actor.Shutdown)
	})
}

// T-27, SUP-40, SUP-42: between two attempts a supervisor serves requests.
func TestHangingRestartLoop(t *testing.T) {
	endless := func(s *stage) supervisor.Tree {
		sup := s.start(supervisor.Spec{Intensity: 1 << 40, Period: time.Hour, Children: s.children("a b")})
		s.failNext("a", 1<<40)
		s.send("a", errBoom)
		return sup
	}
	t.Run("terminate", func(t *testing.T) {
		onStage(t, func(s *stage) {
			sup := endless(s)
			for s.state(sup) != "a*b+" { // until it has begun
			}
			_, err := sup.RestartChild(s.Context(), "a")
			s.expectError(err, supervisor.ErrRestarting)
			s.expectError(sup.DeleteChild(s.Context(), "a"), supervisor.ErrRestarting)
			_, err = sup.StartChild(s.Context(), s.child("a"))
			s.expectError(err, supervisor.ErrAlreadyPresent)
			s.ok(sup.TerminateChild(s.Context(), "a"))
			s.settle() // returns: there are no more attempts
			if got := s.state(sup); got != "a-b+" {
				t.Errorf("the children are now %s", got)
			}
			s.failNext("a", 0)
			_, err = sup.RestartChild(s.Context(), "a")
			s.ok(err)
			s.expect("+a")
		})
	})
	t.Run("stop", func(t *testing.T) {
		onStage(t, func(s *stage) {
			sup := endless(s)
			s.ok(sup.Stop(s.Context()))
			s.expectEnd(sup.PID(), actor.Shutdown)
		})
	})
	t.Run("kill", func(t *testing.T) {
		onStage(t, func(s *stage) {
			sup := endless(s)
			sup.PID().Exit(actor.Kill)
			s.expectEnd(sup.PID(), actor.Killed)
			synctest.Wait()
			if n := s.sys.Count(); n != 0 {
				t.Errorf("%d actors are left", n)
			}
		})
	})
	t.Run("system shutdown", func(t *testing.T) {
		onStage(t, func(s *stage) {
			endless(s)
			shutdown(t, s.sys)
		})
	})
}

// T-25, SUP-36: failure climbs level by level.
func TestFailureClimbs(t *testing.T) {
	onStage(t, func(s *stage) {
		once := supervisor.Spec{Intensity: 1, Period: time.Hour}
		leaf, middle, top := once, once, once
		leaf.Children = s.children("a")
		middle.Children = []supervisor.Child{supervisor.Supervisor("leaf", leaf)}
		top.Children = []supervisor.Child{supervisor.Supervisor("middle", middle)}
		sup := s.start(top)
		crash := func() { s.send("a", errBoom); s.settle() }

		crash() // the leaf's one restart
		s.expectReports("child terminated a boom")
		crash() // is too many for the leaf: the middle's one
		s.expectReports("child terminated a boom",
			"giving up: too many restarts a more than 1 restart in 1h0m0s",
			`child terminated leaf child "a": more than 1 restart in 1h0m0s: boom`)
		crash() // the new leaf's
		s.expectReports("child terminated a boom")
		crash() // is too many for leaf and middle: the top's one
		s.expectReports("child terminated a boom",
			"giving up: too many restarts a more than 1 restart in 1h0m0s",
			`child terminated leaf child "a": more than 1 restart in 1h0m0s: boom`,
			"giving up: too many restarts leaf more than 1 restart in 1h0m0s",
			`child terminated middle child "leaf": more than 1 restart in 1h0m0s: child "a": more than 1 restart in 1h0m0s: boom`)
		if !sup.PID().Alive() {
			t.Fatal("the top has ended too early")
		}
		for range 4 {
			crash()
		}
		s.expectEnd(sup.PID(), actor.Shutdown)
	})
}

// SUP-36: for a transient supervisor, having given up is a clean end.
func TestTransientSupervisorThatGivesUpIsNotRestarted(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, supervisor.Supervisor("sub",
			supervisor.Spec{Period: time.Second, Children: s.children("a")}, supervisor.Transient)))
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		if got := s.state(sup); got != "sub-" {
			t.Errorf("the children are now %s", got)
		}
	})
}
