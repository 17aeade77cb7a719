package actor

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"
)

// names is a system's table of named actors.
type names struct{ m sync.Map } // string → *process

// give gives p a name. If the holder of the name is about to end, give waits for that: a
// restarted actor often needs the names of what ended with the one before it, which was
// told to end but takes a moment. The wait is bounded, for the holder may be stuck, and
// it ends with the doom of the actor by, which has asked.
func (n *names) give(name string, p, by *process) error {
	if err := n.reserve(name, p); err != nil {
		return err
	}
	if holder, taken := n.m.LoadOrStore(name, p); taken {
		if err := n.await(name, p, by, holder.(*process)); err != nil {
			n.unreserve(p)
			return err
		}
	}
	return n.confirm(name, p)
}

// confirm makes sure that p has not ended since the name was reserved: its end takes the
// name out of the table, unless it came before the name was put there.
func (n *names) confirm(name string, p *process) (err error) {
	forget(p, func(r *relations) {
		if r.sealed {
			n.m.CompareAndDelete(name, p)
			err = NoProc
		}
	})
	return err
}

// await is give for a name that was taken.
func (n *names) await(name string, p, by, holder *process) error {
	var doomed <-chan struct{}
	if by != nil {
		doomed = by.context().Done()
	}
	patience := time.NewTimer(nameGrace)
	defer patience.Stop()
	for {
		leaver := holder.endsWith()
		if leaver == nil || leaver == by || by != nil && leaver.isAbove(by) {
			return &NameTakenError{name, PID{holder}}
		}
		select {
		case <-PID{leaver}.Done(): // and all that is linked to it has been told
		case <-doomed:
			return by.doomed().reason
		case <-patience.C:
			return &NameTakenError{name, PID{holder}}
		}
		now, taken := n.m.LoadOrStore(name, p)
		if !taken {
			return nil
		}
		holder = now.(*process)
	}
}

// endsWith returns an actor that is about to end, and p with it: p itself, or one above
// it. Those below hear of it only when that one has ended, while a supervisor higher up
// may have heard already. It returns nil if p goes on.
//
// It looks from the top down: one that has just ended has made those below it leave
// before they are looked at.
func (p *process) endsWith() (leaver *process) {
	var line []*process
	for q := p; q != nil; q = q.parent {
		line = append(line, q)
	}
	for _, q := range slices.Backward(line) {
		if q.isLeaving() && (q == p || !q.isTold()) {
			leaver = q
		}
	}
	return leaver
}

// nameGrace is how long a spawn waits for a name whose holder is about to end.
const nameGrace = time.Second

// reserve notes the name with p, which has one at most, and frees it at its end.
func (n *names) reserve(name string, p *process) error {
	r := p.relations()
	if r == gone {
		return NoProc
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x := r.makeRare()
	switch {
	case r.sealed:
		return NoProc
	case x.name != "":
		return ErrNamed
	}
	x.name = name
	r.owned.set(nameEntry{n}, struct{}{})
	return nil
}

func (n *names) unreserve(p *process) {
	forget(p, func(r *relations) {
		r.makeRare().name = ""
		r.owned.delete(nameEntry{n})
	})
}

// nameEntry frees the name of its holder at its end.
type nameEntry struct{ names *names }

func (e nameEntry) Release(owner PID, _ error) { e.names.m.CompareAndDelete(owner.Name(), owner.p) }

// Register gives an actor a name that is unique in its system, as [Name] does at its
// spawn. It fails with an error that wraps [ErrNamed] if the actor has one already, with
// a [*NameTakenError] if the name is another's, and with one that wraps [NoProc] if the
// actor has ended. It panics if the name is empty or the actor of another system.
//
// OTP: erlang:register/2.
func (s *System) Register(name string, pid PID) error {
	if name == "" || pid.p != nil && pid.p.sys != s {
		panic("actor: Register: an empty name, or an actor of another system")
	}
	err := error(NoProc)
	if pid.Alive() {
		err = s.names.give(name, pid.p, nil)
	}
	if _, taken := err.(*NameTakenError); taken {
		return fmt.Errorf("actor: register %s: %w", pid.subject(), err)
	} else if err != nil {
		return fmt.Errorf("actor: register %s as %q: %w", pid.subject(), name, err)
	}
	return nil
}

// Unregister takes a name from the actor that has it, and reports whether one had.
//
// OTP: erlang:unregister/1.
func (s *System) Unregister(name string) bool {
	holder, ok := s.names.m.Load(name)
	if !ok || !s.names.m.CompareAndDelete(name, holder) {
		return false
	}
	s.names.unreserve(holder.(*process))
	return true
}

// Names returns the names that actors have, in their order.
//
// OTP: erlang:registered/0.
func (s *System) Names() []string {
	var list []string
	s.names.m.Range(func(name, _ any) bool {
		list = append(list, name.(string))
		return true
	})
	slices.Sort(list)
	return list
}

// Via is the address of the actor that has a name at the moment of use: it stays good
// over restarts. It is comparable, and its methods may be called from any goroutine.
// What is sent while nobody has the name, or an actor has it whose messages are not of
// type M, is lost.
//
//	rooms := actor.Via[Msg]{System: sys, Name: "rooms"}
//	rooms.Send(m)
//	n, err := actor.Call(ctx, rooms.Now(), newRequest)
//
// OTP: {via, Module, Name}.
type Via[M any] struct {
	System *System
	Name   string
}

// Now returns the address of the actor that has the name now, or the zero Ref.
func (v Via[M]) Now() Ref[M] {
	if v.System == nil {
		return Ref[M]{}
	}
	pid, _ := v.System.WhereIs(v.Name)
	ref, _ := RefOf[M](pid)
	return ref
}

// Send is [Ref.Send] to the actor that has the name now.
func (v Via[M]) Send(m M) { v.Now().Send(m) }

// TrySend is [Ref.TrySend] to the actor that has the name now, [NoProc] if none has.
func (v Via[M]) TrySend(m M) error { return v.Now().TrySend(m) }

// PID returns the identity of the actor that has the name now, or the zero PID.
func (v Via[M]) PID() PID { return v.Now().PID() }

// WhereIs returns the actor that has the given name. One that is doomed has it until its
// handler has returned, and is found until then, though it counts as dead: calls to it fail
// with [NoProc].
//
// OTP: erlang:whereis/1.
func (s *System) WhereIs(name string) (PID, bool) {
	if p, ok := s.names.m.Load(name); ok {
		return PID{p.(*process)}, true
	}
	return PID{}, false
}

// Lookup returns the typed address of the actor that has the given name. It fails with an
// error that wraps [NoProc] if there is none, and with one that says so if its messages
// are not of type M. It finds what [System.WhereIs] finds. Look a name up for each use, rather than keep the ref: an actor that
// was restarted is another one.
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
