package crdt

import (
	"strconv"
	"sync/atomic"
)

// ID names a replica: a node, from one start of it to its end.
type ID struct {
	Node        string
	Incarnation uint64 // random, and so another one after each start
}

// Record is what one presence consists of.
type Record struct {
	Topic, Key string
	Meta       string // a JSON object
	Dot        uint64 // the event that added it
	Prev       uint64 // the dot of the one that it took the place of; 0: none
}

// Entry is a presence in a State. Its record never changes: what looks like a
// change is another entry in its place. So it may be read without a lock.
type Entry struct {
	Record
	incarnation uint64 // of its replica
	// gone is 0 while the entry is in its topic, then the number of its removal
	// among those of the topic. An entry that has gone does not come back.
	gone atomic.Uint64
}

// Ref is a name that no other entry has, on whatever node: digits, small letters and
// a dot.
func (e *Entry) Ref() string { return string(e.AppendRef(nil)) }

// AppendRef appends Ref.
func (e *Entry) AppendRef(b []byte) []byte { return e.appendRef(b, e.Dot) }

// PrevRef is the Ref of the entry that this one took the place of, or "".
func (e *Entry) PrevRef() string {
	if e.Prev == 0 {
		return ""
	}
	return string(e.appendRef(nil, e.Prev))
}

func (e *Entry) appendRef(b []byte, dot uint64) []byte {
	b = strconv.AppendUint(b, e.incarnation, 36)
	return strconv.AppendUint(append(b, '.'), dot, 36)
}
