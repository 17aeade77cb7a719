package crdt

// topics is who is present: the entries of all replicas that are not down.
type topics map[string]*topic

// topic is the entries of one topic by key. Those of one key hang on the first, in
// the order in which they came. It has no empty key, and is no topic when it has
// none at all.
type topic struct {
	name string
	keys map[string]*Entry
	n    int
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
		t = &topic{name: e.Topic, keys: make(map[string]*Entry)}
		ts[e.Topic] = t
	}
	t.n++
	first := t.keys[e.Key]
	if first == nil {
		t.keys[e.Key] = e
		return
	}
	for first.next != nil {
		first = first.next
	}
	first.next = e
}

func (ts topics) remove(e *Entry) {
	t := ts[e.Topic]
	if before := t.keys[e.Key]; before != e {
		for before.next != e {
			before = before.next
		}
		before.next = e.next
	} else if e.next != nil {
		t.keys[e.next.Key] = e.next
	} else {
		delete(t.keys, e.Key)
	}
	e.next = nil
	if t.n--; t.n == 0 {
		delete(ts, t.name)
	}
}

// of returns a topic's entries, those of a key together.
func (ts topics) of(name string) []*Entry {
	t := ts[name]
	if t == nil {
		return nil
	}
	all := make([]*Entry, 0, t.n)
	for _, e := range t.keys {
		for ; e != nil; e = e.next {
			all = append(all, e)
		}
	}
	return all
}

func (ts topics) key(name, key string) (all []*Entry) {
	if t := ts[name]; t != nil {
		for e := t.keys[key]; e != nil; e = e.next {
			all = append(all, e)
		}
	}
	return all
}
