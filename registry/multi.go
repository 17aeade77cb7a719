package registry

import (
	"iter"
	"slices"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// Multi maps keys of type K to any number of actors. An actor may have a key several
// times, each time with a value of its own.
//
// To read or change the entries of a key costs others a wait while they are read;
// for keys with many thousand entries that are sent to all the time, use package
// pubsub.
//
// The zero Multi is empty and ready to use; it must not be copied. All methods may
// be called from any goroutine.
//
// Elixir: Registry with duplicate keys.
type Multi[K comparable] struct {
	book book.Book[K]
}

// Register adds the actor under key, with a value or nil, until it unregisters or
// ends. It fails with an error that wraps [actor.NoProc] if pid is dead.
func (m *Multi[K]) Register(key K, pid actor.PID, value any) error {
	if !m.book.Add(key, pid, value) {
		return deadError(key, pid)
	}
	return nil
}

// Unregister drops all entries of the actor under key. It does nothing if there
// are none.
func (m *Multi[K]) Unregister(key K, pid actor.PID) {
	m.book.Remove(key, pid, false)
}

// UnregisterFunc drops those entries of the actor under key whose values match.
//
// Elixir: Registry.unregister_match/4.
func (m *Multi[K]) UnregisterFunc(key K, pid actor.PID, match func(value any) bool) {
	m.book.RemoveFunc(key, pid, match)
}

// Entries returns the entries under key in the order in which they were
// registered, without those of dead actors.
func (m *Multi[K]) Entries(key K) []Entry { return m.appendEntries(nil, key) }

func (m *Multi[K]) appendEntries(list []Entry, key K) []Entry {
	m.book.Each(key, func(row book.Row) { list = append(list, Entry(row)) })
	// Not under the lock, which others wait for.
	return slices.DeleteFunc(list, func(e Entry) bool { return !e.PID.Alive() })
}

// Dispatch calls f, here and now, with what Entries returns, unless that is nothing. It
// is what a loop over Entries is, but usually allocates nothing: f must not keep the
// slice.
func (m *Multi[K]) Dispatch(key K, f func(entries []Entry)) {
	list := lists.Get().(*[]Entry)
	*list = m.appendEntries(*list, key)
	if len(*list) > 0 {
		f(*list) // the list is lost if it panics, and that is fine
	}
	clear(*list)
	*list = (*list)[:0]
	lists.Put(list)
}

var lists = sync.Pool{New: func() any { return new([]Entry) }}

// Values returns the values that the actor has under key, in the order in which
// they were registered.
func (m *Multi[K]) Values(key K, pid actor.PID) []any {
	var values []any
	m.book.Each(key, func(row book.Row) {
		if row.PID == pid {
			values = append(values, row.Value)
		}
	})
	return values
}

// Keys returns the keys of the actor in no particular order, each as often as the
// actor has it.
func (m *Multi[K]) Keys(pid actor.PID) []K {
	var keys []K
	m.book.EachOf(pid, func(key K) { keys = append(keys, key) })
	return keys
}

// Count returns the number of entries under all keys, including those of actors
// that are doomed and have not ended yet.
func (m *Multi[K]) Count() int { return m.book.Len() }

// All returns the keys with their entries, those of a key one after the other in
// the order in which they were registered, without those of dead actors. Otherwise
// it is as [Registry.All].
func (m *Multi[K]) All() iter.Seq2[K, Entry] {
	return func(yield func(K, Entry) bool) {
		for key, row := range m.book.All() {
			if !yield(key, Entry(row)) {
				return
			}
		}
	}
}

// Select is All with a filter; see [Registry.Select].
func (m *Multi[K]) Select(match func(K, Entry) bool) iter.Seq2[K, Entry] {
	return only(m.All(), match)
}

// Observe is as [Registry.Observe]. An Unregister makes an event for each entry that it
// drops.
func (m *Multi[K]) Observe(f func(Event[K])) (stop func()) { return observe(&m.book, f) }
