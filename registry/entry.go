package registry

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
)

// entry is a key that belongs to an actor. It is an [actor.Resource] of its
// holder.
type entry[K comparable] struct {
	registry *Registry[K]
	key      K
	Entry
	state atomic.Uint32

	prev, next *entry[K] // others of the same holder; guarded by its shard's lock
}

// The life of an entry. It moves on, never back. All moves but the one from fresh
// to gone are made under the lock of the key's shard.
const (
	fresh      uint32 = iota // not in the registry yet
	registered               // in it
	gone                     // out of it for ever
)

// Release frees the key at its holder's end. It implements [actor.Resource].
func (e *entry[K]) Release(actor.PID, error) {
	// Either this comes first and the add under way will find the entry gone, or
	// add does, and the entry can be removed.
	if e.state.CompareAndSwap(fresh, gone) {
		return
	}
	sh := e.registry.keyShard(e.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.state.Load() == registered { // not if a successor has taken the key
		e.registry.remove(sh, e)
	}
}
