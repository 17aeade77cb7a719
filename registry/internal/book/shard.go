package book

import (
	"slices"
	"sync"

	"github.com/troupe-go/troupe/actor"
)

// keyShard is a part of the keys. Its lock makes what happens to a key one step
// after the other; it is held for some hundred nanoseconds or while one key's rows
// are read, and never while an actor or a listener is called. It fills a cache line.
type keyShard[K comparable] struct {
	mu        sync.RWMutex
	index     index[K]  // the oldest entry under each key; the others follow it
	n         int       // entries
	listening bool      // whether there is a listener to any key here
	telling   *round[K] // nil while nobody is being told
	news      *news[K]  // nil if nobody has ever listened
}

// holderShard is a part of the actors that have keys. Its lock is always taken
// under that of a key's shard, never the other way round.
type holderShard[K comparable] struct {
	mu    sync.Mutex
	index index[K] // the newest entry of each holder; the others follow it
	_     [40]byte // a cache line of its own
}

// add puts e into the book, unless e is gone, its holder having ended since it came
// to own e, or e is to be the only one and a living actor has the key.
func (b *Book[K]) add(e *entry[K], unique bool) (holder actor.PID, ok bool) {
	sh := b.shardOf(e.hash)
	sh.mu.Lock()
	defer sh.unlock()
	var old *entry[K]
	if unique {
		if old = sh.index.get(e.hash, e.key); old != nil && old.pid.Alive() {
			return old.pid, false
		}
	}
	if !e.state.CompareAndSwap(fresh, written) {
		return actor.PID{}, false
	}
	if old != nil {
		b.remove(sh, old)
	}
	sh.push(e)
	if !e.far() {
		own := hashOf(e.pid)
		b.holderShard(own).add(own, e)
	}
	sh.record(Added, e)
	return actor.PID{}, true
}

// take removes the actor's entries under key, or the oldest one, and returns them,
// oldest first, in one of the two slices.
func (b *Book[K]) take(key K, pid actor.PID, one bool, byKey, byHolder []*entry[K]) []*entry[K] {
	h := hashOf(key)
	sh := b.shardOf(h)
	sh.mu.Lock()
	defer sh.unlock()
	first := sh.index.get(h, key)
	if first == nil {
		return nil
	}
	var list []*entry[K]
	switch {
	case first.pid == pid && (one || first == first.prev):
		list = append(byKey, first)
	case first != first.prev: // not the only one, as in a registry of unique keys always
		list = b.find(first, pid, one, byKey, byHolder)
	}
	for _, e := range list {
		b.remove(sh, e)
	}
	return list
}

// find is take that removes nothing, among the entries that begin with first. The
// caller holds the lock of the key's shard.
//
// They are on two lists, the key's and the holder's, either of which may be very
// long. Going through both side by side, it takes no longer than the shorter one
// does.
func (b *Book[K]) find(first *entry[K], pid actor.PID, one bool, byKey, byHolder []*entry[K]) []*entry[K] {
	own := hashOf(pid)
	hs := b.holderShard(own)
	hs.mu.Lock()
	defer hs.mu.Unlock()
	for k, h := first, hs.index.of(own, pid); ; k, h = k.next, h.nextOwn {
		switch {
		case k == nil || one && len(byKey) > 0:
			return byKey
		case h == nil:
			slices.Reverse(byHolder) // it is newest first
			if one && len(byHolder) > 0 {
				return byHolder[:1]
			}
			return byHolder
		}
		if k.pid == pid {
			byKey = append(byKey, k)
		}
		if h.key == first.key {
			byHolder = append(byHolder, h)
		}
	}
}

// remove takes e out of the book. The caller holds the lock of its shard, and e is
// in the book.
func (b *Book[K]) remove(sh *keyShard[K], e *entry[K]) {
	e.state.Store(gone)
	sh.pull(e)
	if !e.far() {
		b.holderShard(hashOf(e.pid)).remove(e)
	}
	sh.record(Removed, e)
}

// push puts e behind the others of its key.
func (sh *keyShard[K]) push(e *entry[K]) {
	sh.n++
	first := sh.index.get(e.hash, e.key)
	if first == nil {
		e.prev = e
		sh.index.add(e, byKey)
		return
	}
	e.prev = first.prev
	first.prev.next = e
	first.prev = e
}

func (sh *keyShard[K]) pull(e *entry[K]) {
	sh.n--
	if e.prev == e { // the only one
		sh.index.delete(e, byKey)
		e.prev = nil
		return
	}
	first := sh.index.get(e.hash, e.key)
	switch {
	case e == first:
		e.next.prev = e.prev
		sh.index.replace(e, e.next, byKey)
	case e.next != nil:
		e.prev.next = e.next
		e.next.prev = e.prev
	default:
		e.prev.next = nil
		first.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

func (sh *holderShard[K]) add(own hash, e *entry[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	newest := sh.index.of(own, e.pid)
	if newest == nil {
		sh.index.add(e, byHolder)
		return
	}
	e.nextOwn, newest.prevOwn = newest, e
	sh.index.replace(newest, e, byHolder)
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
		sh.index.replace(e, e.nextOwn, byHolder)
	default:
		sh.index.delete(e, byHolder)
	}
	e.prevOwn, e.nextOwn = nil, nil
}
