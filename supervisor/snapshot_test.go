package supervisor_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// expectDrawing fails the test if the drawing is not this one.
func (s *stage) expectDrawing(n supervisor.Node, want string) {
	s.Helper()
	if got := "\n" + n.String(); got != want {
		s.Fatalf("got%s\nwant%s", got, want)
	}
}

// A snapshot has all that is in a system, whether it runs or not, in its place.
func TestSnapshotOfASystem(t *testing.T) {
	onStage(t, func(s *stage) {
		dynamic := supervisor.DynamicSupervisor("sessions", many, supervisor.With(actor.Name("sessions")))
		sup := s.start(plenty(supervisor.OneForOne,
			s.child("store", supervisor.With(actor.Name("db"))),
			s.child("slow", slow),
			s.child("off"),
			supervisor.Supervisor("inner", plenty(supervisor.OneForAll, s.children("a b")...)),
			dynamic,
		))
		_, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[int], int) error { return nil }), actor.Name("lonely"))
		s.ok(err)
		sessions, _ := s.sys.WhereIs("sessions")
		d, _ := supervisor.DynamicOf(sessions)
		for _, id := range []string{"x", "y", "z"} {
			s.add(d, s.child(id))
		}
		s.ok(sup.TerminateChild(s.Context(), "off"))
		s.send("slow", errBoom)
		s.send("a", errBoom)
		s.send("x", errBoom)
		s.send("y", func(ctx *actor.Context[any]) error { // a child that is in no list
			_, err := actor.SpawnLink(ctx, func() player { return player{s: s, id: "helper"} })
			return err
		})
		synctest.Wait()
		s.ok(s.pid("z").Suspend(s.Context()))
		s.send("z", 1)
		s.send("z", 2)
		synctest.Wait()

		all := supervisor.Snapshot(s.Context(), s.sys)
		inner := all.Children[0].Children[3]
		if inner.ID != "inner" || inner.Type != supervisor.TypeSupervisor || inner.Children[0].PID != s.pid("a") {
			t.Errorf("the third child is %+v", inner)
		}
		x := s.pid("x")
		helper := s.pid("helper")
		// Numbers of restarted actors depend on the order of their restarts.
		s.expectDrawing(all, fmt.Sprintf(`
system running
├─ <0.1> supervisor idle
│  ├─ store <0.2> "db" idle
│  ├─ slow restarting
│  ├─ off stopped
│  ├─ inner <0.5> supervisor idle
│  │  ├─ a %v idle restarts:1
│  │  └─ b %v idle restarts:1
│  └─ sessions <0.8> supervisor idle
│     ├─ %v (y) idle
│     │  └─ %v idle
│     ├─ %v (z) suspended waiting:2
│     └─ %v (x) idle restarts:1
└─ <0.9> "lonely" idle
`, s.pid("a"), s.pid("b"), s.pid("y"), helper, s.pid("z"), x))
		s.ok(s.pid("z").Resume(s.Context()))
	})
}

// A supervisor that does not answer hides no actor that runs, and does not hang the
// snapshot.
func TestSnapshotOfABusySupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		lazy := s.as(player{id: "lazy", lazy: 4 * time.Second})
		sup := s.start(plenty(supervisor.OneForOne, s.child("a"), lazy))
		go sup.TerminateChild(s.Context(), "lazy")
		synctest.Wait()
		ctx, cancel := context.WithTimeout(s.Context(), time.Second)
		defer cancel()
		s.expectDrawing(supervisor.SnapshotOf(ctx, sup.PID()), `
<0.1> supervisor running
├─ <0.2> (a) idle
└─ <0.3> (lazy) running
`)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.expectDrawing(supervisor.SnapshotOf(s.Context(), sup.PID()), `
<0.1> supervisor idle
├─ a <0.2> idle
└─ lazy stopped
`)
	})
}

// badge is an actor that says what it is.
type badge string

func (badge) Receive(*actor.Context[any], any) error { return nil }
func (b badge) ActorLabel() string                   { return string(b) }

// A label stands beside what else an actor is called by, in one line whatever is in it.
func TestSnapshotShowsLabels(t *testing.T) {
	onStage(t, func(s *stage) {
		child := func(id, label string, opts ...supervisor.ChildOption) supervisor.Child {
			return supervisor.Actor(id, func() badge { return badge(label) }, opts...)
		}
		sup := s.start(plenty(supervisor.OneForOne,
			child("a", "room 12"),
			child("b", "", supervisor.With(actor.Name("b name"))),
			child("c", "line 1\n└─ \"line 2\"", supervisor.With(actor.Name("c name")))))
		all := supervisor.SnapshotOf(s.Context(), sup.PID())
		if got := all.Children[2].Label; got != "line 1\n└─ \"line 2\"" {
			s.Errorf("label %q", got)
		}
		s.expectDrawing(all, `
<0.1> supervisor idle
├─ a <0.2> (room 12) idle
├─ b <0.3> "b name" idle
└─ c <0.4> "c name" (line 1\n└─ "line 2") idle
`)
	})
}

// A snapshot of an actor that has ended, or of the zero PID, says so.
func TestSnapshotOfTheDead(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("a")))
		s.ok(sup.Stop(s.Context()))
		s.expectDrawing(supervisor.SnapshotOf(s.Context(), sup.PID()), "\n<0.1> supervisor ended\n")
		s.expectDrawing(supervisor.SnapshotOf(s.Context(), actor.PID{}), "\nended\n")
		s.expectDrawing(supervisor.Snapshot(s.Context(), s.sys), "\nsystem running\n")
	})
}

func ExampleSnapshot() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	started := make(chan string, 3)
	_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Supervisor("greeters", supervisor.Spec{Children: greeters(started)}),
		supervisor.DynamicSupervisor("sessions", supervisor.DynamicSpec{}),
	}}, actor.Name("app"))
	if err != nil {
		fmt.Println(err)
		return
	}
	tree := supervisor.Snapshot(ctx, sys)
	for _, c := range tree.Children[0].Children {
		fmt.Println(c.ID, c.Type, len(c.Children))
	}
	// fmt.Print(tree) draws:
	//
	//	system running
	//	└─ <0.1> "app" supervisor idle
	//	   ├─ greeters <0.2> supervisor idle
	//	   │  ├─ a <0.3> idle
	//	   │  ├─ b <0.4> idle
	//	   │  └─ c <0.5> idle
	//	   └─ sessions <0.6> supervisor idle

	// Output:
	// greeters supervisor 3
	// sessions supervisor 0
}
