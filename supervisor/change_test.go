package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// other returns a description of the child with that ID, of which "NEW" is the sign.
func (s *stage) other(id string, opts ...supervisor.ChildOption) supervisor.Child {
	c := s.as(player{id: "NEW"}, opts...)
	c.ID = id
	return c
}

func (s *stage) change(sup supervisor.Tree, c supervisor.Child) {
	s.Helper()
	s.ok(sup.ChangeChild(s.Context(), c))
}

// SUP-67: a child that runs goes on; what is started next is as the new description says, in
// the old place.
func TestChangeOfAChildThatRuns(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.RestForOne, s.children("a b c")...))
		b := s.pid("b")
		s.change(sup, s.other("b"))
		s.expect("+a, +b, +c")
		if c, err := sup.Child(s.Context(), "b"); err != nil || c.PID != b {
			t.Errorf("b is now %+v, %v", c, err)
		}
		s.send("b", errBoom)
		s.expect("-b boom, -c shutdown, +NEW, +c")
		s.change(sup, s.child("b"))
		s.ok(sup.TerminateChild(s.Context(), "b"))
		_, err := sup.RestartChild(s.Context(), "b")
		s.ok(err)
		s.expect("-NEW shutdown, +b")
	})
}

// SUP-67, SUP-20: an end is judged by the description that holds when it comes.
func TestChangeOfRestart(t *testing.T) {
	for _, c := range []struct {
		from, to supervisor.Restart
		reason   error
		then     string
	}{
		{supervisor.Permanent, supervisor.Transient, actor.Normal, "a-"},
		{supervisor.Permanent, supervisor.Temporary, errBoom, ""},
		{supervisor.Transient, supervisor.Permanent, actor.Normal, "a+"},
		{supervisor.Temporary, supervisor.Transient, errBoom, "a+"},
	} {
		t.Run(fmt.Sprintf("%v to %v", c.from, c.to), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(plenty(supervisor.OneForOne, s.child("a", c.from)))
				s.change(sup, s.child("a", c.to))
				s.send("a", c.reason)
				synctest.Wait()
				if got := s.state(sup); got != c.then {
					t.Errorf("the children are %q, want %q", got, c.then)
				}
			})
		})
	}
}

// SUP-67, SUP-50: significance counts from the change on.
func TestChangeOfSignificance(t *testing.T) {
	onStage(t, func(s *stage) {
		spec := plenty(supervisor.OneForOne, s.child("a", supervisor.Transient), s.child("b"))
		spec.AutoShutdown = supervisor.AnySignificant
		sup := s.start(spec)
		s.change(sup, s.child("a", supervisor.Transient, supervisor.Significant))
		s.send("a", actor.Stop)
		s.expectEnd(sup.PID(), actor.Shutdown)
	})
}

// SUP-67, SUP-13: how long a child may take to stop is what the latest description
// says.
func TestChangeOfShutdown(t *testing.T) {
	onStage(t, func(s *stage) {
		lazy := player{id: "a", lazy: time.Hour}
		sup := s.start(plenty(supervisor.OneForOne, s.as(lazy, supervisor.Infinity)))
		s.change(sup, s.as(lazy, supervisor.Shutdown(time.Second)))
		begin := time.Now()
		s.ok(sup.TerminateChild(s.Context(), "a"))
		if took := time.Since(begin); took != time.Second {
			t.Errorf("it took %v", took)
		}
		s.expect("+a, a is cut short")
	})
}

// SUP-67, SUP-60: a child at rest stays there until it is wanted.
func TestChangeOfAChildAtRest(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		sup := s.start(plenty(supervisor.OneForAll, s.children("a b")...))
		s.ok(sup.TerminateChild(ctx, "a"))
		s.settle()
		s.change(sup, s.other("a", supervisor.Temporary))
		s.send("b", errBoom) // SUP-24: a round starts no temporary child
		s.expect("-b boom, +b")
		if got := s.state(sup); got != "a-b+" {
			t.Errorf("the children are %s", got)
		}
		_, err := sup.RestartChild(ctx, "a")
		s.ok(err)
		s.send("NEW", errBoom)
		s.expect("+NEW, -NEW boom")
		_, err = sup.Child(ctx, "a")
		s.expectError(err, supervisor.ErrNotFound)

		s.ok(sup.TerminateChild(ctx, "b"))
		s.change(sup, s.child("b", supervisor.Temporary))
		s.ok(sup.TerminateChild(ctx, "b")) // SUP-62
		if got := s.state(sup); got != "" {
			t.Errorf("the children are %s", got)
		}
	})
}

// A restart that waits is tried at once, and the wait is over for good.
func TestChangeEndsABackoff(t *testing.T) {
	for name, backoff := range map[string]supervisor.Backoff{"none": {}, "another": {Min: 3 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				spec := plenty(supervisor.OneForOne, s.child("a", slow))
				spec.Intensity = 3
				sup := s.start(spec)
				s.settle()
				s.send("a", errBoom)
				s.expect("-a boom")
				s.change(sup, s.other("a", backoff)) // the first restart
				s.expect("+NEW")
				s.send("NEW", errBoom)
				if backoff.Min == 0 {
					s.expect("-NEW boom, +NEW")
				} else {
					s.expect("-NEW boom")
					s.expectAfter(backoff.Min, "+NEW") // the second
				}
				time.Sleep(time.Minute)
				s.failNext("NEW", 1)
				s.send("NEW", errBoom) // the third fails
				if backoff.Min > 0 {
					time.Sleep(time.Minute)
				}
				s.expectEnd(sup.PID(), actor.Shutdown)
			})
		})
	}
}

// A retry is never tried twice, whatever descriptions it has seen: a child may be at
// rest, or run because of a sibling, when its wait is taken back.
func TestRetriesAfterChanges(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		sup := s.start(plenty(supervisor.OneForAll, s.child("a", slow), s.child("b")))
		s.failNext("a", 1)
		s.send("a", errBoom)
		time.Sleep(time.Second) // the retry fails, and the next one waits
		s.expect("+a, +b, -a boom, -b shutdown, a fails")
		s.ok(sup.TerminateChild(ctx, "a"))
		s.change(sup, s.child("a"))
		_, err := sup.RestartChild(ctx, "a")
		s.ok(err)
		s.failNext("a", 2)
		s.send("a", errBoom)
		s.expect("+a, -a boom, a fails, a fails, +a, +b")

		s.change(sup, s.child("a", slow))
		s.send("a", errBoom)
		s.expect("-a boom, -b shutdown")
		_, err = sup.RestartChild(ctx, "b")
		s.ok(err)
		s.send("b", errBoom) // which starts a, whose wait is not over
		s.expect("+b, -b boom, +a, +b")
		s.change(sup, s.child("a"))
		s.failNext("a", 1)
		s.send("a", errBoom)
		s.expect("-a boom, -b shutdown, a fails, +a, +b")
		time.Sleep(time.Minute)
		s.expect("")
	})
}

// A restart that is due stays due when the child becomes temporary.
func TestChangeToTemporaryWhileRestarting(t *testing.T) {
	for _, strategy := range []supervisor.Strategy{supervisor.OneForOne, supervisor.OneForAll, supervisor.RestForOne} {
		t.Run(strategy.String(), func(t *testing.T) {
			onStage(t, func(s *stage) {
				sup := s.start(plenty(strategy, s.child("a", slow), s.child("b")))
				s.send("a", errBoom)
				synctest.Wait()
				s.change(sup, s.child("a", supervisor.Temporary))
				synctest.Wait()
				if got := s.state(sup); got != "a+b+" {
					t.Errorf("the children are %s", got)
				}
				s.send("a", errBoom)
				synctest.Wait()
				if got := s.state(sup); got != "b+" {
					t.Errorf("the children are %s", got)
				}
			})
		})
	}
}

// A change that is refused changes nothing.
func TestChangeIsRefused(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.start(plenty(supervisor.OneForOne, s.child("a")))
		for _, id := range []string{"b", ""} {
			s.expectError(sup.ChangeChild(s.Context(), s.child(id)), supervisor.ErrNotFound)
		}
		var bad *supervisor.SpecError
		if err := sup.ChangeChild(s.Context(), s.other("a", supervisor.Significant)); !errors.As(err, &bad) || bad.Field != "Significant" {
			t.Errorf("got %v", err)
		}
		if err := sup.ChangeChild(s.Context(), supervisor.Child{ID: "a"}); !errors.As(err, &bad) || bad.Field != "Start" {
			t.Errorf("got %v", err)
		}
		s.send("a", errBoom)
		s.expect("+a, -a boom, +a")
	})
}

// The handles of a child are those of its next incarnation, too, whether the
// description was made anew or is what ChildSpec tells.
func TestHandlesFollowAChangedChild(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		a, ref := supervisor.Follow[any](s.child("a"))
		b, tree := supervisor.FollowTree(supervisor.Supervisor("b", supervisor.Spec{}))
		sup := s.start(plenty(supervisor.OneForOne, a, b))
		s.change(sup, s.other("a"))
		s.change(sup, supervisor.Supervisor("b", plenty(supervisor.OneForOne, s.child("c"))))
		ref.Send(errBoom)
		tree.PID().Exit(actor.Kill)
		synctest.Wait()
		if ref.PID() != s.pid("NEW") {
			t.Errorf("the ref is %v, want %v", ref, s.pid("NEW"))
		}
		if got := s.state(tree); got != "c+" {
			t.Errorf("the tree has %s", got)
		}

		spec, err := sup.ChildSpec(ctx, "a")
		s.ok(err)
		spec.Start = s.child("a").Start
		s.change(sup, spec)
		ref.Send(errBoom)
		synctest.Wait()
		if ref.PID() != s.pid("a") {
			t.Errorf("the ref is %v, want %v", ref, s.pid("a"))
		}

		// A child that no handle could reach is not started.
		s.change(sup, supervisor.Actor("a", sleeper))
		s.ok(sup.TerminateChild(ctx, "a"))
		if _, err := sup.RestartChild(ctx, "a"); err == nil {
			t.Error("an actor with other messages was started")
		}
	})
}

// A partition that was changed is one still.
func TestChangeOfAPartition(t *testing.T) {
	onStage(t, func(s *stage) {
		sup, parts := s.partitions(2)
		s.change(sup, s.other("1"))
		parts.At(1).Send(errBoom)
		synctest.Wait()
		if parts.At(1).PID() != s.pid("NEW") {
			t.Errorf("partition 1 is %v, want %v", parts.At(1), s.pid("NEW"))
		}
		s.ok(parts.Resize(s.Context(), 1))
		if got := s.state(sup); got != "0+" {
			t.Errorf("the children are %s", got)
		}
	})
}

// SUP-67: a supervisor that is restarted has its Spec.
func TestChangesEndWithTheSupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		inner, tree := supervisor.FollowTree(supervisor.Supervisor("inner", plenty(supervisor.OneForOne, s.child("a"))))
		s.start(plenty(supervisor.OneForOne, inner))
		s.change(tree, s.other("a"))
		tree.PID().Exit(actor.Kill)
		synctest.Wait()
		if old := s.pid("NEW"); !old.IsZero() || !s.pid("a").Alive() {
			t.Errorf("a is %v, by the change %v", s.pid("a"), old)
		}
	})
}

// SUP-68: what is told of one child, in each of its phases.
func TestChild(t *testing.T) {
	onStage(t, func(s *stage) {
		ctx := s.Context()
		sup := s.start(plenty(supervisor.OneForOne, s.child("a"), s.child("slow", slow), supervisor.Supervisor("sub", supervisor.Spec{})))
		expect := func(want supervisor.ChildInfo) {
			t.Helper()
			synctest.Wait()
			if got, err := sup.Child(ctx, want.ID); err != nil || got != want {
				t.Errorf("got %+v, %v; want %+v", got, err, want)
			}
		}
		expect(supervisor.ChildInfo{ID: "a", PID: s.pid("a")})
		s.send("a", errBoom)
		s.send("slow", errBoom)
		synctest.Wait()
		expect(supervisor.ChildInfo{ID: "a", PID: s.pid("a"), Restarts: 1})
		expect(supervisor.ChildInfo{ID: "slow", Restarting: true})
		s.ok(sup.TerminateChild(ctx, "a"))
		expect(supervisor.ChildInfo{ID: "a", Restarts: 1})
		sub, err := sup.Child(ctx, "sub")
		s.ok(err)
		if _, ok := supervisor.TreeOf(sub.PID); !ok || sub.Type != supervisor.TypeSupervisor {
			t.Errorf("the supervisor is %+v", sub)
		}
		_, err = sup.Child(ctx, "b")
		s.expectError(err, supervisor.ErrNotFound)
	})
}

func ExampleTree_ChangeChild() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	started := make(chan string, 1)
	store := func(config string) supervisor.Child {
		return supervisor.Actor("store", func() greeter { return greeter{config, started} })
	}
	top, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{store("old config")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-started)
	if err := top.ChangeChild(ctx, store("new config")); err != nil {
		fmt.Println(err)
		return
	}
	// It holds from the next start on, which need not be put off:
	if err := top.TerminateChild(ctx, "store"); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := top.RestartChild(ctx, "store"); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(<-started)
	// Output:
	// old config
	// new config
}
