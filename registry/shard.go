package registry

import (
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/table"
)

// keyShard is a part of the keys. Its lock makes what happens to a key one step
// after the other; it is held for some hundred nanoseconds, and never while an
// actor is called.
type keyShard[K comparable] struct {
	mu      sync.RWMutex
	entries table.Map[K, *entry[K]]
	starts  map[K]*start // under way, see LookupOrStart
	_       [16]byte     // a cache line of its own
}

// holderShard is a part of the actors that have keys. Its lock is always taken
// under that of a key's shard, never the other way round.
type holderShard[K comparable] struct {
	mu      sync.Mutex
	entries table.Map[actor.PID, *entry[K]] // the first one; the others follow it
	_       [40]byte                        // a cache line of its own
}

// add puts e into the registry, unless a living actor has the key or e is gone:
// its holder has ended since it came to own e.
func (r *Registry[K]) add(e *entry[K]) error {
	sh := r.keyShard(e.key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	old := sh.entries.Get(e.key)
	if old != nil && old.PID.Alive() {
		return &TakenError{e.key, old.PID, r}
	}
	if !e.state.CompareAndSwap(fresh, registered) {
		return actor.NoProc
	}
	if old != nil {
		old.state.Store(gone)
		r.holderShard(old.PID).remove(old)
	}
	sh.entries.Set(e.key, e)
	r.holderShard(e.PID).add(e)
	return nil
}

// take removes the entry under key if it is pid's, and returns it.
func (r *Registry[K]) take(key K, pid actor.PID) *entry[K] {
	sh := r.keyShard(key)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	e := sh.entries.Get(key)
	if e == nil || e.PID != pid {
		return nil
	}
	r.remove(sh, e)
	return e
}

// remove takes e out of the registry. The caller holds the lock of its shard, and
// e is registered.
func (r *Registry[K]) remove(sh *keyShard[K], e *entry[K]) {
	e.state.Store(gone)
	sh.entries.Delete(e.key)
	r.holderShard(e.PID).remove(e)
}

func (sh *holderShard[K]) add(e *entry[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.next = sh.entries.Get(e.PID); e.next != nil {
		e.next.prev = e
	}
	sh.entries.Set(e.PID, e)
}

func (sh *holderShard[K]) remove(e *entry[K]) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if e.next != nil {
		e.next.prev = e.prev
	}
	switch {
	case e.prev != nil:
		e.prev.next = e.next
	case e.next != nil:
		sh.entries.Set(e.PID, e.next)
	default:
		sh.entries.Delete(e.PID)
	}
	e.prev, e.next = nil, nil
}
