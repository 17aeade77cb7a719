package registry

import (
	"fmt"
	"iter"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
	"github.com/troupe-go/troupe/registry/internal/quote"
)

// Registry maps keys of type K to actors. Keys are compared with ==. As in a map,
// a key that does not equal itself (a NaN) is never found again; do not use one.
//
// The zero Registry is empty and ready to use; it must not be copied. All methods
// may be called from any goroutine.
type Registry[K comparable] struct {
	book book.Book[K]
}

// Entry is an actor as it is registered under a key.
type Entry struct {
	PID   actor.PID
	Value any // what it was registered with; usually nil
}

// TakenError says that a key belongs to a living actor.
//
// OTP: already_registered.
type TakenError struct {
	Key    any
	Holder actor.PID

	registry any // whose key it is
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("registry: register %s: taken by %v", quote.Key(e.Key), e.Holder)
}

// Register gives key to the actor, until it unregisters or ends. It fails with a
// [*TakenError] if a living actor has the key, even if that is pid itself, and
// with an error that wraps [actor.NoProc] if pid is dead. An actor that is dead,
// or doomed, loses its key to the next one that wants it.
//
// Elixir: Registry.register/3.
func (r *Registry[K]) Register(key K, pid actor.PID) error {
	return r.RegisterValue(key, pid, nil)
}

// As is an option for the spawn of an actor: the actor has the key from before its Init
// until it ends, also when a supervisor restarts it. If the key is taken, the spawn fails
// with a [*TakenError] before the actor has done anything.
//
//	actor.Spawn(sys, newRoom, rooms.As("lobby"))
//
// Elixir: name: {:via, Registry, {Rooms, "lobby"}}.
func (r *Registry[K]) As(key K) actor.Option {
	return actor.BeforeInit(func(pid actor.PID) error { return r.Register(key, pid) })
}

// RegisterValue is Register with a value, which [Registry.Get] and [Registry.All]
// return.
func (r *Registry[K]) RegisterValue(key K, pid actor.PID, value any) error {
	holder, ok := r.book.AddUnique(key, pid, value)
	switch {
	case ok:
		return nil
	case !holder.IsZero():
		return &TakenError{key, holder, r}
	}
	return deadError(key, pid)
}

func deadError(key any, pid actor.PID) error {
	return fmt.Errorf("registry: register %s for %v: %w", quote.Key(key), pid, actor.NoProc)
}

// SetValue puts a new value in the place of the one that the actor was registered
// with, and returns the old one. It reports false if pid does not have the key.
// Observers are not told.
//
// An actor that alone changes the value of its key can read it, with
// [Registry.Get], and then set it.
//
// Elixir: Registry.update_value/3.
func (r *Registry[K]) SetValue(key K, pid actor.PID, value any) (old any, ok bool) {
	return r.book.Set(key, pid, value)
}

// Unregister takes key from the actor. It does nothing if pid does not have it.
func (r *Registry[K]) Unregister(key K, pid actor.PID) {
	r.book.Remove(key, pid, false)
}

// Get returns the entry under key. It reports false if there is none, or its
// actor is dead.
func (r *Registry[K]) Get(key K) (Entry, bool) {
	row, ok := r.book.First(key)
	if !ok || !row.PID.Alive() {
		return Entry{}, false
	}
	return Entry(row), true
}

// WhereIs returns the actor under key. It reports false if there is none, or it
// is dead.
func (r *Registry[K]) WhereIs(key K) (actor.PID, bool) {
	pid := r.book.FirstPID(key)
	if !pid.Alive() {
		return actor.PID{}, false
	}
	return pid, true
}

// Keys returns the keys of the actor, in no particular order.
func (r *Registry[K]) Keys(pid actor.PID) []K {
	var keys []K
	r.book.EachOf(pid, func(key K) { keys = append(keys, key) })
	return keys
}

// Count returns the number of keys that are taken, including those of actors that
// are doomed and have not ended yet.
func (r *Registry[K]) Count() int { return r.book.Len() }

// All returns the keys with their entries, in no particular order, without those
// of dead actors. It holds no lock while the loop's body runs. A key that stays
// with one actor during the loop comes exactly once; one that is registered or
// unregistered meanwhile may come or not.
func (r *Registry[K]) All() iter.Seq2[K, Entry] {
	return func(yield func(K, Entry) bool) {
		for key, row := range r.book.All() {
			if !yield(key, Entry(row)) {
				return
			}
		}
	}
}

// Select is All with a filter: it returns only what match reports true for. Like the
// loop's body, match runs without a lock.
//
// Elixir: Registry.select/2.
func (r *Registry[K]) Select(match func(K, Entry) bool) iter.Seq2[K, Entry] {
	return only(r.All(), match)
}

func only[K comparable](all iter.Seq2[K, Entry], match func(K, Entry) bool) iter.Seq2[K, Entry] {
	return func(yield func(K, Entry) bool) {
		for key, e := range all {
			if match(key, e) && !yield(key, e) {
				return
			}
		}
	}
}

// Observe has f called with each event from now on, until stop is called; a call that is
// under way may still return after stop. A registry without observers makes no events and
// has no cost for them.
//
// Events of one key come in the order of the changes, one at a time; those of different
// keys may come at the same time, so f must be safe for that. What made the change, for
// example the end of an actor, waits for f, unless observers were being called just then.
// So f must be quick and must not block. It may use the registry. It runs on a goroutine
// of its own, and so cannot hurt the one that made the change: if it panics or calls
// runtime.Goexit, that is logged with slog.Default and f is taken off for good. If it
// blocks, changes wait for it for a second, and after five it is taken off, too.
//
// Observe panics if f is nil.
//
// Elixir: the listeners of a Registry.
func (r *Registry[K]) Observe(f func(Event[K])) (stop func()) { return observe(&r.book, f) }
