package book

import (
	"hash/maphash"
	"iter"
	"slices"

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

func hashOf[K comparable](key K) hash { return hash(maphash.Comparable(seed, key)) }

func (b *Book[K]) shardOf(h hash) *keyShard[K] { return &b.keys[h.shard()] }

func (b *Book[K]) holderShard(h hash) *holderShard[K] { return &b.holders[h.shard()] }

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
	e := newEntry(b, key, Row{pid, value})
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
	if pid.IsZero() { // which those from afar have
		return false
	}
	var few [2][4]*entry[K] // on the stack
	list := b.take(key, pid, one, few[0][:0], few[1][:0])
	for _, e := range list {
		pid.Disown(e)
	}
	return len(list) > 0
}

// RemoveFunc strikes those of the actor's entries under key whose values match.
// It holds no lock while it asks match.
func (b *Book[K]) RemoveFunc(key K, pid actor.PID, match func(value any) bool) {
	h := hashOf(key)
	sh := b.shardOf(h)
	var list []*entry[K]
	sh.mu.RLock()
	for e := sh.index.get(h, key); e != nil; e = e.next {
		if e.pid == pid {
			list = append(list, e)
		}
	}
	sh.mu.RUnlock()
	list = slices.DeleteFunc(list, func(e *entry[K]) bool { return !match(e.row().Value) })
	sh.mu.Lock()
	for _, e := range list {
		if e.state.Load() == written { // still
			b.remove(sh, e)
		}
	}
	sh.unlock()
	for _, e := range list {
		pid.Disown(e)
	}
}

// First returns the oldest row under key, be its actor alive or not. It takes no
// lock: what it returns stood there at some moment of the call.
func (b *Book[K]) First(key K) (Row, bool) {
	h := hashOf(key)
	if e := b.shardOf(h).index.get(h, key); e != nil {
		return e.row(), true
	}
	return Row{}, false
}

// FirstPID is First without the value.
func (b *Book[K]) FirstPID(key K) actor.PID {
	h := hashOf(key)
	if e := b.shardOf(h).index.get(h, key); e != nil {
		return e.pid
	}
	return actor.PID{}
}

// Set gives the actor's oldest entry under key another value and returns the one
// before.
func (b *Book[K]) Set(key K, pid actor.PID, value any) (old any, ok bool) {
	h := hashOf(key)
	sh := b.shardOf(h)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for e := sh.index.get(h, key); e != nil; e = e.next {
		if e.pid == pid {
			old = e.row().Value
			e.set(value)
			return old, true
		}
	}
	return nil, false
}

// Each calls f with the rows under key, oldest first, those of doomed actors
// included. It does so under the lock: f must not use the book.
func (b *Book[K]) Each(key K, f func(Row)) {
	h := hashOf(key)
	sh := b.shardOf(h)
	sh.mu.RLock()
	defer sh.mu.RUnlock()
	for e := sh.index.get(h, key); e != nil; e = e.next {
		f(e.row())
	}
}

// EachOf calls f with the keys of the actor, once for each entry, newest first,
// under a lock, as Each does.
func (b *Book[K]) EachOf(pid actor.PID, f func(key K)) {
	own := hashOf(pid)
	sh := b.holderShard(own)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for e := sh.index.of(own, pid); e != nil; e = e.nextOwn {
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
			for e := range sh.index.all {
				for ; e != nil; e = e.next {
					batch = append(batch, line{e.key, e.row()})
				}
			}
			sh.mu.RUnlock()
			for _, l := range batch {
				if (l.Far() || l.PID.Alive()) && !yield(l.key, l.Row) {
					return
				}
			}
			clear(batch)
			batch = batch[:0]
		}
	}
}
