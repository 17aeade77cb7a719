package book

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// entry is a key that an actor has. It is an [actor.Resource] of its holder. Key
// and holder do not change; the value does, under the lock of the key's shard. All
// of these are read without it.
//
// There are millions of them. With a string for a key it has 80 bytes, and must not
// grow without need.
type entry[K comparable] struct {
	// What a lookup reads is together, usually in one cache line.

	hash  hash // of key
	state atomic.Uint32
	pid   actor.PID
	key   K
	value atomic.Pointer[any] // nil for no value

	book *Book[K]

	// Others of the same key, oldest first; guarded by the key's shard. The
	// oldest one's prev is the newest one, which is how that is found.
	prev, next *entry[K]

	// Others of the same holder, newest first; guarded by the holder's shard.
	prevOwn, nextOwn *entry[K]
}

// The life of an entry. It moves on, never back. All moves but the one from fresh
// to gone are made under the lock of the key's shard.
const (
	fresh   uint32 = iota // not in the book yet
	written               // in it
	gone                  // out of it for ever
)

func newEntry[K comparable](b *Book[K], key K, row Row) *entry[K] {
	e := &entry[K]{book: b, key: key, hash: hashOf(key), pid: row.PID}
	e.set(row.Value)
	return e
}

func (e *entry[K]) row() Row {
	row := Row{PID: e.pid}
	if v := e.value.Load(); v != nil {
		row.Value = *v
	}
	return row
}

func (e *entry[K]) set(value any) {
	if value == nil {
		e.value.Store(nil)
		return
	}
	v := value // which is allocated, if there is one
	e.value.Store(&v)
}

// Release strikes the entry at its holder's end. It implements [actor.Resource].
func (e *entry[K]) Release(actor.PID, error) {
	// Either this comes first and the add under way will find the entry gone, or
	// add does, and the entry can be removed.
	if e.state.CompareAndSwap(fresh, gone) {
		return
	}
	sh := e.book.shardOf(e.hash)
	sh.mu.Lock()
	defer sh.unlock()
	if e.state.Load() == written { // not if a successor has taken the key
		e.book.remove(sh, e)
	}
}
