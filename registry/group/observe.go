package group

import (
	"fmt"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// Kind is what an [Event] tells of.
type Kind uint8

// The kinds of events.
const (
	Joined  Kind = Kind(book.Added)
	Left    Kind = Kind(book.Removed) // also by the member's end, and with its node
	Members Kind = Kind(book.Present) // who was there when the observer came
)

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case Joined:
		return "joined"
	case Left:
		return "left"
	case Members:
		return "members"
	}
	return "unknown"
}

// Event tells of the members of a group; see [Set.Observe].
type Event[G comparable] struct {
	Kind  Kind
	Group G
	// Members are those that the event tells of: one, unless Kind is Members. An actor that has
	// joined twice comes twice. Member.Node says where it is.
	Members []Member

	observer *Observer
}

// Stale reports whether the event's observer has been stopped. An actor that stops an
// observer may still find events in its mailbox, and drops those that are stale, as
// pg:demonitor/1 does when it flushes.
func (e Event[G]) Stale() bool { return e.observer != nil && e.observer.off.Load() }

// Observer hears of changes in a group, or in all of them.
type Observer struct {
	unlist func()
	owner  actor.PID   // zero if it belongs to no actor
	off    atomic.Bool // set once
}

// Stop takes the observer off: f will not be called again, though a call that is
// under way may still return later. Stopping it twice is the same as once.
//
// OTP: pg:demonitor/1.
func (o *Observer) Stop() {
	o.stop()
	o.owner.Disown((*owned)(o))
}

func (o *Observer) stop() {
	if !o.off.Swap(true) {
		o.unlist()
	}
}

// owned is an Observer as the [actor.Resource] of its owner, which stops it at its end. It
// is a type of its own so that Release is not a method that programs see.
type owned Observer

// Release implements [actor.Resource].
func (o *owned) Release(actor.PID, error) { (*Observer)(o).stop() }

// Observe has f called with the group's members as they are, an event of kind [Members],
// and then with each change, until the observer is stopped. No change between the two is
// lost or told twice.
//
// Events of a group come in the order of the changes, one at a time. What made the change,
// for example the end of an actor, waits for f, and so does Observe for the first call,
// unless observers were being called just then. So f must be quick and must not block. It
// may use the set. It runs on a goroutine of its own, and cannot hurt the one that made the
// change: if it panics or calls runtime.Goexit, that is logged with slog.Default and f is
// not called again. If it blocks, changes wait for it for a second, and after five it is
// taken off, too.
//
// The members of other nodes come and go as [Child] says; all of a node that is gone leave one
// after the other. A member that is doomed but has not ended counts as one here. Observe panics if f is nil.
//
// OTP: pg:monitor/2.
func (s *Set[G]) Observe(group G, f func(Event[G])) *Observer {
	return s.observe(&group, f, nil)
}

// ObserveAll is Observe for all groups, including those to come: the first events tell
// the members of each group that there is. Events of different groups may come at the same
// time, so f must be safe for that.
//
// OTP: pg:monitor_scope/1.
func (s *Set[G]) ObserveAll(f func(Event[G])) *Observer {
	return s.observe(nil, f, nil)
}

// observe is Observe, or ObserveAll for no group. Failed, if not nil, is told why f is not
// called any more, except after Stop.
func (s *Set[G]) observe(group *G, f func(Event[G]), failed func(error)) *Observer {
	if f == nil {
		panic("group: Observe: f is nil")
	}
	m := new(Observer)
	if group == nil {
		m.unlist = s.book.Listen(true, teller(m, f), failed)
	} else {
		m.unlist = s.book.ListenTo(*group, teller(m, f), failed)
	}
	return m
}

// teller returns what tells f of changes as events of m.
func teller[G comparable](m *Observer, f func(Event[G])) func(book.Change[G]) {
	return func(c book.Change[G]) {
		e := Event[G]{Kind: Kind(c.Kind), Group: c.Key, observer: m}
		if e.Kind == Members {
			for _, row := range c.Rows {
				e.Members = append(e.Members, memberOf(row))
			}
		} else {
			e.Members = []Member{memberOf(c.Row)}
		}
		f(e)
	}
}

// ObserveTo is [Set.Observe] by an actor: each event, as wrap makes it one of the
// actor's own, is sent to it, and the observer is stopped at its end. If a bounded
// mailbox refuses an event, that is lost. It fails with an error that wraps
// [actor.NoProc] if the actor is dead, and panics if wrap is nil.
//
// Wrap is the actor's: if it panics, calls runtime.Goexit or does not return, the actor
// gets an exit signal with the [*actor.PanicError], [actor.Goexit] or another error, as
// if that had happened in its handler.
func ObserveTo[M any, G comparable](
	s *Set[G], group G, ref actor.Ref[M], wrap func(Event[G]) M,
) (*Observer, error) {
	return observeTo(s, &group, ref, wrap)
}

// ObserveAllTo is ObserveTo with all groups, as [Set.ObserveAll].
func ObserveAllTo[M any, G comparable](
	s *Set[G], ref actor.Ref[M], wrap func(Event[G]) M,
) (*Observer, error) {
	return observeTo(s, nil, ref, wrap)
}

func observeTo[M any, G comparable](
	s *Set[G], group *G, ref actor.Ref[M], wrap func(Event[G]) M,
) (*Observer, error) {
	if wrap == nil {
		panic("group: ObserveTo: wrap is nil")
	}
	pid := ref.PID()
	// Not Send, which would have the actor that joins wait for room in a mailbox that
	// blocks its senders.
	m := s.observe(group, func(e Event[G]) { _ = ref.TrySend(wrap(e)) }, pid.Exit)
	return own(pid, m)
}

// own ties the observer to the life of the actor.
func own(pid actor.PID, m *Observer) (*Observer, error) {
	m.owner = pid
	if !pid.Own((*owned)(m)) {
		m.Stop()
		return nil, fmt.Errorf("group: observe for %v: %w", pid, actor.NoProc)
	}
	return m, nil
}
