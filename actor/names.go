package actor

import (
	"fmt"
	"reflect"
	"sync"
	"time"
)

// names is a system's table of named actors, OTP's register/2.
type names struct{ m sync.Map } // string → *process

// register gives p a name. If the holder of the name is about to end, register waits
// for that: a restarted actor often needs the names of what ended with the one before
// it, which was told to end but takes a moment. The wait is bounded, for the holder may
// be stuck, and it ends with the doom of the actor by, which registers.
func (n *names) register(name string, p, by *process) error {
	r := p.relations()
	r.mu.Lock()
	r.few().name = name
	r.mu.Unlock()
	PID{p}.Own(&nameEntry{n}) // if the name is taken, this has nothing to free
	holder, taken := n.m.LoadOrStore(name, p)
	if !taken {
		return nil
	}
	var doomed <-chan struct{}
	if by != nil {
		doomed = by.context().Done()
	}
	patience := time.NewTimer(nameGrace)
	defer patience.Stop()
	for h := holder.(*process); h.isLeaving() && h != by; h = holder.(*process) {
		select {
		case <-PID{h}.Done(): // and all that is linked to it has been told
		case <-doomed:
			return by.doomed().reason
		case <-patience.C:
			return &NameTakenError{name, PID{h}}
		}
		if holder, taken = n.m.LoadOrStore(name, p); !taken {
			return nil
		}
	}
	return &NameTakenError{name, PID{holder.(*process)}}
}

// nameGrace is how long a spawn waits for a name whose holder is about to end.
const nameGrace = time.Second

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
