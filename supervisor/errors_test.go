package supervisor_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// An error says the package once, what was to be done with which child, and why it was not.
func TestErrorsSayThePackageOnce(t *testing.T) {
	top := func(s *stage, children ...supervisor.Child) (supervisor.Tree, error) {
		return supervisor.Start(s.sys, supervisor.Spec{Children: children}, actor.Name("top"))
	}
	bad := supervisor.Child{ID: "a"}
	for _, c := range []struct {
		name string
		make func(s *stage) error
		want string
	}{
		{"child", func(s *stage) error {
			s.failNext("a", 1)
			_, err := top(s, s.child("a"))
			return err
		}, `supervisor: start: child "a": flat`},
		{"child of a child", func(s *stage) error {
			s.failNext("a", 1)
			_, err := top(s, supervisor.Supervisor("sub", supervisor.Spec{Children: s.children("a")}))
			return err
		}, `supervisor: start: child "sub": child "a": flat`},
		{"child with a taken name", func(s *stage) error {
			_, err := top(s, s.child("a", supervisor.With(actor.Name("top"))))
			return err
		}, `supervisor: start: child "a": name "top" is taken by <0.1>`},
		{"supervisor with a taken name", func(s *stage) error {
			top(s)
			_, err := top(s)
			return err
		}, `supervisor: start: name "top" is taken by <0.1>`},
		{"spec", func(s *stage) error {
			_, err := top(s, bad)
			return err
		}, `supervisor: start: bad spec of child "a": Start is missing`},
		{"spec of a dynamic supervisor", func(s *stage) error {
			_, err := supervisor.StartDynamic(s.sys, supervisor.DynamicSpec{MaxChildren: -1})
			return err
		}, `supervisor: start dynamic: bad spec: MaxChildren is negative: -1`},
		{"spec of a new child", func(s *stage) error {
			sup, _ := top(s)
			_, err := sup.StartChild(s.Context(), bad)
			return err
		}, `supervisor: start child "a": bad spec of child "a": Start is missing`},
		{"child that runs", func(s *stage) error {
			sup, _ := top(s, s.child("a"))
			_, err := sup.StartChild(s.Context(), s.child("a"))
			return err
		}, `supervisor: start child "a": already started: <0.2>`},
		{"child of another type", func(s *stage) error {
			child, _ := supervisor.FollowDynamic(s.child("a"))
			_, err := top(s, child)
			return err
		}, `supervisor: start: child "a": <0.2> is not a Dynamic`},
		{"supervisor that does not run", func(s *stage) error {
			_, err := supervisor.Tree{}.StartChild(s.Context(), s.child("a"))
			return err
		}, `supervisor: start child "a": the supervisor is not running`},
		{"supervisor that is killed meanwhile", func(s *stage) error {
			sup, _ := top(s)
			time.AfterFunc(time.Second, func() { sup.PID().Exit(actor.Kill) })
			_, err := sup.StartChild(s.Context(), late(s.child("a")))
			return err
		}, `supervisor: start child "a": the supervisor ended: killed`},
		{"supervisor that is killed while it stops a child", func(s *stage) error {
			sup, _ := top(s, s.as(player{id: "a", lazy: 2 * time.Second}))
			time.AfterFunc(time.Second, func() { sup.PID().Exit(actor.Kill) })
			return sup.TerminateChild(s.Context(), "a")
		}, `supervisor: terminate child "a": the supervisor ended: killed`},
		{"dynamic supervisor that is killed meanwhile", func(s *stage) error {
			sup, _ := supervisor.StartDynamic(s.sys, supervisor.DynamicSpec{})
			time.AfterFunc(time.Second, func() { sup.PID().Exit(actor.Kill) })
			_, err := sup.StartChild(s.Context(), late(s.child("a")))
			return err
		}, `supervisor: start child "a": the supervisor ended: killed`},
		{"stop of what has stopped", func(s *stage) error {
			sup, _ := top(s)
			s.ok(sup.Stop(s.Context()))
			return sup.Stop(s.Context())
		}, `supervisor: stop "top": not running`},
		{"stop that takes too long", func(s *stage) error {
			sup, _ := top(s, s.as(player{id: "a", lazy: 3 * time.Second}))
			ctx, cancel := context.WithTimeout(s.Context(), time.Second)
			defer cancel()
			return sup.Stop(ctx)
		}, `supervisor: stop "top": context deadline exceeded`},
		{"stop of a child that is stuck", func(s *stage) error {
			sup, _ := top(s, s.child("a", supervisor.With(actor.Name("a")), supervisor.BrutalKill))
			s.send("a", func(*actor.Context[any]) error { time.Sleep(time.Minute); return nil })
			s.settle()
			return sup.Stop(s.Context())
		}, `supervisor: stop "top": stuck in a handler: "a"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				s.expectText(c.make(s), c.want)
				time.Sleep(time.Hour)
			})
		})
	}
}

// A supervisor that gives up while it is asked to stop has stopped.
func TestStopOfASupervisorThatGivesUp(t *testing.T) {
	onStage(t, func(s *stage) {
		spec := supervisor.Spec{Period: time.Hour, Children: []supervisor.Child{s.as(player{id: "b", lazy: time.Second}), s.child("a")}}
		sub, tree := supervisor.FollowTree(supervisor.Supervisor("sub", spec))
		sup := s.start(plenty(supervisor.OneForOne, sub))
		s.settle()
		s.send("a", errBoom)
		s.settle() // sub waits for b
		pid := tree.PID()
		s.ok(sup.Stop(s.Context()))
		s.expectEnd(pid, actor.Shutdown)
		s.expectReports("child terminated a boom", "giving up: too many restarts a more than 0 restarts in 1h0m0s")
	})
}
