package supervisor_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// plenty allows as many restarts as a test may need.
func plenty(strategy supervisor.Strategy, children ...supervisor.Child) supervisor.Spec {
	return supervisor.Spec{Strategy: strategy, Intensity: 1000, Period: time.Hour, Children: children}
}

// T-13, T-14, SUP-20: which ends call for a restart, and which are reported.
func TestRestartTable(t *testing.T) {
	clean := []error{actor.Normal, actor.Shutdown, fmt.Errorf("tired: %w", actor.Shutdown)}
	crashes := []error{errBoom, actor.Killed, actor.NoProc, actor.Kill}
	for _, c := range []struct {
		restart      supervisor.Restart
		reasons      []error
		then, report string // the state after it
	}{
		{supervisor.Permanent, clean, "a+b+", "child terminated a %v"},
		{supervisor.Permanent, crashes, "a+b+", "child terminated a %v"},
		{supervisor.Transient, clean, "a-b+", ""},
		{supervisor.Transient, crashes, "a+b+", "child terminated a %v"},
		{supervisor.Temporary, clean, "b+", ""},
		{supervisor.Temporary, crashes, "b+", "child terminated a %v"},
	} {
		for _, reason := range c.reasons {
			t.Run(fmt.Sprintf("%v/%v", c.restart, reason), func(t *testing.T) {
				onStage(t, func(s *stage) {
					sup := s.start(plenty(supervisor.OneForOne, s.child("a", c.restart), s.child("b")))
					b := s.pid("b")
					s.send("a", reason)
					s.settle()
					if got := s.state(sup); got != c.then {
						t.Errorf("the children are now %s, want %s", got, c.then)
					}
					if s.pid("b") != b {
						t.Error("the sibling was restarted")
					}
					if c.report == "" {
						s.expectReports()
					} else {
						s.expectReports(fmt.Sprintf(c.report, reason))
					}
				})
			})
		}
	}
}
