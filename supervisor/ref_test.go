package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// A Ref is the same before, during and after a restart.
func TestRefFollowsAChildOverItsRestarts(t *testing.T) {
	onStage(t, func(s *stage) {
		c, ref := supervisor.Follow[any](s.child("a"))
		if err := ref.TrySend(1); err != actor.NoProc {
			t.Errorf("before the start: %v, want %v", err, actor.NoProc)
		}
		s.start(plenty(supervisor.OneForOne, c))
		s.expect("+a")
		for range 3 {
			if ref.PID() != s.pid("a") {
				t.Fatalf("the ref is %v, want %v", ref, s.pid("a"))
			}
			ref.Send(errBoom)
			s.expect("-a boom, +a")
		}
	})
}

// Between two incarnations, and after the last one, a Ref leads to nothing.
func TestRefHoldsNoDeadActor(t *testing.T) {
	onStage(t, func(s *stage) {
		c, ref := supervisor.Follow[any](s.child("a"))
		sup := s.start(plenty(supervisor.OneForOne, c))
		s.ok(sup.TerminateChild(s.Context(), "a"))
		if !ref.PID().IsZero() {
			t.Errorf("after the child's end the ref is %v", ref)
		}
		ref.Send(1) // does nothing
		_, err := actor.Call(s.Context(), ref.Now(), func(actor.Reply[int]) any { return 1 })
		s.expectError(err, actor.NoProc)

		pid, err := sup.RestartChild(s.Context(), "a")
		s.ok(err)
		if ref.PID() != pid {
			t.Errorf("the ref is %v, want %v", ref, pid)
		}
		s.ok(sup.Stop(s.Context()))
		if !ref.PID().IsZero() {
			t.Errorf("after the supervisor's end the ref is %v", ref)
		}
	})
}

// The child may end before its start has returned.
func TestRefOfAChildThatEndsAtOnce(t *testing.T) {
	onStage(t, func(s *stage) {
		inner := s.child("a", supervisor.Temporary)
		start := inner.Start
		inner.Start = func(parent actor.Self) (actor.PID, error) {
			pid, err := start(parent)
			pid.Exit(actor.Kill)
			<-pid.Done()
			return pid, err
		}
		c, ref := supervisor.Follow[any](inner)
		s.start(plenty(supervisor.OneForOne, c))
		synctest.Wait()
		if !ref.PID().IsZero() {
			t.Errorf("the ref is %v, which is dead", ref)
		}
	})
}

// The end of an earlier holder does not take the place from a later one.
func TestRefOfTheLatestOfSeveral(t *testing.T) {
	onStage(t, func(s *stage) {
		sup := s.startDynamic(many)
		c, ref := supervisor.Follow[any](s.child("a", supervisor.Temporary))
		first, second := s.add(sup, c), s.add(sup, c)
		s.ok(sup.TerminateChild(s.Context(), first))
		if ref.PID() != second {
			t.Errorf("the ref is %v, want %v", ref, second)
		}
	})
}

// A supervisor that is restarted itself starts the same descriptions.
func TestRefFollowsThroughARestartOfTheSupervisor(t *testing.T) {
	onStage(t, func(s *stage) {
		c, ref := supervisor.Follow[any](s.child("a"))
		sup := s.start(plenty(supervisor.OneForOne, supervisor.Supervisor("inner", supervisor.Spec{
			Period:   time.Hour, // no restart is allowed
			Children: []supervisor.Child{c},
		})))
		before := ref.PID()
		ref.Send(errBoom)
		synctest.Wait()
		if now := ref.PID(); now == before || now != s.pid("a") {
			t.Errorf("the ref is %v, was %v, want %v", now, before, s.pid("a"))
		}
		s.ok(sup.Stop(s.Context()))
	})
}

// An actor with other messages is no child for this Ref.
func TestFollowRefusesAnotherMessageType(t *testing.T) {
	onStage(t, func(s *stage) {
		c, ref := supervisor.Follow[int](s.child("a"))
		_, err := supervisor.Start(s.sys, plenty(supervisor.OneForOne, c))
		if err == nil {
			t.Fatal("the supervisor started")
		}
		synctest.Wait()
		if n := s.sys.Count(); n != 0 || !ref.PID().IsZero() {
			t.Errorf("%d actors are left, the ref is %v", n, ref)
		}
		c, _ = supervisor.Follow[int](supervisor.Child{ID: "b"})
		_, err = supervisor.Start(s.sys, plenty(supervisor.OneForOne, c))
		var spec *supervisor.SpecError
		if !errors.As(err, &spec) {
			t.Errorf("without a Start: %v", err)
		}
	})
}

// Many may send while the child crashes and is restarted.
func TestRefIsSafeForConcurrentUse(t *testing.T) {
	sys := newSystem(t)
	c, ref := supervisor.ActorRef("a", actor.Func(func(_ *actor.Context[int], m int) error {
		if m%50 == 0 {
			return errBoom
		}
		return nil
	}))
	sup, err := supervisor.Start(sys, plenty(supervisor.OneForOne, c))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 1000 {
				ref.Send(i + 1)
				_ = ref.String()
			}
		})
	}
	wg.Wait()
	if err := sup.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// To send through a Ref allocates nothing.
func TestRefSendDoesNotAllocate(t *testing.T) {
	_, ref := supervisor.Follow[int](supervisor.Child{})
	if n := testing.AllocsPerRun(100, func() { ref.Send(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func ExampleActorRef() {
	sys := quietSystem()
	got := make(chan string)
	store, ref := supervisor.ActorRef("store", actor.Func(func(_ *actor.Context[string], m string) error {
		got <- m
		return nil
	}))
	sup, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{store}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Stop(context.Background())

	before := ref.Now()
	before.PID().Exit(actor.Kill)
	for ref.Now() == before || ref.TrySend("a letter") != nil {
		time.Sleep(time.Millisecond) // it is being restarted
	}
	fmt.Println(<-got)
	// Output: a letter
}

// What a Ref costs beside the actor's own address.
func BenchmarkRefSend(b *testing.B) {
	sys := newSystem(b)
	c, ref := supervisor.ActorRef("a", actor.Func(func(*actor.Context[int], int) error { return nil }))
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{c}}); err != nil {
		b.Fatal(err)
	}
	b.Run("Ref", func(b *testing.B) {
		for b.Loop() {
			ref.Send(1)
		}
	})
	b.Run("actor.Ref", func(b *testing.B) {
		direct := ref.Now()
		for b.Loop() {
			direct.Send(1)
		}
	})
	b.Run("Now", func(b *testing.B) {
		for b.Loop() {
			_ = ref.Now()
		}
	})
}
