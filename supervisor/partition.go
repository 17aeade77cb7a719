package supervisor

import (
	"context"
	"hash/maphash"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Partitions is a number of like children that share the work: each key belongs to
// one of them, see [Route]. H is what stands for a partition and follows it over its
// restarts: a [Ref], or a [Dynamic]. It is a small value; the zero Partitions has none.
//
// All methods may be called from any goroutine.
type Partitions[H any] struct{ set *partitions[H] }

// Partition describes a supervisor of n children, each of which is made by newChild
// and takes messages of type M. newChild is called for each i from 0 to n-1; the
// child's ID is i, after the ID that newChild has given and a slash if it has given
// one: "orders/3". If n is 0 there are as many as [runtime.GOMAXPROCS] says.
//
// The Spec is one like any other, for [Start] or [Supervisor]; one supervisor at a
// time may run by it. The strategy is [OneForOne]: a partition that crashes is
// restarted in its place, and the others are not concerned.
//
// Elixir: PartitionSupervisor.
func Partition[M any](n int, newChild func(i int) Child) (Spec, Partitions[Ref[M]]) {
	return partition(n, func(i int) (Child, Ref[M]) { return Follow[M](newChild(i)) })
}

// PartitionDynamic is [Partition] for children that newChild makes with
// [DynamicSupervisor]: several of them where the only one would be what all wait for.
//
//	spec, sessions := supervisor.PartitionDynamic(0, func(int) supervisor.Child {
//		return supervisor.DynamicSupervisor("sessions", supervisor.DynamicSpec{})
//	})
//	…
//	pid, err := supervisor.Route(sessions, user).StartChild(ctx, newSession(user))
//
// A child is known to its own partition only, which a key has to find again; all of
// them together are what At has.
//
// Elixir: a PartitionSupervisor of DynamicSupervisors.
func PartitionDynamic(n int, newChild func(i int) Child) (Spec, Partitions[Dynamic]) {
	return partition(n, func(i int) (Child, Dynamic) { return FollowDynamic(newChild(i)) })
}

// Len returns the number of partitions.
func (p Partitions[H]) Len() int {
	if p.set == nil {
		return 0
	}
	return p.set.size()
}

// At returns partition i, from 0. It is for work that concerns all partitions. There
// is nobody from Len on, so a loop may meet a [Partitions.Resize].
func (p Partitions[H]) At(i int) (none H) {
	if p.set == nil {
		return none
	}
	return p.set.at(i)
}

// Resize starts or stops partitions, so that there are n of them; if n is 0, as many
// as [runtime.GOMAXPROCS] says. Keys belong to other partitions from then on: it is
// up to the children, and to those that use them, what becomes of state that is held
// by key.
//
// Partitions are added after all other children, with what newChild says of them; it
// is called by Resize itself, and a panic in it is the caller's. If
// one does not start, those that were added are stopped again, the number stays, and
// the error wraps the reason. Those with the highest numbers fall away. Nothing is
// routed to them any more; then they are stopped, last first, as by
// [Tree.TerminateChild]: what waits in their mailboxes is lost. A handle of theirs is
// nobody's until the number grows again.
//
// The partitions' supervisor does nothing else meanwhile. When it is restarted itself
// it begins with the number in its Spec. As to ctx and errors see [Tree].
//
// Elixir: PartitionSupervisor.resize!/2, which cannot grow beyond the first number.
func (p Partitions[H]) Resize(ctx context.Context, n int) error {
	var sup Tree
	if p.set != nil {
		n = orDefault(n)
		sup, _ = TreeOf(p.set.prepare(n))
	}
	_, err := ask(ctx, sup.at.now(), "resize", "", func(r actor.Reply[struct{}]) treeRequest {
		return resize{p.set, n, r}
	})
	return err
}

// Route returns the partition that a key belongs to: for an integer, of any type,
// its magnitude modulo the number of partitions, for other keys their hash modulo
// that (PSUP-1). A key belongs to the same partition as long as p lives and is not
// resized; hashes are different the next time that the program runs.
//
// It panics if the key is of an interface type and what it holds is not comparable.
func Route[H any, K comparable](p Partitions[H], key K) (none H) {
	if p.set == nil {
		return none
	}
	return p.set.of(slot(key, p.set.seed))
}

// slot maps a key to a number: an integer to its magnitude, others to their hash.
func slot[K comparable](key K, seed maphash.Seed) uint64 {
	v := reflect.ValueOf(key)
	switch {
	case v.IsValid() && v.CanInt():
		i := v.Int()
		if i < 0 {
			return -uint64(i) // right for the least integer, too
		}
		return uint64(i)
	case v.IsValid() && v.CanUint():
		return v.Uint()
	}
	return maphash.Comparable(seed, key)
}
