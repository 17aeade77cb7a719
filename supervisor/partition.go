package supervisor

import (
	"hash/maphash"
	"reflect"
	"runtime"
	"strconv"
)

// Partitions is a number of like children that share the work: each key belongs to
// one of them, see [Route]. It follows them over their restarts. It is a small
// value; the zero Partitions has none.
type Partitions[M any] struct{ set *partitions[M] }

type partitions[M any] struct {
	refs []Ref[M]
	seed maphash.Seed
}

// Partition describes a supervisor of n children, each of which is made by newChild
// and takes messages of type M. Their IDs are 0 to n-1, whatever newChild says. If
// n is 0 there are as many as [runtime.GOMAXPROCS] says.
//
// The Spec is one like any other, for [Start] or [Supervisor]. The strategy is
// [OneForOne]: a partition that crashes is restarted in its place, and the others
// are not concerned. It is Elixir's PartitionSupervisor.
func Partition[M any](n int, newChild func(i int) Child) (Spec, Partitions[M]) {
	if n <= 0 {
		n = runtime.GOMAXPROCS(0)
	}
	set := &partitions[M]{refs: make([]Ref[M], n), seed: maphash.MakeSeed()}
	children := make([]Child, n)
	for i := range n {
		c := newChild(i)
		c.ID = strconv.Itoa(i)
		children[i], set.refs[i] = Follow[M](c)
	}
	return Spec{Children: children}, Partitions[M]{set}
}

// Len returns the number of partitions.
func (p Partitions[M]) Len() int {
	if p.set == nil {
		return 0
	}
	return len(p.set.refs)
}

// At returns partition i, from 0. It is for work that concerns all partitions.
func (p Partitions[M]) At(i int) Ref[M] { return p.set.refs[i] }

// Route returns the partition that a key belongs to: for an integer, of any type,
// its magnitude modulo the number of partitions, for other keys their hash modulo
// that (PSUP-1). A key belongs to the same partition as long as p lives; hashes
// are different the next time that the program runs.
//
// It panics if the key is of an interface type and what it holds is not comparable.
func Route[M any, K comparable](p Partitions[M], key K) Ref[M] {
	if p.Len() == 0 {
		return Ref[M]{}
	}
	return p.set.refs[slot(key, p.set.seed)%uint64(p.Len())]
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
