package supervisor

import (
	"hash/maphash"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// partitions is what all copies of a Partitions share.
type partitions[H any] struct {
	seed     maphash.Seed
	first    int // the number in the Spec
	newChild func(i int) (Child, H)

	now atomic.Pointer[layout[H]]
	mu  sync.Mutex // for changes of what follows, and of now
	// name is that of their supervisor, if it has one: the partitions whose newChild has
	// not named them are named after it.
	name string
	// supervisor is the latest one that has started partitions.
	supervisor actor.PID
}

// layout is what there is at a time. It does not change.
type layout[H any] struct {
	// all are the partitions that there have ever been: number i is always the same one.
	all []place[H]
	// size is how many of them are in use, at least 1: the others are not running.
	size int
}

type place[H any] struct {
	handle  H
	child   Child
	unnamed bool // newChild has given the child no ID
}

func orDefault(n int) int {
	if n <= 0 {
		return runtime.GOMAXPROCS(0)
	}
	return n
}

func partition[H any](n int, newChild func(i int) (Child, H)) (Spec, Partitions[H]) {
	n = orDefault(n)
	s := &partitions[H]{seed: maphash.MakeSeed(), first: n, newChild: newChild}
	l := &layout[H]{size: n}
	children := make([]Child, n)
	for i := range n {
		l.all = append(l.all, s.newPlace(i, ""))
		children[i] = l.all[i].child
	}
	s.now.Store(l)
	return Spec{Children: children}, Partitions[H]{s}
}

// newPlace makes the description of a partition, whose supervisor has the given name.
func (s *partitions[H]) newPlace(i int, name string) place[H] {
	c, h := s.newChild(i)
	p := place[H]{handle: h, unnamed: c.ID == ""}
	if p.unnamed {
		c.ID = name
	}
	p.child = c.followedBy(s).renamed(partitionID(c.ID, i))
	return p
}

func partitionID(name string, i int) string {
	number := strconv.Itoa(i)
	if name == "" {
		return number
	}
	return name + "/" + number
}

// nameAfter implements [namedAfterSupervisor].
func (s *partitions[H]) nameAfter(supervisor string, c Child) Child {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name = supervisor
	l := *s.now.Load()
	l.all = slices.Clone(l.all)
	for i, p := range l.all {
		if !p.unnamed {
			continue
		}
		if id := partitionID(supervisor, i); c.ID == strconv.Itoa(i) {
			c = c.renamed(id)
			l.all[i].child = p.child.renamed(id)
		}
	}
	s.now.Store(&l)
	return c
}

// follow implements [follower].
func (s *partitions[H]) follow(start starter) starter {
	return func(parent actor.Self) (actor.PID, error) {
		s.startsUnder(parent.PID())
		return start(parent)
	}
}

// startsUnder notes which supervisor has the partitions as children. A new supervisor
// starts with those in the Spec. One that was abandoned no longer counts.
func (s *partitions[H]) startsUnder(pid actor.PID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.supervisor == pid || !pid.Alive() {
		return
	}
	s.supervisor = pid
	s.setSize(s.first)
}

// setSize sets the number of partitions in use. The caller holds the lock.
func (s *partitions[H]) setSize(n int) {
	l := *s.now.Load()
	l.size = n
	s.now.Store(&l)
}

// prepare makes the missing descriptions of n partitions, and returns their supervisor,
// or the zero PID. It calls newChild without the lock, because that may take its time. Two
// calls at once may both make a description of a partition; the second is thrown away.
func (s *partitions[H]) prepare(n int) actor.PID {
	s.mu.Lock()
	name := s.name
	s.mu.Unlock()
	old := len(s.now.Load().all)
	var added []place[H]
	for i := old; i < n; i++ {
		added = append(added, s.newPlace(i, name))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := *s.now.Load()
	if others := len(l.all) - old; others < len(added) {
		l.all = append(l.all, added[others:]...) // beyond what readers of the old one see
		s.now.Store(&l)
	}
	return s.supervisor
}

// at returns partition i if it is in use.
func (s *partitions[H]) at(i int) (none H) {
	if l := s.now.Load(); i < l.size {
		return l.all[i].handle
	}
	return none
}

// of returns the partition of a key, given as a number.
func (s *partitions[H]) of(slot uint64) H {
	l := s.now.Load()
	return l.all[slot%uint64(l.size)].handle
}

// The methods that follow implement [resizable] for the supervisor of the partitions.

func (s *partitions[H]) size() int { return s.now.Load().size }

func (s *partitions[H]) child(i int) Child { return s.now.Load().all[i].child }

// resized records that n partitions are in use from now on.
func (s *partitions[H]) resized(supervisor actor.PID, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.supervisor == supervisor {
		s.setSize(n)
	}
}
