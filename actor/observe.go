package actor

import (
	"fmt"
	"slices"
	"sync/atomic"
)

// Observe calls f with each event of the system until stop is called, after the observers
// that were there before. What caused the event waits for f, so it must be quick and must
// not block; it may run on several goroutines at once. It may do to the system what others
// may, but for [System.Shutdown], which waits for it in turn. If it panics or calls
// runtime.Goexit it is taken off for good, and that is logged. If it has not returned after
// five seconds it is left alone, and misses the events that come until it returns.
//
// An event costs half a microsecond to a whole one, however many observe, and what they do.
// A system that nobody observes makes no events and has no cost for them. Observe panics if
// f is nil.
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
	off   atomic.Bool // it is not called any more
}

func (s *System) unobserve(o *observer) {
	o.off.Store(true)
	s.change(func(list []*observer) []*observer {
		return slices.DeleteFunc(slices.Clone(list), func(x *observer) bool { return x == o })
	})
}

// change swaps the list of observers for another. The list itself never changes,
// so Emit can walk it without a lock.
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
	for rest := *list; len(rest) > 0; {
		rest = s.tell(rest, e)
	}
}

// tell tells observers of an event, one after the other on one goroutine. If one fails or
// hangs, the rest is returned.
func (s *System) tell(list []*observer, e Event) (rest []*observer) {
	t := s.tellings.Get().(*telling)
	t.event, t.rest = e, list
	if !t.wait() {
		s.log.Error("observer hangs, and will miss events", "event", fmt.Sprintf("%T", e))
		return t.rest // its goroutine writes to t no more
	}
	rest, t.event, t.rest = t.rest, nil, nil
	failed, err := t.told, t.err
	t.told, t.err = nil, nil
	s.tellings.Put(t)
	if err != nil {
		s.unobserve(failed)
		s.logFailed(e, err)
	}
	return rest
}

func (s *System) logFailed(e Event, err error) {
	attrs := []any{"event", fmt.Sprintf("%T", e), "reason", err}
	if p, ok := err.(*PanicError); ok {
		attrs = append(attrs, "stack", p.Stack)
	}
	s.log.Error("observer failed and was taken off", attrs...)
}

// telling is a call that tells observers of an event, used again and again.
type telling struct {
	*boundedCall
	event Event
	told  *observer   // the last one that was called
	rest  []*observer // those after it
}

func newTelling(depth *depths) *telling {
	t := &telling{boundedCall: newBoundedCall(patience, depth)}
	t.f = func() error {
		for t.turn() {
			t.told.f(t.event)
			if !t.pause() {
				break
			}
		}
		return nil
	}
	return t
}

// turn turns to the next observer. It reports false if there is none.
func (t *telling) turn() bool {
	for len(t.rest) > 0 {
		t.told, t.rest = t.rest[0], t.rest[1:]
		if !t.told.off.Load() && t.told.calls.hanging.Load() <= 0 {
			t.begin(&t.told.calls)
			return true
		}
	}
	return false
}
