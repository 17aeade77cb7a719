package supervisor_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

func (s *stage) startDynamic(spec supervisor.DynamicSpec) supervisor.Dynamic {
	s.Helper()
	sup, err := supervisor.StartDynamic(s.sys, spec)
	s.ok(err)
	return sup
}

func (s *stage) add(sup supervisor.Dynamic, c supervisor.Child) actor.PID {
	s.Helper()
	pid, err := sup.StartChild(s.Context(), c)
	s.ok(err)
	return pid
}

// expectCount fails the test if the count is not this one.
func (s *stage) expectCount(sup supervisor.Dynamic, want supervisor.Count) {
	s.Helper()
	synctest.Wait()
	got, err := sup.Count(s.Context())
	s.ok(err)
	if got != want {
		s.Fatalf("count %+v, want %+v", got, want)
	}
}

func workers(n int) supervisor.Count { return supervisor.Count{Specs: n, Active: n, Workers: n} }

// many allows as many restarts as a test may need.
var many = supervisor.DynamicSpec{Intensity: 1000, Period: time.Hour}

// DYN-1, DYN-6, SUP-20: IDs mean nothing, and a child that has ended for good is forgotten.
func TestDynamicRestartTable(t *testing.T) {
	for _, c := range []struct {
		restart supervisor.Restart
		reason  error
		want    string
		left    int
		report  string
	}{
		{supervisor.Permanent, actor.Normal, "-x normal, +x", 2, "child terminated normal"},
		{supervisor.Permanent, errBoom, "-x boom, +x", 2, "child terminated boom"},
		{supervisor.Transient, actor.Shutdown, "-x shutdown", 1, ""},
		{supervisor.Transient, errBoom, "-x boom, +x", 2, "child terminated boom"},
		{supervisor.Temporary, actor.Normal, "-x normal", 1, ""},
		{supervisor.Temporary, errBoom, "-x boom", 1, "child terminated boom"},
	} {
		t.Run(fmt.Sprintf("%v/%v", c.restart, c.reason), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.startDynamic(many)
				s.add(sup, s.child("x"))
				s.add(sup, s.child("x", c.restart))
				s.settle()
				s.send("x", c.reason) // to the later one
				s.expect(c.want)
				s.expectCount(sup, workers(c.left))
				if c.report == "" {
					s.expectReports()
				} else {
					s.expectReports(c.report)
				}
			})
		})
	}
}

// T-98, DYN-2: there is room again when one has ended.
func TestMaxChildren(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(supervisor.DynamicSpec{MaxChildren: 2, Intensity: 1 << 40, Period: time.Hour})
		s.add(sup, s.child("a"))
		s.add(sup, s.child("b", supervisor.Temporary))
		full := func() {
			t.Helper()
			_, err := sup.StartChild(s.Context(), s.child("c"))
			s.expectError(err, supervisor.ErrMaxChildren)
		}
		full()
		s.send("a", errBoom)
		s.settle()
		full() // it was restarted
		s.send("b", errBoom)
		s.settle()
		s.add(sup, s.child("c"))
		full()

		s.failNext("a", 1<<40)
		a := s.pid("a")
		s.send("a", errBoom)
		for restarting := false; !restarting; {
			count, err := sup.Count(s.Context())
			s.ok(err)
			restarting = count.Active == 1
		}
		full() // those that are restarting count
		list, err := sup.Children(s.Context())
		s.ok(err)
		for _, c := range list {
			if c.Restarting != c.PID.IsZero() {
				t.Errorf("listed as %+v", c)
			}
		}
		s.ok(sup.TerminateChild(s.Context(), a)) // ends the attempts
		s.expectCount(sup, workers(1))
	})
}

// T-99, DYN-3: a terminated child is forgotten, whatever its Restart.
func TestDynamicTerminateChild(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		for _, r := range []supervisor.Restart{supervisor.Permanent, supervisor.Transient, supervisor.Temporary} {
			pid := s.add(sup, s.child("a", r))
			s.ok(sup.TerminateChild(s.Context(), pid))
			s.expect("+a, -a shutdown")
			s.expectError(sup.TerminateChild(s.Context(), pid), supervisor.ErrNotFound)
			s.expectCount(sup, workers(0))
		}
		s.expectError(sup.TerminateChild(s.Context(), actor.PID{}), supervisor.ErrNotFound)
	})
}

// DYN-4, SUP-61: of a child that does not start nothing is kept.
func TestDynamicStartsThatFail(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		_, err := sup.StartChild(s.Context(), s.as(player{id: "a", ignore: true}))
		s.expectError(err, actor.Ignore)
		s.failNext("b", 1)
		_, err = sup.StartChild(s.Context(), s.child("b"))
		s.expectError(err, errFlat)
		_, err = sup.StartChild(s.Context(), supervisor.Child{
			Start: func(actor.Self) (actor.PID, error) { panic(errBoom) }})
		s.expectError(err, errBoom)
		var bad *supervisor.SpecError
		if _, err = sup.StartChild(s.Context(), supervisor.Child{}); !errors.As(err, &bad) || bad.Field != "Start" {
			t.Errorf("got %v, want a fault in Start", err)
		}
		s.expectCount(sup, workers(0))
	})
}

// SUP-8: a child that does not want to start again is forgotten.
func TestDynamicChildThatIgnoresItsRestart(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		first := true
		s.add(sup, supervisor.Actor("a", func() player {
			p := player{s: s, id: "a", ignore: !first}
			first = false
			return p
		}))
		s.send("a", errBoom)
		s.expect("+a, -a boom")
		s.expectCount(sup, workers(0))
	})
}

// SUP-30 to SUP-35, SUP-40 for dynamic supervisors: failed restarts are tried
// again, at a price.
func TestDynamicGivesUp(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(supervisor.DynamicSpec{Intensity: 3, Period: time.Second})
		s.add(sup, s.child("a"))
		s.add(sup, s.child("b"))
		s.settle()
		s.failNext("a", 2)
		s.send("a", errBoom)
		s.expect("-a boom, a fails, a fails, +a")
		s.expectCount(sup, workers(2))
		s.send("a", errBoom)
		s.expect("-a boom, -b shutdown")
		s.expectEnd(sup.PID(), actor.Shutdown)
	})
}

// T-23, SUP-16, DYN-5: children are stopped in parallel, each by its own Shutdown.
func TestDynamicStopsInParallel(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		release := make(chan struct{})
		defer close(release)
		var stuck []actor.PID
		for i, c := range []struct {
			lazy     time.Duration
			shutdown supervisor.Shutdown
		}{
			{0, 0},
			{time.Second, 0},
			{time.Minute, supervisor.Shutdown(2 * time.Second)}, // killed at 2 s
			{time.Minute, supervisor.Shutdown(4 * time.Second)}, // killed at 4 s
			{time.Minute, supervisor.BrutalKill},
			{10 * time.Second, supervisor.Infinity}, // takes longest
		} {
			s.add(sup, s.as(player{id: fmt.Sprint(i), lazy: c.lazy}, c.shutdown))
		}
		for _, shutdown := range []supervisor.Shutdown{supervisor.BrutalKill, supervisor.Shutdown(3 * time.Second)} {
			pid := s.add(sup, s.child("stuck", shutdown))
			s.send("stuck", func(*actor.Context[any]) error { <-release; return nil })
			stuck = append(stuck, pid)
		}
		s.settle()
		abandoned := func(want int) {
			t.Helper()
			synctest.Wait()
			if got := s.sys.Abandoned(); got != want {
				t.Errorf("%d are abandoned, want %d", got, want)
			}
		}
		stopped := make(chan error, 1)
		begin := time.Now()
		go func() { stopped <- sup.Stop(s.Context()) }()
		for _, step := range []struct {
			at        time.Duration
			want      string
			abandoned int
		}{
			{0, "-0 shutdown", 0},
			{time.Second, "-1 shutdown", 1},
			{2 * time.Second, "2 is cut short", 1},
			{3 * time.Second, "", 1},
			{4 * time.Second, "3 is cut short", 2},
			{10 * time.Second, "-5 shutdown", 2},
		} {
			time.Sleep(step.at - time.Since(begin))
			s.expect(step.want)
			abandoned(step.abandoned)
		}
		s.expectStuck(<-stopped, stuck...)
		if took := time.Since(begin); took != 10*time.Second {
			t.Errorf("it took %v, want 10s", took)
		}
		for _, pid := range stuck {
			s.expectEnd(pid, actor.Killed)
		}
	})
}

// T-23: n slow children take as long as one.
func TestManySlowChildrenStopInTheTimeOfOne(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		for range 100 {
			s.add(sup, s.as(player{id: "a", lazy: time.Second}))
		}
		if took := elapsed(func() { s.ok(sup.Stop(s.Context())) }); took != time.Second {
			t.Errorf("it took %v, want 1s", took)
		}
	})
}

// A dynamic supervisor that is killed while it waits does not wait on, and takes
// its children with it.
func TestDynamicCanBeKilledWhileItWaits(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		pid := s.add(sup, s.as(player{id: "a", lazy: time.Hour}, supervisor.Infinity))
		s.settle()
		go func() { _ = sup.Stop(s.Context()) }()
		time.Sleep(time.Minute)
		sup.PID().Exit(actor.Kill)
		s.expectEnd(sup.PID(), actor.Killed)
		time.Sleep(time.Hour)
		s.expect("-a shutdown")
		s.expectEnd(pid, actor.Shutdown)
	})
}

// The supervisor of a dynamic supervisor finds it by a listing.
func TestDynamicAsAChild(t *testing.T) {
	onStage(t, func(s *stage) {
		top := s.start(plenty(supervisor.OneForOne, supervisor.DynamicSupervisor("dyn", many)))
		dynamic := func() supervisor.Dynamic {
			list, err := top.Children(s.Context())
			s.ok(err)
			sup, ok := supervisor.DynamicOf(list[0].PID)
			if !ok {
				t.Fatalf("%v is no dynamic supervisor", list[0])
			}
			return sup
		}
		s.add(dynamic(), s.child("a"))
		s.add(dynamic(), supervisor.Supervisor("", supervisor.Spec{Children: s.children("b")}))
		s.expectCount(dynamic(), supervisor.Count{Specs: 2, Active: 2, Supervisors: 1, Workers: 1})
		s.settle()
		dynamic().PID().Exit(actor.Kill)
		s.settle()
		s.expectCount(dynamic(), workers(0)) // it starts anew
		if n := s.sys.Count(); n != 2 {
			t.Errorf("%d actors live, want 2", n)
		}
	})
}

// clamp is a resource that cannot be released before release is closed.
type clamp struct{ release chan struct{} }

func (c *clamp) Release(actor.PID, error) { <-c.release }

// SUP-16, GO-3: children that are given up are waited for together, if what they own cannot
// be released either.
func TestDynamicGivesUpInParallel(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		release := make(chan struct{})
		defer close(release)
		var stuck []actor.PID
		for i := range 20 {
			pid := s.add(sup, s.child(fmt.Sprint(i), supervisor.BrutalKill))
			pid.Own(&clamp{release})
			s.send(fmt.Sprint(i), func(*actor.Context[any]) error { <-release; return nil })
			stuck = append(stuck, pid)
		}
		s.settle()
		begin := time.Now()
		s.expectStuck(sup.Stop(s.Context()), stuck...)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
