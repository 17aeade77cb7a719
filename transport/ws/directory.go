package ws

import "sync"

// directory is the sessions of an endpoint, in the order in which they began. It is a list
// through the sessions themselves.
//
// A walk leaves the lock while it shows a part, and a bookmark on the list to find its place
// again: a session that is not of an endpoint. So it misses no session that stays, shows none
// twice, and holds nobody up.
type directory struct {
	mu          sync.Mutex
	first, last *session
}

// add puts a session at the end.
func (d *directory) add(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.linkLocked(s, d.last)
}

// remove takes a session off, if it is there.
func (d *directory) remove(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unlinkLocked(s)
}

// linkLocked puts s behind another, or in front if that is nil.
func (d *directory) linkLocked(s, after *session) {
	s.prev, s.next = after, d.first
	if after == nil {
		d.first = s
	} else {
		s.next, after.next = after.next, s
	}
	if s.next == nil {
		d.last = s
	} else {
		s.next.prev = s
	}
}

func (d *directory) unlinkLocked(s *session) {
	if s.prev == nil && d.first != s {
		return // it is not on the list
	}
	if s.prev == nil {
		d.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		d.last = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// all calls yield for each session until that returns false. One may have ended meanwhile.
func (d *directory) all(yield func(*session) bool) {
	bookmark := new(session)
	d.mu.Lock()
	d.linkLocked(bookmark, nil)
	d.mu.Unlock()
	defer d.remove(bookmark) // also if yield panics
	var room [64]*session
	for more := true; more; {
		var part []*session
		part, more = d.part(bookmark, room[:0])
		for _, s := range part {
			if !yield(s) {
				return
			}
		}
	}
}

// part appends to list the sessions behind a bookmark, as many as there is room for, and
// moves the bookmark behind them. It reports whether there are more.
func (d *directory) part(bookmark *session, list []*session) (part []*session, more bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := bookmark
	for at.next != nil && len(list) < cap(list) {
		at = at.next
		if at.endpoint != nil { // no bookmark of another walk
			list = append(list, at)
		}
	}
	if more = at.next != nil; more {
		d.unlinkLocked(bookmark)
		d.linkLocked(bookmark, at)
	}
	return list, more
}
