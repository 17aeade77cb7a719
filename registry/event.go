package registry

import (
	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// Kind is what an [Event] tells of.
type Kind uint8

// The kinds of events.
const (
	Registered   Kind = Kind(book.Added)
	Unregistered Kind = Kind(book.Removed) // also by the actor's end
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Registered:
		return "registered"
	case Unregistered:
		return "unregistered"
	}
	return "unknown"
}

// Event tells an observer of a change; see [Registry.Observe].
type Event[K comparable] struct {
	Kind  Kind
	Key   K
	PID   actor.PID
	Value any // as of the change
}

func observe[K comparable](b *book.Book[K], f func(Event[K])) (stop func()) {
	if f == nil {
		panic("registry: Observe: f is nil")
	}
	return b.Listen(false, func(c book.Change[K]) {
		f(Event[K]{Kind(c.Kind), c.Key, c.PID, c.Value})
	}, nil)
}
