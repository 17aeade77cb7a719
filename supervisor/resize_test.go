package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// expectRoutes fails the test if the keys do not go round n partitions that run.
func (s *stage) expectRoutes(parts players, n int) {
	s.Helper()
	if got := parts.Len(); got != n {
		s.Fatalf("there are %d partitions, want %d", got, n)
	}
	for key := range 2 * n {
		ref := supervisor.Route(parts, key)
		if want := s.pid(strconv.Itoa(key % n)); ref != parts.At(key%n) || ref.PID() != want {
			s.Errorf("key %d leads to %v, want %v", key, ref, want)
		}
	}
	if ref := parts.At(n); !ref.PID().IsZero() {
		s.Errorf("beyond the last one is %v", ref)
	}
}

// PSUP-3: partitions come and go at the end, those that stay are not concerned, and
// a Ref is always that of the same partition.
func TestResize(t *testing.T) {
	onStage(t, func(s *stage) {
		sup, parts := s.partitions(3)
		last := parts.At(2)
		s.expect("+0, +1, +2")
		for _, step := range []struct {
			n           int
			what, state string
		}{
			{5, "+3, +4", "0+1+2+3+4+"},
			{5, "", "0+1+2+3+4+"},
			{1, "-4 shutdown, -3 shutdown, -2 shutdown, -1 shutdown", "0+"},
			{3, "+1, +2", "0+1+2+"},
			{2, "-2 shutdown", "0+1+"},
			{4, "+2, +3", "0+1+2+3+"},
		} {
			s.ok(parts.Resize(s.Context(), step.n))
			s.expect(step.what)
			s.expectRoutes(parts, step.n)
			if got := s.state(sup); got != step.state {
				t.Errorf("with %d partitions the children are %s", step.n, got)
			}
		}
		if last != parts.At(2) || last.PID() != s.pid("2") {
			t.Errorf("the Ref of partition 2 is %v, want %v", last, s.pid("2"))
		}
		last.Send(errBoom) // PSUP-2: one that was added is restarted in its place
		s.expect("-2 boom, +2")
		s.expectRoutes(parts, 4)
		s.ok(parts.Resize(s.Context(), 0))
		s.settle()
		s.expectRoutes(parts, runtime.GOMAXPROCS(0))
	})
}

// PSUP-3: a partition that is on its way out gets nothing more.
func TestNothingIsRoutedToPartitionsThatFallAway(t *testing.T) {
	onStage(t, func(s *stage) {
		spec, parts := supervisor.Partition[any](2, func(i int) supervisor.Child {
			c := s.as(player{id: strconv.Itoa(i), lazy: time.Second})
			c.ID = ""
			return c
		})
		s.start(spec)
		resized := make(chan error, 1)
		go func() { resized <- parts.Resize(s.Context(), 1) }()
		synctest.Wait()
		s.expect("+0, +1") // which takes a second to end
		s.expectRoutes(parts, 1)
		s.ok(<-resized)
		s.expect("-1 shutdown")
	})
}

// If a partition does not start, those that were added before it go again.
func TestResizeIsAllOrNothing(t *testing.T) {
	onStage(t, func(s *stage) {
		sup, parts := s.partitions(2)
		s.settle()
		s.failNext("4", 1)
		s.expectError(parts.Resize(s.Context(), 6), errFlat)
		s.expect("+2, +3, 4 fails, -3 shutdown, -2 shutdown")
		s.expectRoutes(parts, 2)
		if got := s.state(sup); got != "0+1+" {
			t.Errorf("the children are %s", got)
		}
		s.ok(parts.Resize(s.Context(), 6))
		s.expect("+2, +3, +4, +5")
		s.expectRoutes(parts, 6)

		// An ID that is taken is as bad.
		_, err := sup.StartChild(s.Context(), s.child("7"))
		s.ok(err)
		s.expect("+7")
		var taken *supervisor.AlreadyStartedError
		if err := parts.Resize(s.Context(), 8); !errors.As(err, &taken) {
			t.Errorf("got %v", err)
		}
		s.expect("+6, -6 shutdown")
		s.expectRoutes(parts, 6)
	})
}

// Whatever has become of a partition meanwhile, it falls away.
func TestResizeOfPartitionsThatDoNotRun(t *testing.T) {
	onStage(t, func(s *stage) {
		spec, parts := supervisor.Partition[any](6, func(i int) supervisor.Child {
			c := s.player(i)
			switch i {
			case 1:
				c.Backoff = slow
			case 2:
				c.Restart = supervisor.Temporary
			case 3:
				c.Restart = supervisor.Transient
			}
			return c
		})
		sup := s.start(spec)
		ctx := s.Context()
		parts.At(1).Send(errBoom) // it waits
		parts.At(2).Send(errBoom) // it is forgotten
		parts.At(3).Send(actor.Stop)
		synctest.Wait()
		s.ok(sup.TerminateChild(ctx, "4"))
		s.ok(sup.TerminateChild(ctx, "5"))
		s.ok(sup.DeleteChild(ctx, "5"))
		s.settle()
		s.ok(parts.Resize(ctx, 1))
		if got := s.state(sup); got != "0+" {
			t.Errorf("the children are %s", got)
		}
		time.Sleep(time.Minute)
		s.expect("")
		s.ok(parts.Resize(ctx, 6))
		s.expect("+1, +2, +3, +4, +5")
		s.expectRoutes(parts, 6)
	})
}

// SUP-25: the others are started with a child that crashed, but none that has fallen
// away.
func TestRestartsOfAllAfterResize(t *testing.T) {
	onStage(t, func(s *stage) {
		spec, parts := supervisor.Partition[any](3, s.player)
		spec.Strategy = supervisor.OneForAll
		s.start(spec)
		s.ok(parts.Resize(s.Context(), 2))
		s.settle()
		parts.At(0).Send(errBoom)
		s.expect("-0 boom, -1 shutdown, +0, +1")
		s.expectRoutes(parts, 2)
	})
}

// PSUP-3: a supervisor that is restarted has the number in its Spec.
func TestResizeEndsWithTheSupervisor(t *testing.T) {
	for _, n := range []int{1, 5} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			onStage(t, func(s *stage) {
				spec, parts := supervisor.Partition[any](3, s.player)
				inner, tree := supervisor.FollowTree(supervisor.Supervisor("inner", spec))
				s.start(plenty(supervisor.OneForOne, inner))
				for range 2 {
					s.ok(parts.Resize(s.Context(), n))
					synctest.Wait()
					s.expectRoutes(parts, n)
					tree.PID().Exit(actor.Kill)
					synctest.Wait()
					s.expectRoutes(parts, 3)
				}
			})
		})
	}
}

// Without a supervisor there is nothing to resize.
func TestResizeWithoutASupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		s.expectError(players{}.Resize(s.Context(), 2), actor.NoProc)
		spec, parts := supervisor.Partition[any](3, s.player)
		s.expectError(parts.Resize(s.Context(), 2), actor.NoProc)
		sup := s.start(spec)
		s.ok(parts.Resize(s.Context(), 2))
		s.ok(sup.Stop(s.Context()))
		s.expectError(parts.Resize(s.Context(), 4), actor.NoProc)
		if ref := supervisor.Route(parts, 1); !ref.PID().IsZero() {
			t.Errorf("a key leads to %v", ref)
		}
	})
}

// A supervisor that is killed meanwhile leaves nothing behind.
func TestKillDuringResize(t *testing.T) {
	for name, c := range map[string]struct{ from, to int }{"grow": {1, 3}, "shrink": {3, 1}} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(s *stage) {
				spec, parts := supervisor.Partition[any](c.from, func(i int) supervisor.Child {
					p := s.as(player{id: strconv.Itoa(i), lazy: 4 * time.Second})
					start := p.Start
					p.Start = func(parent actor.Self) (actor.PID, error) {
						if i == 2 && c.to == 3 {
							parent.PID().Exit(actor.Kill)
						}
						return start(parent)
					}
					p.ID = ""
					return p
				})
				sup := s.start(spec)
				resized := make(chan error, 1)
				go func() { resized <- parts.Resize(s.Context(), c.to) }()
				synctest.Wait()
				sup.PID().Exit(actor.Kill)
				s.expectError(<-resized, actor.Killed)
				time.Sleep(5 * time.Second)
				synctest.Wait()
				if n := s.sys.Count(); n != 0 {
					t.Errorf("%d actors are left", n)
				}
			})
		})
	}
}

// What newChild does wrong is its caller's trouble, and changes nothing.
func TestResizeWithABadNewChild(t *testing.T) {
	onStage(t, func(s *stage) {
		bad := true
		spec, parts := supervisor.Partition[any](1, func(i int) supervisor.Child {
			if i == 2 && bad {
				panic("no such partition")
			}
			return s.player(i)
		})
		s.start(spec)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			parts.Resize(s.Context(), 3)
		}()
		s.expectRoutes(parts, 1)
		bad = false
		s.ok(parts.Resize(s.Context(), 3))
		s.expectRoutes(parts, 3)
		if err := parts.Resize(s.Context(), 4); err != nil {
			t.Error(err)
		}
	})
}

// Routes, resizes and restarts may meet. No key is without a partition that it could
// ever have had.
func TestResizeIsSafeForConcurrentUse(t *testing.T) {
	sys := newSystem(t)
	spec, parts := supervisor.Partition[struct{}](2, func(int) supervisor.Child { return supervisor.Actor("", sleeper) })
	spec.Intensity, spec.Period = 1<<30, time.Hour
	sup, err := supervisor.Start(sys, spec)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for g := range 3 {
		all.Go(func() {
			for i := range 200 {
				if err := parts.Resize(t.Context(), 1+(7*i+3*g)%9); err != nil {
					t.Error(err)
				}
			}
		})
		all.Go(func() {
			for i := range 2000 {
				ref := supervisor.Route(parts, i)
				if ref == (supervisor.Ref[struct{}]{}) {
					t.Error("a key has no partition")
				}
				if ref.Send(struct{}{}); i%50 == 0 {
					ref.PID().Exit(actor.Kill)
				}
			}
		})
	}
	all.Wait()
	list, err := sup.Children(t.Context())
	if err != nil || len(list) != parts.Len() {
		t.Errorf("there are %d partitions and these children: %v, %v", parts.Len(), list, err)
	}
	if err := sup.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func ExamplePartitions_Resize() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	spec, carts := supervisor.Partition[string](2, func(i int) supervisor.Child {
		return supervisor.Actor("carts", actor.Func(func(*actor.Context[string], string) error { return nil }))
	})
	sup, err := supervisor.Start(sys, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := carts.Resize(ctx, 3); err != nil {
		fmt.Println(err)
		return
	}
	list, err := sup.Children(ctx)
	for _, c := range list { // newest first
		fmt.Println(c.ID, err)
	}
	// Output:
	// carts/2 <nil>
	// carts/1 <nil>
	// carts/0 <nil>
}
