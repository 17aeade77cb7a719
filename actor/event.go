package actor

import (
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Event is something that happened in a [System]: [Spawned], [Crashed], [Exited],
// [DeadLetter], [HighWater] or [SlowHandler], or what another package tells by
// [System.Emit], as package supervisor does of restarts.
//
// A mirror of the system can rely on an order. [Spawned] is told before the actor handles
// anything, and so before it spawns another; [Exited] is told once of each actor of which
// Spawned was, and after it. An observer has returned from the one before it is called with
// the other, unless it hangs. The end of a parent may be told before that of its children,
// and a restart before the end of the actor that it replaces. [DeadLetter] and [HighWater]
// may come at any time, and a [Crashed] after Exited if the actor was abandoned. What was
// there before [System.Observe] is in [System.Actors]: ask after the call, and leave out
// what has exited since.
type Event interface {
	// ActorEvent does nothing. It tells events from other types.
	ActorEvent()
}

// Spawned tells that an actor has been spawned. Its Init has not run yet.
type Spawned struct {
	PID      PID
	Parent   PID          // zero if it was not spawned with a link
	Behavior reflect.Type // of the user's behavior; see [Wrapper]
	Name     string       // by the option [Name], or ""
	Label    string       // by the option [Label], or ""; a [Labeler] is not asked yet
}

// Crashed tells that an actor has failed by itself: a handler has panicked or returned an
// error that is no clean reason, or the end of something that the actor owned has panicked.
// Actors that end because of it have not, nor have those that are killed; see
// [Exited.Crashed] for these. Nobody knows of the actor's end yet.
//
// OTP: the crash report of proc_lib.
type Crashed struct {
	PID      PID
	Parent   PID
	Behavior reflect.Type // nil if that is not known, because the actor was abandoned
	Name     string
	Label    string // see [PID.Label]
	Waiting  int    // messages in the mailbox
	Handled  uint64 // messages that it has handled, or taken to work on
	Reason   error  // a [*PanicError] has the stack
}

// Exited tells that an actor has ended. Links and monitors have been told.
type Exited struct {
	PID      PID
	Parent   PID
	Behavior reflect.Type // as in Spawned, whatever the actor has become since
	Name     string
	Label    string    // see [PID.Label]
	Started  time.Time // to a tenth of a second
	Reason   error

	verdict *doom // nil if Reason can be judged again
}

// Crashed reports whether the end was a crash, that is, not a clean one; see
// [Exit.Crashed].
func (e Exited) Crashed() bool { return crashed(e.verdict, e.Reason) }

// DeadLetter tells that a message was not, and will not be, handled.
type DeadLetter struct {
	To      PID
	Message any
	Reason  error // NoProc: the actor has ended; ErrFull: its mailbox was full
}

// HighWater tells that the messages waiting for an actor have reached the
// high-water mark of its mailbox; see [mailbox.Limit].
type HighWater struct {
	PID     PID
	Waiting int
}

// ActorEvent implements [Event].
func (Spawned) ActorEvent() {}

// ActorEvent implements [Event].
func (Crashed) ActorEvent() {}

// ActorEvent implements [Event].
func (Exited) ActorEvent() {}

// ActorEvent implements [Event].
func (DeadLetter) ActorEvent() {}

// ActorEvent implements [Event].
func (HighWater) ActorEvent() {}

// Observe calls f with each event of the system until stop is called. What caused the
// event waits for f, so it must be quick and must not block; it may run on several
// goroutines at once. If it panics or calls runtime.Goexit it is taken off for good, and
// that is logged. If it has not returned after five seconds it is left alone, and misses
// the events that come until it returns. A system that nobody observes makes no events
// and has no cost for them. Observe panics if f is nil.
func (s *System) Observe(f func(Event)) (stop func()) {
	if f == nil {
		panic("actor: Observe: f is nil")
	}
	o := &observer{f: f}
	s.change(func(list []*observer) []*observer { return append(slices.Clone(list), o) })
	return func() { s.unobserve(o) }
}

type observer struct {
	f     func(Event)
	calls bounded
}

func (s *System) unobserve(o *observer) {
	s.change(func(list []*observer) []*observer {
		return slices.DeleteFunc(slices.Clone(list), func(x *observer) bool { return x == o })
	})
}

// change swaps the list of observers for another. The list itself never changes,
// so emit can walk it without a lock.
func (s *System) change(edit func([]*observer) []*observer) {
	for {
		old := s.observers.Load()
		var list []*observer
		if old != nil {
			list = *old
		}
		list = edit(list)
		next := &list
		if len(list) == 0 {
			next = nil
		}
		if s.observers.CompareAndSwap(old, next) {
			return
		}
	}
}

// Observed reports whether anybody observes the system, so that an event need not be made
// for nobody.
func (s *System) Observed() bool { return s.observers.Load() != nil }

// Emit tells the observers of an event. It is for packages that supervise actors or serve
// them, and have events of their own. It waits for the observers as the system itself does,
// see [System.Observe].
func (s *System) Emit(e Event) {
	list := s.observers.Load()
	if list == nil {
		return
	}
	for _, o := range *list {
		s.notify(o, e)
	}
}

func (s *System) notify(o *observer, e Event) {
	misses := o.calls.hanging.Load() > 0
	err, returned := o.calls.call(func() error {
		o.f(e)
		return nil
	})
	switch {
	case !returned && !misses:
		s.log.Error("observer hangs, and will miss events", "event", fmt.Sprintf("%T", e))
	case err != nil:
		s.unobserve(o)
		attrs := []any{"event", fmt.Sprintf("%T", e), "reason", err}
		if p, ok := err.(*PanicError); ok {
			attrs = append(attrs, "stack", p.Stack)
		}
		s.log.Error("observer failed and was taken off", attrs...)
	}
}

// deadLetter records a message that nobody will handle.
func deadLetter[M any](to *process, m M, reason error) {
	s := to.sys
	s.deadLetters.Add(1)
	if s.Observed() {
		s.Emit(DeadLetter{PID{to}, m, reason})
	}
	s.logDeadLetters(to, reason)
}
