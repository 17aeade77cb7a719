package crdt

import (
	"cmp"
	"slices"
)

// series is the entries of a replica in the order of their dots. A removal leaves a
// hole; when there are more holes than entries they are closed.
type series struct {
	slots []slot
	n     int // entries
}

type slot struct {
	dot   uint64
	entry *Entry // nil: removed
}

func (s *series) find(dot uint64) (int, bool) {
	if n := len(s.slots); n == 0 || s.slots[n-1].dot < dot { // most often it is new
		return n, false
	}
	return slices.BinarySearchFunc(s.slots, dot, func(x slot, dot uint64) int { return cmp.Compare(x.dot, dot) })
}

// insert adds entries, which are in the order of their dots and not there yet. They
// usually come at the end; otherwise all are merged at once, and not moved for each.
func (s *series) insert(entries ...*Entry) {
	s.n += len(entries)
	old := s.slots
	if n := len(old); n > 0 && len(entries) > 0 && entries[0].Dot <= old[n-1].dot {
		s.slots = make([]slot, 0, n+len(entries))
	} else {
		old = nil
	}
	for len(entries) > 0 {
		e := entries[0]
		if len(old) > 0 && old[0].dot < e.Dot {
			s.slots, old = append(s.slots, old[0]), old[1:]
			continue
		}
		if len(old) > 0 && old[0].dot == e.Dot { // a hole
			old = old[1:]
		}
		s.slots, entries = append(s.slots, slot{e.Dot, e}), entries[1:]
	}
	s.slots = append(s.slots, old...)
}

// remove returns nil if there is no such entry.
func (s *series) remove(dot uint64) *Entry {
	i, found := s.find(dot)
	if !found || s.slots[i].entry == nil {
		return nil
	}
	e := s.slots[i].entry
	s.slots[i].entry = nil
	s.n--
	const few = 16
	if holes := len(s.slots) - s.n; holes > few && holes > s.n {
		kept := slices.DeleteFunc(s.slots, func(x slot) bool { return x.entry == nil })
		if cap(kept) > 4*len(kept) {
			kept = slices.Clone(kept)
		}
		s.slots = kept
	}
	return e
}

// in returns the entries whose dots are in the set.
func (s *series) in(dots Spans) (entries []*Entry) {
	for _, span := range dots {
		i, _ := s.find(span.From)
		for ; i < len(s.slots) && s.slots[i].dot <= span.To; i++ {
			if e := s.slots[i].entry; e != nil {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

func (s *series) all() []*Entry {
	if len(s.slots) == 0 {
		return nil
	}
	return s.in(Spans{{1, s.slots[len(s.slots)-1].dot}})
}

// renew puts a new entry, of the same record, in the place of each.
func (s *series) renew() {
	for i := range s.slots {
		if e := s.slots[i].entry; e != nil {
			s.slots[i].entry = &Entry{Record: e.Record, incarnation: e.incarnation}
		}
	}
}
