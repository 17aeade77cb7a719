package book

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// entry is a key that an actor has. It is an [actor.Resource] of its holder. Key
// and PID do not change; the value does, under the lock of the key's shard.
type entry[K comparable] struct {
	book *Book[K]
	key  K
	Row
	state atomic.Uint32

	// Others of the same key, oldest first; guarded by the key's shard. The
	// oldest one's prev is the newest one, which is how that is found.
	prev, next *entry[K]

	// Others of the same holder, newest first; guarded by the holder's shard.
	prevOwn, nextOwn *entry[K]

	struck *entry[K] // the next one that was taken together with this one
}

// The life of an entry. It moves on, never back. All moves but the one from fresh
// to gone are made under the lock of the key's shard.
const (
	fresh   uint32 = iota // not in the book yet
	written               // in it
	gone                  // out of it for ever
)

// Release strikes the entry at its holder's end. It implements [actor.Resource].
func (e *entry[K]) Release(actor.PID, error) {
	// Either this comes first and the add under way will find the entry gone, or
	// add does, and the entry can be removed.
	if e.state.CompareAndSwap(fresh, gone) {
		return
	}
	sh := e.book.keyShard(e.key)
	sh.mu.Lock()
	defer sh.unlock()
	if e.state.Load() == written { // not if a successor has taken the key
		e.book.remove(sh, e)
	}
}
