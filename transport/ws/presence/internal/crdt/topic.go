package crdt

import "iter"

// topics is who is present: the entries of all replicas that are not down.
type topics map[string]*topic

// topic is the entries of one topic by key. It has no empty key, and is no topic
// when it has none at all.
type topic struct {
	name     string
	keys     map[string]*line
	n        int
	removals uint64 // so far
}

// line is the entries of one key, in the order in which they came. It grows at the
// end only, and one that is removed stays in its place, marked, until most of them
// are: so adding, removing and taking a snapshot take the same time however many
// there are.
type line struct {
	entries []*Entry
	gone    int // of these
}

// name returns the string that all entries of a topic share.
func (ts topics) name(topic string) string {
	if t := ts[topic]; t != nil {
		return t.name
	}
	return topic
}

func (ts topics) add(e *Entry) {
	t := ts[e.Topic]
	if t == nil {
		t = &topic{name: e.Topic, keys: make(map[string]*line)}
		ts[e.Topic] = t
	}
	t.n++
	l := t.keys[e.Key]
	if l == nil {
		l = new(line)
		t.keys[e.Key] = l
	}
	l.entries = append(l.entries, e)
}

func (ts topics) remove(e *Entry) {
	t := ts[e.Topic]
	if t.n--; t.n == 0 {
		delete(ts, t.name)
	}
	t.removals++
	e.gone.Store(t.removals)
	l := t.keys[e.Key]
	l.gone++
	switch n := len(l.entries); {
	case l.gone == n:
		delete(t.keys, e.Key)
	case l.gone > n/2:
		l.entries, l.gone = l.at(t.removals).Entries(), 0
	}
}

func (l *line) at(removals uint64) Snapshot { return Snapshot{l.entries, removals} }

// of returns a topic's entries, those of a key together.
func (ts topics) of(name string) []*Entry {
	t := ts[name]
	if t == nil {
		return nil
	}
	all := make([]*Entry, 0, t.n)
	for _, l := range t.keys {
		all = l.at(t.removals).append(all)
	}
	return all
}

func (ts topics) counts(name string) iter.Seq2[string, int] {
	return func(yield func(string, int) bool) {
		if t := ts[name]; t != nil {
			for key, l := range t.keys {
				if !yield(key, len(l.entries)-l.gone) {
					return
				}
			}
		}
	}
}

func (ts topics) key(name, key string) Snapshot {
	if t := ts[name]; t != nil && t.keys[key] != nil {
		return t.keys[key].at(t.removals)
	}
	return Snapshot{}
}

// Snapshot is the entries of one key at one moment. To take one costs nothing, and
// it may be read beside changes of the State.
//
// For a line grows only behind what the snapshot has of it, and an entry that is
// removed after the snapshot has been taken is marked with a higher number.
type Snapshot struct {
	entries  []*Entry
	removals uint64 // of the topic until then
}

// Entries returns the entries, in the order in which they came.
func (s Snapshot) Entries() []*Entry { return s.append(nil) }

func (s Snapshot) append(list []*Entry) []*Entry {
	for _, e := range s.entries {
		if gone := e.gone.Load(); gone == 0 || gone > s.removals {
			list = append(list, e)
		}
	}
	return list
}
