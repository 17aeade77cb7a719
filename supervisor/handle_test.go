package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/entity"
	"github.com/troupe-go/troupe/supervisor"
)

// A handle is the same before, during and after a restart of its supervisor.
func TestHandlesFollowASupervisorOverItsRestarts(t *testing.T) {
	onStage(t, func(s *stage) {
		inner, tree := supervisor.FollowTree(supervisor.Supervisor("inner", plenty(supervisor.OneForOne, s.child("a"))))
		pool, dyn := supervisor.FollowDynamic(supervisor.DynamicSupervisor("pool", many))
		for _, pid := range []actor.PID{tree.PID(), dyn.PID()} {
			if !pid.IsZero() {
				t.Errorf("before the start it is %v", pid)
			}
		}
		_, err := tree.Children(s.Context())
		s.expectError(err, actor.NoProc)
		_, err = dyn.Count(s.Context())
		s.expectError(err, actor.NoProc)
		s.expectError(dyn.Stop(s.Context()), actor.NoProc)

		sup := s.start(plenty(supervisor.OneForOne, inner, pool))
		for range 3 {
			s.listed(sup, "inner", tree.PID())
			s.listed(sup, "pool", dyn.PID())
			_, err := tree.StartChild(s.Context(), s.child("b"))
			s.ok(err)
			s.add(dyn, s.child("x"))
			if got := s.state(tree); got != "a+b+" {
				t.Errorf("the tree has %s", got)
			}
			s.expectCount(dyn, workers(1))
			s.settle()
			tree.PID().Exit(actor.Kill)
			dyn.PID().Exit(actor.Kill)
			synctest.Wait()
			if got := s.state(tree); got != "a+" {
				t.Errorf("the next tree has %s", got)
			}
			s.expectCount(dyn, workers(0))
		}
		s.ok(sup.Stop(s.Context()))
		if tree.String() != "<>" || dyn.String() != "<>" {
			t.Errorf("after the end they are %v and %v", tree, dyn)
		}
	})
}

// A handle's Stop is for the incarnation that lives now; the child's Restart says
// whether there will be another.
func TestStopThroughAHandle(t *testing.T) {
	onStage(t, func(s *stage) {
		inner, tree := supervisor.FollowTree(supervisor.Supervisor("inner", supervisor.Spec{}, supervisor.Transient))
		pool, dyn := supervisor.FollowDynamic(supervisor.DynamicSupervisor("pool", many))
		sup := s.start(plenty(supervisor.OneForOne, inner, pool))
		s.ok(tree.Stop(s.Context()))
		s.ok(dyn.Stop(s.Context()))
		synctest.Wait()
		if got := s.state(sup); got != "inner-pool+" {
			t.Errorf("the children are %s", got)
		}
		s.listed(sup, "pool", dyn.PID())
	})
}

// A handle may be in use while its supervisor ends and starts, again and again.
func TestHandlesAreSafeForConcurrentUse(t *testing.T) {
	sys := newSystem(t)
	pool, dyn := supervisor.FollowDynamic(supervisor.DynamicSupervisor("pool", many))
	sup, err := supervisor.Start(sys, plenty(supervisor.OneForOne, pool))
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range 200 {
			pid := dyn.PID()
			pid.Exit(actor.Kill)
			<-pid.Done()
			_ = dyn.String()
		}
	}()
	for done := false; !done; {
		select {
		case <-over:
			done = true
		default:
		}
		// It is killed, or in between.
		if _, err := dyn.StartChild(t.Context(), supervisor.Actor("", sleeper)); err != nil &&
			!errors.Is(err, actor.NoProc) && !errors.Is(err, actor.Killed) {
			t.Error(err)
		}
	}
	if err := sup.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// follower is a child, and what its clients have of it.
type follower struct {
	child supervisor.Child
	// use returns the actor that serves those clients now.
	use func() (actor.PID, error)
}

// followers are all kinds of handles.
var followers = map[string]func(s *stage) follower{
	"ActorRef": func(s *stage) follower {
		child, ref := supervisor.ActorRef("x", func() player { return player{s: s, id: "x"} })
		return follower{child, func() (actor.PID, error) { return ref.PID(), ref.TrySend(1) }}
	},
	"FollowTree": func(s *stage) follower {
		child, tree := supervisor.FollowTree(supervisor.Supervisor("x", supervisor.Spec{}))
		return follower{child, func() (actor.PID, error) {
			_, err := tree.Count(s.Context())
			return tree.PID(), err
		}}
	},
	"FollowDynamic": func(s *stage) follower {
		child, pool := supervisor.FollowDynamic(supervisor.DynamicSupervisor("x", many))
		return follower{child, func() (actor.PID, error) {
			_, err := pool.StartChild(s.Context(), s.child("y"))
			return pool.PID(), err
		}}
	},
	"Partition": func(s *stage) follower {
		spec, parts := supervisor.Partition[any](2, s.player)
		return follower{supervisor.Supervisor("x", spec), func() (actor.PID, error) {
			ref := supervisor.Route(parts, "key")
			return ref.PID(), ref.TrySend(1)
		}}
	},
	"Partition after a Resize": func(s *stage) follower {
		spec, parts := supervisor.Partition[any](2, s.player)
		return follower{supervisor.Supervisor("x", spec), func() (actor.PID, error) {
			err := parts.Resize(s.Context(), 3)
			return parts.At(2).PID(), err
		}}
	},
	"PartitionDynamic": func(s *stage) follower {
		spec, parts := supervisor.PartitionDynamic(2, func(int) supervisor.Child {
			return supervisor.DynamicSupervisor("", many)
		})
		return follower{supervisor.Supervisor("x", spec), func() (actor.PID, error) {
			pool := supervisor.Route(parts, "key")
			_, err := pool.StartChild(s.Context(), s.child("y"))
			return pool.PID(), err
		}}
	},
	"entity": func(s *stage) follower {
		rooms := entity.New(entity.Config{}, func(name string) player { return player{s: s, id: name} })
		return follower{rooms.Child(), func() (actor.PID, error) {
			ref, err := rooms.Find(s.Context(), "lobby")
			return ref.PID(), err
		}}
	},
}

// A handle that was made before the start is good after each restart of what it stands
// for: by itself, or with its supervisor, or because an earlier sibling has crashed.
func TestEachHandleSurvivesARestForOne(t *testing.T) {
	for name, follow := range followers {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				f := follow(s)
				inner := plenty(supervisor.RestForOne, s.child("a"), f.child)
				part, tree := supervisor.FollowTree(supervisor.Supervisor("part", inner))
				s.start(plenty(supervisor.RestForOne, s.child("first"), part))
				last, err := f.use()
				s.ok(err)
				for _, c := range []struct {
					name  string
					crash func()
				}{
					{"what it stands for is killed", func() { last.Exit(actor.Kill) }},
					{"an earlier sibling crashes", func() { s.send("a", errBoom) }},
					{"its supervisor is killed", func() { tree.PID().Exit(actor.Kill) }},
					{"an earlier sibling of its supervisor crashes", func() { s.send("first", errBoom) }},
				} {
					c.crash()
					synctest.Wait()
					now, err := f.use()
					if err != nil || now == last || !now.Alive() {
						t.Fatalf("after %s: %v, was %v, error %v", c.name, now, last, err)
					}
					last = now
				}
			})
		})
	}
}

// What is no supervisor of that kind does not start as one.
func TestHandlesRefuseOtherActors(t *testing.T) {
	onStage(t, func(s *stage) {
		asTree, _ := supervisor.FollowTree(s.child("a"))
		asDynamic, _ := supervisor.FollowDynamic(supervisor.Supervisor("b", supervisor.Spec{}))
		for want, c := range map[string]supervisor.Child{
			"a Tree":    asTree,
			"a Dynamic": asDynamic,
		} {
			_, err := supervisor.Start(s.sys, plenty(supervisor.OneForOne, c))
			if err == nil {
				t.Fatal("the supervisor started")
			}
			if want := "is not " + want; !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		synctest.Wait()
		if n := s.sys.Count(); n != 0 {
			t.Errorf("%d actors are left", n)
		}
	})
}

// listed fails the test if the supervisor does not have a child of that ID and PID.
func (s *stage) listed(sup supervisor.Tree, id string, pid actor.PID) {
	s.Helper()
	list, err := sup.Children(s.Context())
	s.ok(err)
	for _, c := range list {
		if c.ID == id && c.PID == pid {
			return
		}
	}
	s.Fatalf("%s %v is not among %v", id, pid, list)
}

func ExampleFollowDynamic() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	pool, sessions := supervisor.FollowDynamic(supervisor.DynamicSupervisor("sessions", supervisor.DynamicSpec{}))
	restarted := make(chan supervisor.Restarted, 1)
	_, err := supervisor.Start(sys, supervisor.Spec{
		Children:  []supervisor.Child{pool},
		OnRestart: func(r supervisor.Restarted) { restarted <- r },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	sessions.PID().Exit(actor.Kill)
	fmt.Println((<-restarted).Child, "was restarted")
	started := make(chan string, 1)
	_, err = sessions.StartChild(ctx, supervisor.Actor("ann",
		func() greeter { return greeter{"ann", started} }))
	fmt.Println(<-started, err)
	// Output:
	// sessions was restarted
	// ann <nil>
}
