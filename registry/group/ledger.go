package group

import (
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/internal/book"
)

// ledger has the memberships of this node, as the others are told of them.
type ledger[G comparable] struct {
	set    uint64 // random: which one it is
	number uint64 // of changes so far
	rows   map[entry[G]]int64
	actors map[actor.PID]*resident
	last   uint64   // number of an actor
	parts  [][]byte // the latest answer to an ask, nil if it is not kept
	partAt uint64   // its number
}

type entry[G comparable] struct {
	group G
	pid   actor.PID
}

// resident is an actor of this node that others know.
type resident struct{ id, rows uint64 }

// take notes a change of the book, and returns what it is for others. It is false if it is none.
func (l *ledger[G]) take(name func(G) string, joined bool, group G, pid actor.PID) (change, bool) {
	r, text := entry[G]{group, pid}, name(group)
	if len(text) > maxGroup {
		return change{}, false
	}
	a := l.actors[pid]
	if joined {
		if a == nil {
			l.last++
			a = &resident{id: l.last}
			l.actors[pid] = a
		}
		a.rows++
		l.rows[r]++
		l.number++
		return change{text, a.id, 1}, true
	}
	if a == nil || l.rows[r] == 0 {
		return change{}, false
	}
	if l.rows[r]--; l.rows[r] == 0 {
		delete(l.rows, r)
	}
	if a.rows--; a.rows == 0 {
		delete(l.actors, pid)
	}
	l.number++
	return change{text, a.id, -1}, true
}

// answer returns all memberships, in parts. They are kept for others that ask.
func (l *ledger[G]) answer(name func(G) string) [][]byte {
	if l.parts != nil && l.partAt == l.number {
		return l.parts
	}
	var parts [][]byte
	var part []byte
	for r, times := range l.rows {
		if part = (change{name(r.group), l.actors[r.pid].id, times}).append(part); len(part) >= noticeSize {
			parts, part = append(parts, part), nil
		}
	}
	l.parts, l.partAt = append(parts, part), l.number
	return l.parts
}

// diary has the changes of a set's book that the others have not been told of. It is a listener,
// which must be quick.
type diary[G comparable] struct {
	mu   sync.Mutex
	list []book.Change[G]
	wake func()
}

func (d *diary[G]) note(c book.Change[G]) {
	if c.Kind != book.Present && c.Far() {
		return
	}
	d.mu.Lock()
	d.list = append(d.list, c)
	first := len(d.list) == 1
	d.mu.Unlock()
	if first {
		d.wake()
	}
}

func (d *diary[G]) take() []book.Change[G] {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.list
	d.list = nil
	return list
}
