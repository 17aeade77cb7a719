package book

import (
	"hash/maphash"
	"iter"

	"github.com/troupe-go/troupe/actor"
)

// Book maps keys to actors. The zero Book is empty. Its methods may be called from
// any goroutine.
type Book[K comparable] struct {
	keys    [shardCount]keyShard[K]
	holders [shardCount]holderShard[K]
}

// shardCount is the number of locks that the keys share. It is far above the
// number of cores, so that two keys that are busy at once seldom meet.
const shardCount = 64

var seed = maphash.MakeSeed()

func (b *Book[K]) keyShard(key K) *keyShard[K] {
	return &b.keys[maphash.Comparable(seed, key)%shardCount]
}

func (b *Book[K]) holderShard(pid actor.PID) *holderShard[K] {
	return &b.holders[maphash.Comparable(seed, pid)%shardCount]
}

// Row is an actor with the value that it stands under a key with.
type Row struct {
	PID   actor.PID
	Value any
}

// Add writes the actor under key, behind those that stand there. It reports false
// if pid is dead or doomed.
func (b *Book[K]) Add(key K, pid actor.PID, value any) bool {
	_, ok := b.own(key, pid, value, false)
	return ok
}

// AddUnique writes the actor under key unless a living one stands there, which it
// returns then. Doomed ones make way. With a zero holder, false means that pid is
// dead or doomed.
func (b *Book[K]) AddUnique(key K, pid actor.PID, value any) (holder actor.PID, ok bool) {
	return b.own(key, pid, value, true)
}

func (b *Book[K]) own(key K, pid actor.PID, value any, unique bool) (actor.PID, bool) {
	e := &entry[K]{book: b, key: key, Row: Row{pid, value}}
	// Owned before it is in the book: the other way round, an actor that ends in
	// between would be known to be dead and still stand here.
	if !pid.Alive() || !pid.Own(e) {
		return actor.PID{}, false
	}
	holder, ok := b.add(e, unique)
	if !ok {
		pid.Disown(e)
	}
	return holder, ok
}

// Remove strikes the actor's entries under key, or the oldest of them only. It
// reports whether there was one.
func (b *Book[K]) Remove(key K, pid actor.PID, one bool) bool {
	e := b.take(key, pid, one)
	if e == nil {
		return false
	}
	for ; e != nil; e = e.struck {
		pid.Disown(e)
	}
	return true
}

// First returns the oldest row under key, be its actor alive or not.
func (b *Book[K]) First(key K) (Row, bool) {
	sh := b.keyShard(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	if e := sh.entries.Get(key); e != nil {
		return e.Row, true
	}
	return Row{}, false
}

// Set gives the actor's oldest entry under key another value and returns the one
// before.
func (b *Book[K]) Set(key K, pid actor.PID, value any) (old any, ok bool) {
	sh := b.keyShard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for e := sh.entries.Get(key); e != nil; e = e.next {
		if e.PID == pid {
			old, e.Value = e.Value, value
			return old, true
		}
	}
	return nil, false
}

// Each calls f with the rows under key, oldest first, those of doomed actors
// included. It does so under the lock: f must not use the book.
func (b *Book[K]) Each(key K, f func(Row)) {
	sh := b.keyShard(key)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for e := sh.entries.Get(key); e != nil; e = e.next {
		f(e.Row)
	}
}

// EachOf calls f with the keys of the actor, once for each entry, newest first,
// under a lock, as Each does.
func (b *Book[K]) EachOf(pid actor.PID, f func(key K)) {
	sh := b.holderShard(pid)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for e := sh.entries.Get(pid); e != nil; e = e.nextOwn {
		f(e.key)
	}
}

// Len returns the number of entries.
func (b *Book[K]) Len() int {
	n := 0
	for i := range b.keys {
		sh := &b.keys[i]
		sh.mu.RLock()
		n += sh.n
		sh.mu.RUnlock()
	}
	return n
}

// All returns the keys with their rows, those of a key one after the other and
// oldest first, without those of doomed actors. No lock is held while the loop's
// body runs. What stands in the book during the whole loop comes exactly once.
func (b *Book[K]) All() iter.Seq2[K, Row] {
	type line struct {
		key K
		Row
	}
	return func(yield func(K, Row) bool) {
		var batch []line
		for i := range b.keys {
			sh := &b.keys[i]
			sh.mu.RLock()
			for key, e := range sh.entries.All {
				for ; e != nil; e = e.next {
					batch = append(batch, line{key, e.Row})
				}
			}
			sh.mu.RUnlock()
			for _, l := range batch {
				if l.PID.Alive() && !yield(l.key, l.Row) {
					return
				}
			}
			clear(batch)
			batch = batch[:0]
		}
	}
}
