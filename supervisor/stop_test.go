package supervisor_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// elapsed returns how long f takes by the bubble's clock.
func elapsed(f func()) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// T-7, T-8, T-9, SUP-12, SUP-13, SUP-15: how children are stopped, how long it
// takes, and what is reported.
func TestStoppingChildren(t *testing.T) {
	const s1 = supervisor.Shutdown(time.Second)
	for _, c := range []struct {
		name   string
		lazy   time.Duration // Terminate of b
		opts   []supervisor.ChildOption
		want   string
		reason error
		took   time.Duration
		report string
	}{
		{"in time", time.Second - 1, []supervisor.ChildOption{s1},
			"-c shutdown, -b shutdown, -a shutdown", actor.Shutdown, time.Second - 1, ""},
		{"too late", time.Minute, []supervisor.ChildOption{s1},
			"-c shutdown, b is cut short, -a shutdown", actor.Killed, time.Second, "child did not stop in order b killed"},
		{"default", time.Minute, nil,
			"-c shutdown, b is cut short, -a shutdown", actor.Killed, 5 * time.Second, "child did not stop in order b killed"},
		{"infinity", time.Hour, []supervisor.ChildOption{supervisor.Infinity},
			"-c shutdown, -b shutdown, -a shutdown", actor.Shutdown, time.Hour, ""},
		{"brutal kill", time.Hour, []supervisor.ChildOption{supervisor.BrutalKill},
			"-c shutdown, -a shutdown", actor.Killed, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(supervisor.Spec{Children: []supervisor.Child{
					s.child("a"), s.as(player{id: "b", lazy: c.lazy}, c.opts...), s.child("c"),
				}})
				s.settle()
				if took := elapsed(func() { s.ok(sup.Stop(s.Context())) }); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				s.expect(c.want)
				s.expectEnd(s.pid("b"), c.reason)
				if c.report == "" {
					s.expectReports()
				} else {
					s.expectReports(c.report)
				}
			})
		})
	}
}

// SUP-15: which ends of a stopped child are in order.
func TestStopReports(t *testing.T) {
	for _, c := range []struct {
		name string
		opts []supervisor.ChildOption
		end  error // what the child does instead of ending as it is told
		want string
	}{
		{"permanent, normal", nil, actor.Normal, "child did not stop in order a normal"},
		{"permanent, crash", nil, errBoom, "child did not stop in order a boom"},
		{"transient, normal", []supervisor.ChildOption{supervisor.Transient}, actor.Normal, ""},
		{"temporary, crash", []supervisor.ChildOption{supervisor.Temporary}, errBoom, "child did not stop in order a boom"},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(supervisor.Spec{Children: []supervisor.Child{s.child("a", c.opts...)}})
				s.send("a", func(*actor.Context[any]) error {
					time.Sleep(time.Second) // it is told to end meanwhile
					return c.end
				})
				synctest.Wait()
				s.ok(sup.TerminateChild(s.Context(), "a"))
				if c.want == "" {
					s.expectReports()
				} else {
					s.expectReports(c.want)
				}
			})
		})
	}
}

// T-111, GO-3, SUP-13: a child whose handler does not return is killed at its
// limit, and abandoned a second later.
func TestStuckChildIsAbandoned(t *testing.T) {
	for _, c := range []struct {
		name     string
		shutdown supervisor.Shutdown
		took     time.Duration
	}{
		{"after its limit", supervisor.Shutdown(3 * time.Second), 4 * time.Second},
		{"brutal kill", supervisor.BrutalKill, time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				release := make(chan struct{})
				defer close(release)
				sup := s.start(supervisor.Spec{Children: []supervisor.Child{
					s.child("a"), s.child("b", c.shutdown), s.child("c"),
				}})
				s.settle()
				s.send("b", func(*actor.Context[any]) error { <-release; return nil })
				synctest.Wait()
				if took := elapsed(func() { s.expectStuck(sup.Stop(s.Context()), s.pid("b")) }); took != c.took {
					t.Errorf("it took %v, want %v", took, c.took)
				}
				s.expect("-c shutdown, -a shutdown")
				s.expectEnd(s.pid("b"), actor.Killed)
				if n := s.sys.Abandoned(); n != 1 {
					t.Errorf("%d actors are abandoned, want 1", n)
				}
				if c.shutdown != supervisor.BrutalKill {
					s.expectReports("child did not stop in order b killed")
				}
			})
		})
	}
}

// SUP-13: infinity neither kills nor abandons; but the supervisor itself can be
// killed while it waits, and its children go with it.
func TestSupervisorCanBeKilledWhileItWaits(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.child("a"), s.as(player{id: "b", lazy: 100 * time.Hour}, supervisor.Infinity),
		}})
		s.settle()
		stopped := make(chan error, 1)
		go func() { stopped <- sup.Stop(s.Context()) }()
		time.Sleep(time.Hour)
		if s.pid("b").Err() != nil {
			t.Fatal("the child was killed")
		}
		sup.PID().Exit(actor.Kill)
		s.expect("-a killed")
		s.expectError(<-stopped, actor.Killed)
		s.expectEnd(sup.PID(), actor.Killed)
		s.pid("b").Exit(actor.Kill)
		s.expect("b is cut short")
	})
}

// T-24, SUP-14: a child that has unlinked itself cannot hang its supervisor.
func TestChildThatUnlinkedItself(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: s.children("a")})
		s.send("a", func(ctx *actor.Context[any]) error {
			ctx.Unlink(sup.PID())
			return nil
		})
		s.settle()
		s.ok(sup.TerminateChild(s.Context(), "a"))
		s.expect("-a shutdown")
	})
}

// T-14: children that end while the tree stops are not restarted.
func TestChildThatEndsWhileTheTreeStops(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne,
			s.child("a"), s.as(player{id: "b", lazy: time.Second})))
		s.settle()
		go func() { _ = sup.Stop(s.Context()) }()
		time.Sleep(time.Millisecond)
		s.pid("a").Exit(actor.Kill) // while the supervisor waits for b
		time.Sleep(time.Second)
		s.expect("-b shutdown")
		s.expectEnd(sup.PID(), actor.Shutdown)
	})
}

// SUP-6, SUP-26: exits of strangers do nothing.
func TestStrangersExits(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: s.children("a")})
		s.settle()
		sup.PID().Exit(actor.Shutdown)
		sup.PID().Exit(errBoom)
		s.expect("")
		if got := s.state(sup); got != "a+" {
			t.Errorf("the children are now %s", got)
		}
	})
}

// SUP-12: a nested tree is stopped from its leaves, in reverse order.
func TestNestedTreeStopsInReverse(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(supervisor.Spec{Children: []supervisor.Child{
			s.child("a"),
			supervisor.Supervisor("sub", supervisor.Spec{Children: s.children("b c")}),
			s.child("d"),
		}})
		s.expect("+a, +b, +c, +d")
		s.ok(sup.Stop(s.Context()))
		s.expect("-d shutdown, -c shutdown, -b shutdown, -a shutdown")
		s.expectError(sup.Stop(s.Context()), actor.NoProc)
	})
}
