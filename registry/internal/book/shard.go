package book

import (
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/table"
)

// keyShard is a part of the keys. Its lock makes what happens to a key one step
// after the other; it is held for some hundred nanoseconds or while one key's rows
// are read, and never while an actor or a listener is called. It fills a cache line.
type keyShard[K comparable] struct {
	mu        sync.RWMutex
	entries   table.Map[K, *entry[K]] // the oldest one; the others follow it
	n         int                     // entries
	listening bool                    // whether there is a listener to any key here
	telling   bool                    // whether some goroutine is in tellAll
	news      *news[K]                // nil if nobody has ever listened
}

// holderShard is a part of the actors that have keys. Its lock is always taken
// under that of a key's shard, never the other way round.
type holderShard[K comparable] struct {
	mu      sync.Mutex
	entries table.Map[actor.PID, *entry[K]] // the newest one; the others follow it
	_       [40]byte                        // a cache line of its own
}

// add puts e into the book, unless e is gone, its holder having ended since it came
// to own e, or e is to be the only one and a living actor has the key.
func (b *Book[K]) add(e *entry[K], unique bool) (holder actor.PID, ok bool) {
	sh := b.keyShard(e.key)
	sh.mu.Lock()
	defer sh.unlock()
	var old *entry[K]
	if unique {
		if old = sh.entries.Get(e.key); old != nil && old.PID.Alive() {
			return old.PID, false
		}
	}
	if !e.state.CompareAndSwap(fresh, written) {
		return actor.PID{}, false
	}
	if old != nil {
		b.remove(sh, old)
	}
	sh.push(e)
	b.holderShard(e.PID).add(e)
	sh.record(Added, e)
	return actor.PID{}, true
}

// take removes the actor's entries under key, or the oldest one, and returns the
// first; the others hang on it as struck.
func (b *Book[K]) take(key K, pid actor.PID, one bool) (taken *entry[K]) {
	sh := b.keyShard(key)
	sh.mu.Lock()
	defer sh.unlock()
	first := sh.entries.Get(key)
	if first == nil {
		return nil
	}
	if first == first.prev { // the only one, as in a registry of unique keys always
		if first.PID != pid {
			return nil
		}
		taken, one = first, true
	} else {
		taken = b.find(first, pid)
	}
	if one && taken != nil {
		taken.struck = nil // what an earlier find has left there
	}
	for e := taken; e != nil; e = e.struck {
		b.remove(sh, e)
	}
	return taken
}

// find returns pid's entries among those that begin with first, the oldest ahead
// and the others hanging on it. The caller holds the lock of the key's shard.
//
// They are on two lists, the key's and the holder's, either of which may be very
// long. Going through both side by side, it takes no longer than the shorter one
// does.
func (b *Book[K]) find(first *entry[K], pid actor.PID) *entry[K] {
	hs := b.holderShard(pid)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	var oldest, last *entry[K] // by the key's list
	var found *entry[K]        // by the holder's, which is newest first
	k, h := first, hs.entries.Get(pid)
	for k != nil && h != nil {
		if h.key == first.key {
			h.prevStruck(&found)
		}
		k, h = k.next, h.nextOwn
	}
	if h == nil {
		return found
	}
	// The key's list was the shorter one. What the other has found is overwritten.
	for k = first; k != nil; k = k.next {
		if k.PID != pid {
			continue
		}
		if k.struck = nil; last == nil {
			oldest = k
		} else {
			last.struck = k
		}
		last = k
	}
	return oldest
}

// prevStruck puts e ahead of the list of what is struck.
func (e *entry[K]) prevStruck(list **entry[K]) { e.struck, *list = *list, e }

// remove takes e out of the book. The caller holds the lock of its shard, and e is
// in the book.
func (b *Book[K]) remove(sh *keyShard[K], e *entry[K]) {
	e.state.Store(gone)
	sh.pull(e)
	b.holderShard(e.PID).remove(e)
	sh.record(Removed, e)
}

// push puts e behind the others of its key.
func (sh *keyShard[K]) push(e *entry[K]) {
	sh.n++
	first := sh.entries.Get(e.key)
	if first == nil {
		e.prev = e
		sh.entries.Set(e.key, e)
		return
	}
	e.prev = first.prev
	first.prev.next = e
	first.prev = e
}

func (sh *keyShard[K]) pull(e *entry[K]) {
	sh.n--
	first := sh.entries.Get(e.key)
	switch {
	case e != first:
		e.prev.next = e.next
		if e.next != nil {
			e.next.prev = e.prev
		} else {
			first.prev = e.prev
		}
	case e.next != nil:
		e.next.prev = e.prev
		sh.entries.Set(e.key, e.next)
	default:
		sh.entries.Delete(e.key)
	}
	e.prev, e.next = nil, nil
}

func (sh *holderShard[K]) add(e *entry[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.nextOwn = sh.entries.Get(e.PID); e.nextOwn != nil {
		e.nextOwn.prevOwn = e
	}
	sh.entries.Set(e.PID, e)
}

func (sh *holderShard[K]) remove(e *entry[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.nextOwn != nil {
		e.nextOwn.prevOwn = e.prevOwn
	}
	switch {
	case e.prevOwn != nil:
		e.prevOwn.nextOwn = e.nextOwn
	case e.nextOwn != nil:
		sh.entries.Set(e.PID, e.nextOwn)
	default:
		sh.entries.Delete(e.PID)
	}
	e.prevOwn, e.nextOwn = nil, nil
}
