package ws

import "sync/atomic"

// roster is the channels of one client, in the order in which they were started. They are
// few, so it is a list, and takes no memory while there are none.
//
// Only the session changes it; anybody may walk it meanwhile, without a lock. For one that is
// added is whole before it is linked, and one that is removed still leads to those behind it:
// a walk may show a channel that has just ended, and misses none that stays.
type roster struct{ first atomic.Pointer[joined] }

// all calls yield for each channel until that returns false.
func (r *roster) all(yield func(*joined) bool) {
	for j := r.first.Load(); j != nil && yield(j); j = j.next.Load() {
	}
}

// add puts a channel at the end.
func (r *roster) add(j *joined) { r.link(nil).Store(j) }

// remove takes a channel off, if it is there.
func (r *roster) remove(j *joined) {
	if at := r.link(j); at.Load() == j {
		at.Store(j.next.Load())
	}
}

// link returns what leads to a channel, or is at the end of the list.
func (r *roster) link(to *joined) *atomic.Pointer[joined] {
	at := &r.first
	for j := at.Load(); j != nil && j != to; j = at.Load() {
		at = &j.next
	}
	return at
}
