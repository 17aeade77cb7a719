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
	Left    Kind = Kind(book.Removed) // also by the member's end
	Members Kind = Kind(book.Present) // who was there when the monitor came
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

// Event tells of the members of a group; see [Set.Monitor].
type Event[G comparable] struct {
	Kind  Kind
	Group G
	PIDs  []actor.PID // an actor that has joined twice comes twice

	monitor *Monitor
}

// Stale reports whether the event's monitor has been stopped. An actor that stops a
// monitor may still find events in its mailbox, and drops those that are stale: so
// it has what pg:demonitor does when it flushes.
func (e Event[G]) Stale() bool { return e.monitor != nil && e.monitor.off.Load() }

// Monitor is somebody's interest in a group, or in all of them.
type Monitor struct {
	unlist func()
	owner  actor.PID   // zero if it belongs to no actor
	off    atomic.Bool // set once
}

// Stop takes the monitor down: f will not be called again, though a call that is under
// way may still return later. Stopping it twice is the same as once.
//
// OTP: pg:demonitor/2.
func (m *Monitor) Stop() {
	m.Release(m.owner, nil)
	m.owner.Disown(m)
}

// Release implements [actor.Resource].
func (m *Monitor) Release(actor.PID, error) {
	if !m.off.Swap(true) {
		m.unlist()
	}
}

// Monitor has f called with the group's members as they are, an event of kind
// [Members], and then with each change, until the monitor is stopped. No change between
// the two is lost or told twice.
//
// Events of a group come in the order of the changes, one at a time. What made the change
// waits for f, for example an actor's end, and so does Monitor for the first call: f has
// returned before, unless monitors were being called just then. So f must be quick and
// must not block. It may use the set. It runs on a goroutine of its own, and cannot hurt
// the one that made the change: if it panics or calls runtime.Goexit, that is logged with
// slog.Default and f is not called again. If it blocks, changes wait for it for a second,
// and after five it is taken off, too.
//
// Monitor panics if f is nil.
//
// A member that is doomed but has not ended counts as one here.
//
// OTP: pg:monitor/2.
func (s *Set[G]) Monitor(group G, f func(Event[G])) *Monitor {
	return s.monitor(&group, f, nil)
}

// MonitorAll is Monitor of all groups, including those to come: the first events tell
// the members of each group that there is. Events of different groups may come at the
// same time, so f must be safe for that.
//
// OTP: pg:monitor_scope/1.
func (s *Set[G]) MonitorAll(f func(Event[G])) *Monitor {
	return s.monitor(nil, f, nil)
}

// monitor is Monitor, or MonitorAll for no group. Failed, if not nil, is told why f is
// not called any more, if not by Stop.
func (s *Set[G]) monitor(group *G, f func(Event[G]), failed func(error)) *Monitor {
	if f == nil {
		panic("group: Monitor: f is nil")
	}
	m := new(Monitor)
	if group == nil {
		m.unlist = s.book.Listen(true, teller(m, f), failed)
	} else {
		m.unlist = s.book.ListenTo(*group, teller(m, f), failed)
	}
	return m
}

// teller returns what tells f of changes as events of m.
func teller[G comparable](m *Monitor, f func(Event[G])) func(book.Change[G]) {
	return func(c book.Change[G]) {
		e := Event[G]{Kind: Kind(c.Kind), Group: c.Key, monitor: m}
		if e.Kind == Members {
			for _, row := range c.Rows {
				e.PIDs = append(e.PIDs, row.PID)
			}
		} else {
			e.PIDs = []actor.PID{c.PID}
		}
		f(e)
	}
}

// MonitorTo is [Set.Monitor] by an actor: each event, as wrap makes it one of the
// actor's own, is sent to it, and the monitor is stopped at its end. If a bounded
// mailbox refuses an event, that is lost. It fails with an error that wraps
// [actor.NoProc] if the actor is dead, and panics if wrap is nil.
//
// Wrap is the actor's: if it panics, calls runtime.Goexit or does not return, the actor
// gets an exit signal with the [*actor.PanicError], [actor.Goexit] or another error, as
// if that had happened in its handler.
func MonitorTo[M any, G comparable](
	s *Set[G], group G, ref actor.Ref[M], wrap func(Event[G]) M,
) (*Monitor, error) {
	return monitorTo(s, &group, ref, wrap)
}

// MonitorAllTo is MonitorTo with all groups, as [Set.MonitorAll].
func MonitorAllTo[M any, G comparable](
	s *Set[G], ref actor.Ref[M], wrap func(Event[G]) M,
) (*Monitor, error) {
	return monitorTo(s, nil, ref, wrap)
}

func monitorTo[M any, G comparable](
	s *Set[G], group *G, ref actor.Ref[M], wrap func(Event[G]) M,
) (*Monitor, error) {
	if wrap == nil {
		panic("group: MonitorTo: wrap is nil")
	}
	pid := ref.PID()
	// Not Send, which would have the one who joins wait for room in a mailbox that
	// blocks its senders.
	m := s.monitor(group, func(e Event[G]) { _ = ref.TrySend(wrap(e)) }, pid.Exit)
	return own(pid, m)
}

// own ties the monitor to the life of the actor.
func own(pid actor.PID, m *Monitor) (*Monitor, error) {
	m.owner = pid
	if !pid.Own(m) {
		m.Stop()
		return nil, fmt.Errorf("group: monitor by %v: %w", pid, actor.NoProc)
	}
	return m, nil
}
