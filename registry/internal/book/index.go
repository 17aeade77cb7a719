package book

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// index is a hash table: it finds the oldest entry of each key, or, for a shard of
// the holders, the newest one of each holder, who is the key then. It is changed
// under the shard's lock, and read with it or without.
//
// A reader without the lock gets what stood under the key at some moment of the read. For
// within one table a key keeps its slot for as long as it is there, and no slot is ever
// empty again, so the search for a key cannot end before it; and a table that has been
// replaced stays as it was at that moment.
//
// A Go map would take more memory, could not be read beside changes, and would keep
// the room that it once needed.
type index[K comparable] struct {
	table atomic.Pointer[hashTable[K]] // nil: empty
	n     int                          // keys
}

// hashTable has linear probing. Half of its slots are empty at least, so a search is
// short and comes to an end.
type hashTable[K comparable] struct {
	slots []atomic.Pointer[entry[K]] // a power of two of them
	used  int                        // that are not empty
	grave *entry[K]                  // stands in the slots of keys that have gone
}

const minSlots = 4

// hash is a key's. One part of it chooses the shard, the other one the first slot.
type hash uint32

func (h hash) shard() hash { return h % shardCount }

func (t *hashTable[K]) mask() hash { return hash(len(t.slots) - 1) }

func (t *hashTable[K]) first(h hash) hash { return h / shardCount & t.mask() }

// get returns the oldest entry under key, or nil. It needs no lock.
func (x *index[K]) get(h hash, key K) *entry[K] {
	t := x.table.Load()
	if t == nil {
		return nil
	}
	for i := t.first(h); ; i = (i + 1) & t.mask() {
		e := t.slots[i].Load()
		if e == nil || e.hash == h && e.key == key && e != t.grave {
			return e
		}
	}
}

// of is get in an index of holders: it returns pid's newest entry.
func (x *index[K]) of(h hash, pid actor.PID) *entry[K] {
	t := x.table.Load()
	if t == nil {
		return nil
	}
	for i := t.first(h); ; i = (i + 1) & t.mask() {
		e := t.slots[i].Load()
		if e == nil || e.pid == pid && e != t.grave {
			return e
		}
	}
}

// hasher returns the hash by which an entry is found: its key's or its holder's.
type hasher[K comparable] func(*entry[K]) hash

func byKey[K comparable](e *entry[K]) hash    { return e.hash }
func byHolder[K comparable](e *entry[K]) hash { return hashOf(e.pid) }

// add puts e in, of whose key there is none.
func (x *index[K]) add(e *entry[K], by hasher[K]) {
	t := x.table.Load()
	if t == nil || 2*(t.used+1) > len(t.slots) {
		t = x.rebuild(x.n+1, by)
	}
	x.n++
	i := t.first(by(e))
	for ; ; i = (i + 1) & t.mask() {
		if was := t.slots[i].Load(); was == nil {
			t.used++
			break
		} else if was == t.grave {
			break
		}
	}
	t.slots[i].Store(e)
}

// replace puts next, of the same key, in the place of e.
func (x *index[K]) replace(e, next *entry[K], by hasher[K]) { x.slot(by(e), e).Store(next) }

// delete takes e out, and so its key.
func (x *index[K]) delete(e *entry[K], by hasher[K]) {
	t := x.table.Load()
	x.slot(by(e), e).Store(t.grave)
	x.n--
	switch {
	case len(t.slots) == minSlots:
	case x.n == 0:
		x.table.Store(nil)
	case 8*x.n < len(t.slots):
		x.rebuild(x.n, by)
	}
}

// slot returns the slot that e stands in.
func (x *index[K]) slot(h hash, e *entry[K]) *atomic.Pointer[entry[K]] {
	t := x.table.Load()
	for i := t.first(h); ; i = (i + 1) & t.mask() {
		if t.slots[i].Load() == e {
			return &t.slots[i]
		}
	}
}

// rebuild makes a table in which n keys take a third of the slots at most, and a
// sixth at least: many more can come or go until the next one.
func (x *index[K]) rebuild(n int, by hasher[K]) *hashTable[K] {
	size := minSlots
	for size < 3*n {
		size *= 2
	}
	t := &hashTable[K]{slots: make([]atomic.Pointer[entry[K]], size), grave: new(entry[K])}
	for e := range x.all {
		i := t.first(by(e))
		for t.slots[i].Load() != nil {
			i = (i + 1) & t.mask()
		}
		t.slots[i].Store(e)
		t.used++
	}
	x.table.Store(t)
	return t
}

// all calls yield for the entry of each key until it returns false. The caller
// holds the lock.
func (x *index[K]) all(yield func(*entry[K]) bool) {
	t := x.table.Load()
	if t == nil {
		return
	}
	for i := range t.slots {
		if e := t.slots[i].Load(); e != nil && e != t.grave && !yield(e) {
			return
		}
	}
}
