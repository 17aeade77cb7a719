package crdt

import (
	"iter"
	"maps"
	"slices"
)

// State is the set as one node knows it: its own replica and those of its peers.
// It is not safe for concurrent use, but for what [Entry] says.
type State struct {
	own    replica
	clock  uint64 // own events so far
	told   uint64 // of these, those that Flush has returned
	log    removals
	piece  int // about how many bytes a delta may have
	peers  map[ID]*replica
	topics topics
	n      int // entries in these
}

// Change is what happened in one topic.
type Change struct {
	Topic         string
	Joins, Leaves []*Entry
}

// New returns an empty State of the given replica.
func New(self ID) *State {
	return &State{
		own:    replica{id: self},
		log:    removals{limit: removalsKept},
		piece:  defaultPiece,
		peers:  make(map[ID]*replica),
		topics: make(topics),
	}
}

// ID returns the name of the State's own replica.
func (s *State) ID() ID { return s.own.id }

// Clock returns the number of own events so far.
func (s *State) Clock() uint64 { return s.clock }

// Topic returns who is present in a topic, the entries of a key one after the other.
func (s *State) Topic(topic string) []*Entry { return s.topics.of(topic) }

// Keys returns the keys of a topic, each with the number of its entries, in no order.
func (s *State) Keys(topic string) iter.Seq2[string, int] { return s.topics.counts(topic) }

// Key returns the entries of one key.
func (s *State) Key(topic, key string) Snapshot { return s.topics.key(topic, key) }

// Size returns how many topics have somebody in them, and how many entries there are.
func (s *State) Size() (topics, entries int) { return len(s.topics), s.n }

// Join adds an entry to the own replica. It may be one of many with its key.
func (s *State) Join(topic, key, meta string) *Entry {
	return s.add(Record{Topic: topic, Key: key, Meta: meta})
}

// Leave removes entries of the own replica, which must be there.
func (s *State) Leave(entries ...*Entry) []Change {
	for _, e := range entries {
		s.clock++
		s.own.entries.remove(e.Dot)
		s.log.note(Removal{s.clock, e.Dot})
	}
	return s.show(nil, entries)
}

// Replace removes an entry of the own replica, which must be there, and adds one
// with another meta in its place. Others learn of both at once.
func (s *State) Replace(e *Entry, meta string) *Entry {
	s.Leave(e)
	return s.add(Record{Topic: e.Topic, Key: e.Key, Meta: meta, Prev: e.Dot})
}

func (s *State) add(r Record) *Entry {
	s.clock++
	r.Topic, r.Dot = s.topics.name(r.Topic), s.clock
	e := &Entry{Record: r, incarnation: s.own.id.Incarnation}
	s.own.entries.insert(e)
	s.topics.add(e)
	s.n++
	return e
}

// Flush returns the own events since the last Flush, in pieces that fit into one
// message each.
func (s *State) Flush() []Delta {
	told := s.told
	s.told = s.clock
	return s.Since(UpTo(told))
}

// Since returns what somebody lacks who has seen the given events of the own
// replica, in pieces that fit into one message each. Somebody who is far behind
// gets all there is.
func (s *State) Since(seen Spans) []Delta {
	lacks := UpTo(s.clock).Minus(seen)
	if len(lacks) == 0 {
		return nil
	}
	if lacks[0].From <= s.log.floor {
		return whole(s.clock, records(s.own.entries.all()), s.piece)
	}
	return Delta{lacks, records(s.own.entries.in(lacks)), s.log.by(lacks)}.split(s.piece)
}

func records(entries []*Entry) (records []Record) {
	for _, e := range entries {
		records = append(records, e.Record)
	}
	return records
}

// Peers returns the peers that are known, in no order.
func (s *State) Peers() []ID { return slices.Collect(maps.Keys(s.peers)) }

// Seen returns the events of a peer that have been seen.
func (s *State) Seen(peer ID) Spans {
	if r := s.peers[peer]; r != nil {
		return r.seen
	}
	return nil
}

// Merge takes in what a peer has told of itself. It does nothing if the peer is
// unknown: one that has never been Up, or was dropped.
func (s *State) Merge(peer ID, d Delta) []Change {
	r := s.peers[peer]
	if r == nil {
		return nil
	}
	var joins []*Entry
	leaves := r.gone(d)
	for _, x := range d.Entries {
		if r.seen.Has(x.Dot) {
			continue
		}
		x.Topic = s.topics.name(x.Topic)
		e := &Entry{Record: x, incarnation: peer.Incarnation}
		joins = append(joins, e)
	}
	r.entries.insert(joins...)
	r.learn(d)
	if r.down {
		return nil
	}
	return s.show(joins, leaves)
}

// Up says that a peer is there. If it was Down, its entries join again, the same as
// before.
func (s *State) Up(peer ID) []Change {
	r := s.peers[peer]
	if r == nil {
		s.peers[peer] = &replica{id: peer}
		return nil
	}
	if !r.down {
		return nil
	}
	r.down = false
	r.entries.renew()
	return s.show(r.entries.all(), nil)
}

// Down says that a peer is not there for the moment: its entries leave, and are
// kept.
func (s *State) Down(peer ID) []Change {
	r := s.peers[peer]
	if r == nil || r.down {
		return nil
	}
	r.down = true
	return s.show(nil, r.entries.all())
}

// Drop says that a peer is gone for good: its entries leave and all that is known
// of it is forgotten.
func (s *State) Drop(peer ID) []Change {
	changes := s.Down(peer)
	delete(s.peers, peer)
	return changes
}

// show brings the topics up to date.
func (s *State) show(joins, leaves []*Entry) []Change {
	for _, e := range joins {
		s.topics.add(e)
	}
	s.n += len(joins) - len(leaves)
	for _, e := range leaves {
		s.topics.remove(e)
	}
	return changes(joins, leaves)
}

// changes sorts entries by topic.
func changes(joins, leaves []*Entry) (all []Change) {
	at := make(map[string]int) // topics' places among all
	change := func(e *Entry) *Change {
		if n := len(all); n > 0 && all[n-1].Topic == e.Topic { // most often
			return &all[n-1]
		}
		i, known := at[e.Topic]
		if !known {
			i = len(all)
			at[e.Topic] = i
			all = append(all, Change{Topic: e.Topic})
		}
		return &all[i]
	}
	for _, e := range joins {
		c := change(e)
		c.Joins = append(c.Joins, e)
	}
	for _, e := range leaves {
		c := change(e)
		c.Leaves = append(c.Leaves, e)
	}
	return all
}

// removalsKept is how many removals a replica remembers. A peer that lacks no more
// than these is told what it lacks; one that lacks more is told everything.
const removalsKept = 10_000

// removals is the removals of late, in the order of events. All that came after the
// event floor are there.
type removals struct {
	list  []Removal
	floor uint64
	limit int
}

func (l *removals) note(r Removal) {
	l.list = append(l.list, r)
	if n := len(l.list); n >= 2*l.limit {
		l.floor = l.list[n-l.limit-1].At
		l.list = slices.Clone(l.list[n-l.limit:])
	}
}

// by returns what the given events removed.
func (l *removals) by(events Spans) (removed []Removal) {
	for _, r := range l.list {
		if events.Has(r.At) {
			removed = append(removed, r)
		}
	}
	return removed
}
