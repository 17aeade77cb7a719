package group

import (
	"time"

	"github.com/troupe-go/troupe/registry/internal/book"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// peer is the set of another node, as far as it is known. What it says of its own members counts,
// and nothing else.
type peer[G comparable] struct {
	node pubsub.Node

	set    uint64 // whose memberships these are; 0 if none are known
	number uint64 // of its changes, up to which they are known
	whole  bool   // all of them are
	rows   map[row][]book.Far[G]
	actors map[uint64]*far
	bytes  int64

	gone   uint64 // a set that is no more, or is not to be believed
	heard  bool   // it has ever said something
	silent int    // ticks since

	wanted bool      // all of its memberships are
	nonce  uint64    // of the latest ask
	next   time.Time // when to ask again
	wait   time.Duration
	draft  *draft // the answer so far
}

// row is an actor's membership in a group, however often it has joined.
type row struct {
	group string
	actor uint64
}

// draft is an answer to an ask that comes in parts. What has changed since it began may come
// between them, before what it changes: so numbers may be negative meanwhile.
type draft struct {
	set, number uint64
	index       uint64 // of the next part
	rows        map[row]int64
	bytes       int64
}

// farBytes is how much one node may have others remember.
const farBytes = 256 << 20

// rowSize is what a membership takes besides the group's name, about.
const rowSize = 160

// sizeOf returns how many bytes more a change takes, about.
func sizeOf(c change) int64 { return c.times * int64(len(c.group)+rowSize) }

// add adds changes, and reports whether that leaves no more than a node may have.
func (d *draft) add(list []change) bool {
	for _, c := range list {
		r := row{c.group, c.actor}
		was := d.rows[r]
		now := was + c.times
		if d.rows[r] = now; now == 0 {
			delete(d.rows, r)
		}
		// What is fewer than none takes as much room as what is more.
		d.bytes += sizeOf(change{times: abs(now) - abs(was), group: c.group})
		if d.bytes > farBytes {
			return false
		}
	}
	return true
}

func abs(n int64) int64 { return max(n, -n) }

// change has an actor be in a group so many times more, or fewer. It reports whether that could be.
func (p *peer[G]) change(s *Set[G], name func(string) G, c change) bool {
	r := row{c.group, c.actor}
	stands := p.rows[r]
	if c.times < -int64(len(stands)) || p.bytes+sizeOf(c) > farBytes {
		return false
	}
	p.bytes += sizeOf(c)
	s.counts.far.Add(c.times)
	f := p.actors[c.actor]
	if c.times > 0 {
		if f == nil {
			f = &far{node: p.node.Name, id: c.actor}
			p.actors[c.actor] = f
		}
		f.rows += c.times
		for range c.times {
			stands = append(stands, s.book.AddFar(name(c.group), f))
		}
		p.rows[r] = stands
		return true
	}
	for range -c.times {
		last := len(stands) - 1
		stands[last].Remove()
		stands = stands[:last]
	}
	if len(stands) > 0 {
		p.rows[r] = stands
	} else {
		delete(p.rows, r)
	}
	if f != nil {
		if f.rows += c.times; f.rows == 0 {
			delete(p.actors, c.actor)
		}
	}
	return true
}

// adopt has the memberships be those of the draft.
func (p *peer[G]) adopt(s *Set[G], name func(string) G, d *draft) bool {
	if p.set != d.set {
		p.clear(s) // numbers of actors mean something else now
	}
	p.set, p.number = d.set, d.number
	for r, stands := range p.rows {
		if less := d.rows[r] - int64(len(stands)); less < 0 && !p.change(s, name, change{r.group, r.actor, less}) {
			return false
		}
	}
	for r, times := range d.rows {
		if times < 0 {
			return false
		}
		if more := times - int64(len(p.rows[r])); more > 0 && !p.change(s, name, change{r.group, r.actor, more}) {
			return false
		}
	}
	p.whole = true
	return true
}

// clear has all of its members leave.
func (p *peer[G]) clear(s *Set[G]) {
	for _, stands := range p.rows {
		for _, f := range stands {
			f.Remove()
		}
		s.counts.far.Add(-int64(len(stands)))
	}
	p.set, p.number, p.whole, p.bytes = 0, 0, false, 0
	p.rows, p.actors = make(map[row][]book.Far[G]), make(map[uint64]*far)
}
