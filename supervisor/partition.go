package supervisor

import (
	"context"
	"hash/maphash"
	"reflect"

	"github.com/troupe-go/troupe/actor"
)

// Partitions is a number of like children that share the work: each key belongs to
// one of them, see [Route]. H is the handle of a partition, a [Ref] or a [Dynamic], which
// follows it over its restarts. Partitions is a small value; the zero Partitions has none.
//
// All methods may be called from any goroutine.
type Partitions[H any] struct{ set *partitions[H] }

// Partition describes a supervisor of n children that take messages of type M. It calls
// newChild for each i from 0 to n-1. The ID of a child is the ID from newChild, or without
// one that of its [Supervisor], with its number: "orders/3". So it shows in snapshots, logs
// and errors. If n is 0 there are as many as [runtime.GOMAXPROCS] says.
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
// [DynamicSupervisor]: several of them share the work for which a single one would be too
// slow.
//
//	spec, sessions := supervisor.PartitionDynamic(0, func(int) supervisor.Child {
//		return supervisor.DynamicSupervisor("sessions", supervisor.DynamicSpec{})
//	})
//	…
//	pid, err := supervisor.Route(sessions, user).StartChild(ctx, newSession(user))
//
// A child is known to its own partition only, so use the same key to find it again. At
// gives all partitions in turn.
//
// Elixir: PartitionSupervisor.
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

// At returns partition i, from 0. It is for work that concerns all partitions. From Len
// on it returns the zero handle, so a loop may run during a [Partitions.Resize].
func (p Partitions[H]) At(i int) (none H) {
	if p.set == nil {
		return none
	}
	return p.set.at(i)
}

// Resize starts or stops partitions until there are n of them; if n is 0, as many
// as [runtime.GOMAXPROCS] says. From then on keys belong to other partitions. The children
// and their clients must cope with state that is held by key.
//
// A larger n adds partitions after all other children. Resize itself calls newChild for
// them, so a panic in that is the caller's. If one does not start, those that were added
// are stopped again, the number stays, and the error wraps the reason.
//
// A smaller n removes those with the highest numbers. First nothing is routed to them any
// more; then they are stopped, last first, as by [Tree.TerminateChild], and the messages
// in their mailboxes are lost. Their handles stand for nothing until the number grows
// again.
//
// The partitions' supervisor does nothing else meanwhile. After a restart of its own it
// begins with the number in its Spec. See [Tree] for ctx and errors.
//
// Elixir: PartitionSupervisor.resize!/2.
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

// Route returns the partition that a key belongs to. It takes the magnitude of an integer
// of any type, or the hash of another key, modulo the number of partitions. A key belongs
// to the same partition until the next [Partitions.Resize]; hashes differ from one run of
// the program to the next.
//
// It panics if the key is of an interface type and its value is not comparable.
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
