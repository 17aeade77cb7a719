package supervisor_test

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

type players = supervisor.Partitions[supervisor.Ref[any]]

// player returns partition i.
func (s *stage) player(i int) supervisor.Child {
	c := s.child(strconv.Itoa(i))
	c.ID = ""
	return c
}

func (s *stage) partitions(n int) (supervisor.Tree, players) {
	s.Helper()
	spec, parts := supervisor.Partition[any](n, s.player)
	spec.Intensity = 1000
	return s.start(spec), parts
}

// PSUP-1: an integer key goes to its magnitude modulo the number.
func TestPartitionOfAnInteger(t *testing.T) {
	type id int16
	onStage(t, func(s *stage) {
		_, parts := s.partitions(4)
		s.expect("+0, +1, +2, +3")
		for _, c := range []struct {
			got  supervisor.Ref[any]
			want int
		}{
			{supervisor.Route(parts, 0), 0},
			{supervisor.Route(parts, 7), 3},
			{supervisor.Route(parts, -7), 3},
			{supervisor.Route(parts, id(-5)), 1},
			{supervisor.Route(parts, uint8(255)), 3},
			{supervisor.Route(parts, math.MinInt64), 0},
			{supervisor.Route(parts, math.MinInt64+1), 3},
			{supervisor.Route(parts, uint64(math.MaxUint64)), 3},
			{supervisor.Route(parts, any(6)), 2},
		} {
			if c.got != parts.At(c.want) || c.got.PID() != s.pid(strconv.Itoa(c.want)) {
				t.Errorf("got %v, want %v", c.got, parts.At(c.want))
			}
		}
	})
}

// PSUP-1: other keys are spread over all partitions, and always go to the same one.
func TestPartitionOfOtherKeys(t *testing.T) {
	type point struct{ x, y string }
	_, parts := supervisor.Partition[any](8, func(int) supervisor.Child { return supervisor.Child{} })
	hits := map[supervisor.Ref[any]]int{}
	for i := range 1000 {
		key := strconv.Itoa(i)
		ref := supervisor.Route(parts, key)
		hits[ref]++
		if again := supervisor.Route(parts, key); again != ref {
			t.Fatalf("key %q moved", key)
		}
	}
	if len(hits) != parts.Len() {
		t.Errorf("%d of %d partitions are used", len(hits), parts.Len())
	}
	ab := supervisor.Route(parts, point{"a", "b"})
	if again := supervisor.Route(parts, point{"a", "b"}); again != ab {
		t.Error("a struct as the key moved")
	}
	null := supervisor.Route(parts, any(nil))
	if again := supervisor.Route(parts, any(nil)); again != null {
		t.Error("nil as the key moved")
	}
}

// PSUP-2: a partition that crashes comes back under the same index, and no other is
// concerned.
func TestPartitionIsRestartedInItsPlace(t *testing.T) {
	onStage(t, func(s *stage) {
		sup, parts := s.partitions(3)
		s.expect("+0, +1, +2")
		before := parts.At(1).PID()
		supervisor.Route(parts, 4).Send(errBoom)
		s.expect("-1 boom, +1")
		if now := supervisor.Route(parts, 4).PID(); now == before || now != s.pid("1") {
			t.Errorf("partition 1 is %v, was %v", now, before)
		}
		if got := s.state(sup); got != "0+1+2+" {
			t.Errorf("the children are %s", got)
		}
	})
}

// PSUP-1: there are as many as can run at once, unless a number is given.
func TestPartitionDefaultNumber(t *testing.T) {
	_, parts := supervisor.Partition[any](0, func(int) supervisor.Child { return supervisor.Child{} })
	if n := parts.Len(); n != runtime.GOMAXPROCS(0) {
		t.Errorf("there are %d", n)
	}
	var zero players
	if ref := supervisor.Route(zero, 1); zero.Len() != 0 || ref != (supervisor.Ref[any]{}) || !ref.PID().IsZero() {
		t.Error("the zero Partitions has partitions")
	}
	if ref := zero.At(0); ref != (supervisor.Ref[any]{}) {
		t.Error("the zero Partitions has a first one")
	}
}

// To find the partition of a key allocates nothing.
func TestRouteDoesNotAllocate(t *testing.T) {
	_, parts := supervisor.Partition[int](8, func(int) supervisor.Child { return supervisor.Child{} })
	key := strconv.Itoa(runtime.NumGoroutine())
	if n := testing.AllocsPerRun(100, func() {
		supervisor.Route(parts, key).Send(1)
		supervisor.Route(parts, len(key)).Send(1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A supervisor of partitions is a supervisor like any other.
func TestPartitionsAsAChild(t *testing.T) {
	onStage(t, func(s *stage) {
		spec, parts := supervisor.Partition[any](2, s.player)
		s.start(plenty(supervisor.OneForOne, supervisor.Supervisor("carts", spec)))
		for range 2 { // one more than the default budget
			parts.At(0).Send(errBoom)
			synctest.Wait()
		}
		s.expect("+0, +1, -0 boom, +0, -0 boom, -1 shutdown, +0, +1")
		if parts.At(1).PID() != s.pid("1") {
			t.Error("the partitions are lost")
		}
	})
}

// PSUP-1: the IDs tell of what they are partitions: what newChild says, or the ID of the
// supervisor. So do the errors, and those that a Resize has added.
func TestPartitionIDs(t *testing.T) {
	for _, c := range []struct{ supervisor, child, want string }{
		{"", "", "%d"},
		{"", "orders", "orders/%d"},
		{"shop", "orders", "orders/%d"},
		{"shop", "", "shop/%d"},
	} {
		t.Run(c.supervisor+" "+c.child, func(t *testing.T) {
			onStage(t, func(s *stage) {
				spec, parts := supervisor.Partition[any](2, func(i int) supervisor.Child {
					child := s.player(i)
					child.ID = c.child
					return child
				})
				spec.Children = append(spec.Children, s.child("other"))
				var tree supervisor.Tree
				if c.supervisor == "" {
					tree = s.start(spec)
				} else {
					child, follows := supervisor.FollowTree(supervisor.Supervisor(c.supervisor, spec))
					s.start(supervisor.Spec{Children: []supervisor.Child{child}})
					tree = follows
				}
				id := func(i int) string { return strings.ReplaceAll(c.want, "%d", strconv.Itoa(i)) }
				if got, want := s.state(tree), id(0)+"+"+id(1)+"+other+"; got != want {
					t.Errorf("the children are %s, want %s", got, want)
				}
				for range 2 { // what was added goes again
					s.ok(parts.Resize(s.Context(), 3))
					s.ok(tree.TerminateChild(s.Context(), id(2)))
					_, err := supervisor.Call(s.Context(), parts.At(2), func(actor.Reply[int]) any { return nil })
					if want := fmt.Sprintf("supervisor: call child %q: not running", id(2)); err == nil || err.Error() != want {
						t.Errorf("the error is %v, want %s", err, want)
					}
					s.ok(parts.Resize(s.Context(), 1))
					if got, want := s.state(tree), id(0)+"+other+"; got != want {
						t.Errorf("the children are %s, want %s", got, want)
					}
				}
			})
		})
	}
}

// PSUP-1, PSUP-2 for children that are supervisors: a key leads to the same one over
// its restarts, and between two incarnations to nothing.
func TestPartitionsThatAreDynamicSupervisors(t *testing.T) {
	onStage(t, func(s *stage) {
		spec, parts := supervisor.PartitionDynamic(3, func(int) supervisor.Child {
			return supervisor.DynamicSupervisor("rooms", many)
		})
		spec.Intensity = 1000
		sup := s.start(spec)
		if got := s.state(sup); got != "rooms/0+rooms/1+rooms/2+" {
			t.Fatalf("the children are %s", got)
		}
		rooms := supervisor.Route(parts, 7)
		before := rooms.PID()
		s.add(rooms, s.child("a"))
		s.add(supervisor.Route(parts, 8), s.child("b"))
		for i, want := range []int{0, 1, 1} {
			s.expectCount(parts.At(i), workers(want))
		}
		rooms.PID().Exit(actor.Kill)
		s.expect("+a, +b, -a killed")
		if now := supervisor.Route(parts, "any key at all"); now.PID().IsZero() {
			t.Error("a key has no partition")
		}
		if rooms.PID() == before || rooms != parts.At(1) {
			t.Errorf("partition 1 is %v, was %v", rooms.PID(), before)
		}
		s.expectCount(rooms, workers(0)) // it begins anew
		s.add(rooms, s.child("a"))

		s.ok(sup.TerminateChild(s.Context(), "rooms/1"))
		_, err := rooms.StartChild(s.Context(), s.child("c"))
		s.expectError(err, actor.NoProc)
	})
}

func ExamplePartition() {
	sys := quietSystem()
	served := make(chan string)
	spec, carts := supervisor.Partition[string](4, func(i int) supervisor.Child {
		return supervisor.Actor("", actor.Func(func(_ *actor.Context[string], m string) error {
			served <- fmt.Sprintf("partition %d: %s", i, m)
			return nil
		}))
	})
	sup, err := supervisor.Start(sys, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sup.Stop(context.Background())

	for _, user := range []int{42, 7, 46} {
		supervisor.Route(carts, user).Send(fmt.Sprintf("hello, user %d", user))
		fmt.Println(<-served)
	}
	// Output:
	// partition 2: hello, user 42
	// partition 3: hello, user 7
	// partition 2: hello, user 46
}

func ExamplePartitionDynamic() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	spec, sessions := supervisor.PartitionDynamic(4, func(int) supervisor.Child {
		return supervisor.DynamicSupervisor("sessions", supervisor.DynamicSpec{})
	})
	if _, err := supervisor.Start(sys, spec); err != nil {
		fmt.Println(err)
		return
	}
	started := make(chan string, 3)
	for user, name := range []string{"ann", "bob", "eve"} {
		_, err := supervisor.Route(sessions, user).StartChild(ctx, supervisor.Actor(name,
			func() greeter { return greeter{name, started} },
			supervisor.Temporary))
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	for i := range sessions.Len() {
		n, err := sessions.At(i).Count(ctx)
		fmt.Println(n.Active, err)
	}
	// Output:
	// 1 <nil>
	// 1 <nil>
	// 1 <nil>
	// 0 <nil>
}
