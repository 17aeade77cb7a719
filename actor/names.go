package actor

import (
	"fmt"
	"reflect"
	"sync"
)

// names is a system's table of named actors, OTP's register/2.
type names struct{ m sync.Map } // string → *process

func (n *names) register(name string, p *process) error {
	r := p.relations()
	r.mu.Lock()
	r.few().name = name
	r.mu.Unlock()
	PID{p}.Own(&nameEntry{n}) // if the name is taken, this has nothing to free
	if holder, taken := n.m.LoadOrStore(name, p); taken {
		return &NameTakenError{name, PID{holder.(*process)}}
	}
	return nil
}

// nameEntry frees a name at its holder's end.
type nameEntry struct{ names *names }

func (e *nameEntry) Release(owner PID, _ error) { e.names.m.CompareAndDelete(owner.Name(), owner.p) }

// WhereIs returns the actor that was spawned with the given name.
func (s *System) WhereIs(name string) (PID, bool) {
	if p, ok := s.names.m.Load(name); ok {
		return PID{p.(*process)}, true
	}
	return PID{}, false
}

// Lookup returns the typed address of the actor that was spawned with the given
// name. It fails with an error that wraps [NoProc] if there is none, and with
// one that says so if its messages are not of type M. Look a name up for each
// use, rather than keep the ref: an actor that was restarted is another one.
func Lookup[M any](s *System, name string) (Ref[M], error) {
	pid, ok := s.WhereIs(name)
	if !ok {
		return Ref[M]{}, fmt.Errorf("actor: look up %q: %w", name, NoProc)
	}
	ref, ok := RefOf[M](pid)
	if !ok {
		return ref, fmt.Errorf("actor: look up %q: its messages are not of type %v", name, reflect.TypeFor[M]())
	}
	return ref, nil
}
