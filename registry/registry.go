package registry

import (
	"fmt"
	"hash/maphash"
	"iter"

	"github.com/troupe-go/troupe/actor"
)

// Registry maps keys of type K to actors. Keys are compared with ==. As in a map,
// a key that does not equal itself (a NaN) is never found again; do not use one.
//
// The zero Registry is empty and ready to use; it must not be copied. All methods
// may be called from any goroutine.
type Registry[K comparable] struct {
	keys    [shardCount]keyShard[K]
	holders [shardCount]holderShard[K]
}

// shardCount is the number of locks that the keys share. It is far above the
// number of cores, so that two keys that are busy at once seldom meet.
const shardCount = 64

var seed = maphash.MakeSeed()

func (r *Registry[K]) keyShard(key K) *keyShard[K] {
	return &r.keys[maphash.Comparable(seed, key)%shardCount]
}

func (r *Registry[K]) holderShard(pid actor.PID) *holderShard[K] {
	return &r.holders[maphash.Comparable(seed, pid)%shardCount]
}

// Entry is an actor as it is registered under a key.
type Entry struct {
	PID   actor.PID
	Value any // what it was registered with; nil as a rule
}

// TakenError says that a key belongs to a living actor. It is OTP's
// already_registered.
type TakenError struct {
	Key    any
	Holder actor.PID

	registry any // whose key it is
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("registry: key %v is taken by %v", e.Key, e.Holder)
}

// Register gives key to the actor, until it unregisters or ends. It fails with a
// [*TakenError] if a living actor has the key, even if that is pid itself, and
// with an error that wraps [actor.NoProc] if pid is dead. An actor that is dead,
// or doomed, loses its key to the next who wants it.
func (r *Registry[K]) Register(key K, pid actor.PID) error {
	return r.RegisterValue(key, pid, nil)
}

// RegisterValue is Register with a value, which [Registry.Get] and [Registry.All]
// return.
func (r *Registry[K]) RegisterValue(key K, pid actor.PID, value any) error {
	e := &entry[K]{registry: r, key: key, Entry: Entry{pid, value}}
	err := actor.NoProc
	// Owned before it is in the registry: the other way round, an actor that ends
	// in between would be known to be dead and still be registered.
	if pid.Alive() && pid.Own(e) {
		if err = r.add(e); err == nil {
			return nil
		}
		pid.Disown(e)
	}
	if taken, ok := err.(*TakenError); ok {
		return taken
	}
	return fmt.Errorf("registry: register %v as %v: %w", pid, key, err)
}

// Unregister takes key from the actor. It does nothing if pid does not have it.
func (r *Registry[K]) Unregister(key K, pid actor.PID) {
	if e := r.take(key, pid); e != nil {
		pid.Disown(e)
	}
}

// Get returns the entry under key. It reports false if there is none, or its
// actor is dead.
func (r *Registry[K]) Get(key K) (Entry, bool) {
	sh := r.keyShard(key)
	sh.mu.RLock()
	e := sh.entries.Get(key)
	sh.mu.RUnlock()
	// An entry does not change, so it can be read without the lock.
	if e == nil || !e.PID.Alive() {
		return Entry{}, false
	}
	return e.Entry, true
}

// WhereIs returns the actor under key. It reports false if there is none, or it
// is dead.
func (r *Registry[K]) WhereIs(key K) (actor.PID, bool) {
	e, ok := r.Get(key)
	return e.PID, ok
}

// Keys returns the keys of the actor, in no particular order.
func (r *Registry[K]) Keys(pid actor.PID) []K {
	sh := r.holderShard(pid)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var keys []K
	for e := sh.entries.Get(pid); e != nil; e = e.next {
		keys = append(keys, e.key)
	}
	return keys
}

// Count returns the number of keys that are taken, including those of actors that
// are doomed and have not ended yet.
func (r *Registry[K]) Count() int {
	n := 0
	for i := range r.keys {
		sh := &r.keys[i]
		sh.mu.RLock()
		n += sh.entries.Len()
		sh.mu.RUnlock()
	}
	return n
}

// All returns the keys with their entries, in no particular order, without those
// of dead actors. It holds no lock while the loop's body runs. A key that stays
// with one actor during the loop comes exactly once; one that is registered or
// unregistered meanwhile may come or not.
func (r *Registry[K]) All() iter.Seq2[K, Entry] {
	return func(yield func(K, Entry) bool) {
		var batch []*entry[K]
		for i := range r.keys {
			sh := &r.keys[i]
			sh.mu.RLock()
			for _, e := range sh.entries.All {
				batch = append(batch, e)
			}
			sh.mu.RUnlock()
			for _, e := range batch {
				if e.PID.Alive() && !yield(e.key, e.Entry) {
					return
				}
			}
			clear(batch)
			batch = batch[:0]
		}
	}
}
