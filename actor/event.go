package actor

import (
	"fmt"
	"slices"
)

// Event is something that happened in a [System]: [Spawned], [Crashed], [Exited],
// [DeadLetter], [HighWater] or [SlowHandler].
type Event interface{ isEvent() }

// Spawned tells that an actor has been spawned. Its Init has not run yet.
type Spawned struct {
	PID    PID
	Parent PID // zero if it was not spawned with a link
}

// Crashed tells that an actor has failed by itself: a handler has panicked or returned an
// error that is no clean reason, or the end of something that the actor owned has panicked.
// Actors that end because of it have not, nor have those that are killed; see
// [Exited.Crashed] for these. Nobody knows of the actor's end yet.
//
// OTP: the crash report of proc_lib.
type Crashed struct {
	PID    PID
	Reason error // a [*PanicError] has the stack
}

// Exited tells that an actor has ended. Links and monitors have been told.
type Exited struct {
	PID    PID
	Reason error

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

func (HighWater) isEvent()  {}
func (Spawned) isEvent()    {}
func (Crashed) isEvent()    {}
func (Exited) isEvent()     {}
func (DeadLetter) isEvent() {}

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

func (s *System) observed() bool { return s.observers.Load() != nil }

func (s *System) emit(e Event) {
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
	if s.observed() {
		s.emit(DeadLetter{PID{to}, m, reason})
	}
	s.logDeadLetters(to, reason)
}
