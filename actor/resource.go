package actor

import (
	"fmt"
	"reflect"
)

// Resource is something that an actor owns and that must go when it ends: a name, a
// subscription, a timer. It must be comparable, and is usually a pointer.
type Resource interface {
	// Release gives the resource up. It is called once, when its owner has
	// handled its last message and before any link or monitor hears of the end.
	// It must not block. If it panics that is logged.
	Release(owner PID, reason error)
}

// Own ties r to the actor's life. It reports false if the actor has ended; r is
// then not owned and will not be released. Own panics if r is nil or cannot be compared.
func (p PID) Own(r Resource) bool {
	if r == nil {
		panic("actor: Own: the resource is nil")
	}
	if p.p == nil {
		return false
	}
	if !isComparable(r) { // or the next one to own something would be struck
		panic(fmt.Sprintf("actor: Own: a %T cannot be compared", r))
	}
	rel := p.p.relations()
	rel.mu.Lock()
	defer rel.mu.Unlock()
	if rel.sealed {
		return false
	}
	rel.owned.set(r, struct{}{})
	return true
}

func isComparable(r Resource) bool {
	v := reflect.ValueOf(r)
	return v.Kind() == reflect.Pointer || v.Comparable()
}

// Disown unties r from the actor without releasing it.
func (p PID) Disown(r Resource) {
	if p.p != nil {
		forget(p.p, func(rel *relations) { rel.owned.delete(r) })
	}
}
