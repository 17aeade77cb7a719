package group_test

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
)

func join[G comparable](tb testing.TB, s *group.Set[G], g G, pid actor.PID) {
	tb.Helper()
	if err := s.Join(g, pid); err != nil {
		tb.Fatal(err)
	}
}

func leave[G comparable](tb testing.TB, s *group.Set[G], g G, pid actor.PID) {
	tb.Helper()
	if err := s.Leave(g, pid); err != nil {
		tb.Fatal(err)
	}
}

func expectMembers[G comparable](tb testing.TB, s *group.Set[G], g G, want ...actor.PID) {
	tb.Helper()
	if got := pidsOf(s.Members(g)); !slices.Equal(got, want) {
		tb.Errorf("members of %v are %v, want %v", g, got, want)
	}
	if got := s.LocalMembers(g); !slices.Equal(got, want) {
		tb.Errorf("local members of %v are %v, want %v", g, got, want)
	}
}

// PG-2, and PG-4 on one node
func TestJoinsAreCounted(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	join(t, &s, "g", a)
	join(t, &s, "g", b)
	join(t, &s, "g", a)
	expectMembers(t, &s, "g", a, b, a)
	leave(t, &s, "g", a)
	expectMembers(t, &s, "g", b, a)
	leave(t, &s, "g", a)
	expectMembers(t, &s, "g", b)
	if err := s.Leave("g", a); !errors.Is(err, group.ErrNotJoined) {
		t.Errorf("third leave: %v, want ErrNotJoined", err)
	}
	for range 3 {
		join(t, &s, "g", a)
	}
	leave(t, &s, "g", a)
	expectMembers(t, &s, "g", b, a, a)
	end(t, a)
	expectMembers(t, &s, "g", b)
}

// PG-2
func TestLeaveOfANonMemberIsAnError(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	join(t, &s, "g", a)
	for _, pid := range []actor.PID{b, {}} {
		if err := s.Leave("g", pid); !errors.Is(err, group.ErrNotJoined) {
			t.Errorf("%v leaves: %v, want ErrNotJoined", pid, err)
		}
	}
	if err := s.Leave("other", a); !errors.Is(err, group.ErrNotJoined) {
		t.Errorf("leave another group: %v, want ErrNotJoined", err)
	}
	expectMembers(t, &s, "g", a)
}

// PG-1
func TestGroupExistsWhileItHasMembersAndInItsSetOnly(t *testing.T) {
	sys := newSystem(t)
	var s, other group.Set[int]
	a, b := idle(t, sys).PID(), idle(t, sys).PID()
	for g := range 100 {
		join(t, &s, g, a)
		join(t, &s, g, b)
	}
	groups := s.Groups()
	slices.Sort(groups)
	if len(slices.Compact(groups)) != 100 || len(groups) != 100 || len(s.GroupsOf(a)) != 100 {
		t.Errorf("groups: %v", groups)
	}
	if len(other.Groups()) != 0 || other.Members(1) != nil {
		t.Error("another set has groups")
	}
	end(t, a)
	for g := range 99 {
		leave(t, &s, g, b)
	}
	if got := s.Groups(); !slices.Equal(got, []int{99}) {
		t.Errorf("groups: %v, want 99", got)
	}
}

// PG-3
func TestTheDeadCannotJoin(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	dead := idle(t, sys).PID()
	end(t, dead)
	for _, pid := range []actor.PID{dead, {}} {
		if err := s.Join("g", pid); !errors.Is(err, actor.NoProc) {
			t.Errorf("%v joins: %v, want NoProc", pid, err)
		}
	}
	expectMembers(t, &s, "g")
}

// PG-3, but at once rather than some time later.
func TestMembersAreGoneBeforeAnybodyHearsOfTheirEnd(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[string]
	member := idle(t, sys)
	join(t, &s, "g", member.PID())
	join(t, &s, "g", member.PID())
	join(t, &s, "h", member.PID())
	found := make(chan int, 1)
	w := spawn(t, sys, &script{down: func(actor.Down) {
		found <- len(s.Members("g")) + len(s.Groups()) + len(s.GroupsOf(member.PID()))
	}})
	watching := make(chan struct{})
	w.Send(func(ctx *actor.Context[do]) error {
		ctx.Monitor(member.PID())
		close(watching)
		return nil
	})
	await(t, watching)
	member.Send(func(*actor.Context[do]) error { return errors.New("crash") })
	if n := await(t, found); n != 0 {
		t.Errorf("at the DOWN %d memberships were left", n)
	}
}

func TestJoinAndLeaveRaceWithDeathAndLeaveNothing(t *testing.T) {
	sys := newSystem(t)
	var s group.Set[int]
	for range 1000 {
		pid := idle(t, sys).PID()
		var racing sync.WaitGroup
		racing.Go(func() { pid.Exit(actor.Kill) })
		for range 3 {
			racing.Go(func() {
				for i := range 4 {
					if err := s.Join(i%2, pid); err != nil && !errors.Is(err, actor.NoProc) {
						t.Error(err)
					}
				}
				if err := s.Leave(0, pid); err != nil && !errors.Is(err, group.ErrNotJoined) {
					t.Error(err)
				}
			})
		}
		racing.Wait()
		await(t, pid.Done())
		if got := s.GroupsOf(pid); got != nil || len(s.Groups()) != 0 {
			t.Fatalf("memberships are left: %v", got)
		}
	}
}
