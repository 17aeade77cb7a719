package actor

import "slices"

// Event is something that happened in a [System]: [Spawned], [Exited],
// [DeadLetter], [HighWater] or [SlowHandler].
type Event interface{ isEvent() }

// Spawned tells that an actor has been spawned. Its Init has not run yet.
type Spawned struct {
	PID    PID
	Parent PID // zero if it was not spawned with a link
}

// Exited tells that an actor has ended. Links and monitors have been told.
type Exited struct {
	PID    PID
	Reason error
}

// Crashed reports whether the end was a crash, that is, not a clean one; see
// [IsClean].
func (e Exited) Crashed() bool { return !IsClean(e.Reason) }

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
func (Exited) isEvent()     {}
func (DeadLetter) isEvent() {}

// Observe calls f with each event of the system until stop is called. It runs on
// the goroutine that caused the event, so it must be quick, must not block, and
// may run on several goroutines at once. If it panics it is taken off for good.
// A system that nobody observes makes no events and has no cost for them.
func (s *System) Observe(f func(Event)) (stop func()) {
	o := &observer{f}
	s.change(func(list []*observer) []*observer { return append(slices.Clone(list), o) })
	return func() { s.unobserve(o) }
}

type observer struct{ f func(Event) }

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
	defer func() {
		if v := recover(); v != nil {
			s.unobserve(o)
			s.log.Error("observer panicked and was taken off", "event", e, "panic", v)
		}
	}()
	o.f(e)
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
