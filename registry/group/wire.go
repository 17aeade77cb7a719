package group

import (
	"encoding/binary"
	"errors"
)

// What the sets of one name tell each other:
//
//	all    [version][kind][set:8] …
//	have   [number]                      the sender's memberships are those after so many changes
//	delta  [number] n × change           the n changes after that number
//	ask    [nonce:8][set:8][number]      the asker has those of that set, after that number
//	part   [nonce:8][number][index][last] n × membership
//	bye                                  the set is no more
//
// A set is one from its start to its end: a random number. Numbers are varints, and strings
// have their length before them.

// wireVersion begins what sets tell each other. A node drops what has another one, and says so.
const wireVersion = 1

type kind byte

const (
	kindHave kind = iota + 1
	kindDelta
	kindAsk
	kindPart
	kindBye
)

// notice is what one set tells another one.
type notice struct {
	kind   kind
	set    uint64 // of the sender
	number uint64 // of the sender's changes; or, in ask, of those that the asker knows
	nonce  uint64 // of an ask, and in the parts of the answer
	known  uint64 // in ask: the set whose changes the asker knows; 0 if there is none
	index  uint64 // of a part
	last   bool   // it is the last part
	rows   []change
	body   []byte // changes that are encoded already, to be sent behind rows
}

// change is that an actor has joined a group so many times more, or fewer. In a part it is
// how often it has joined.
type change struct {
	group string
	actor uint64 // a number that its node has given it
	times int64
}

var (
	errNotice  = errors.New("not a message between groups")
	errVersion = errors.New("message between groups of another version")
)

const (
	// maxGroup is how long a group's name may be that other nodes are told of.
	maxGroup = 4096
	// maxTimes is how often one actor may have joined a group as far as others are told.
	maxTimes = 1 << 20
	// noticeSize is how large a message becomes, about: far less than any adapter takes.
	noticeSize = 32 << 10
)

func (n notice) encode() []byte { return n.append(nil) }

func (n notice) append(b []byte) []byte {
	b = append(b, wireVersion, byte(n.kind))
	b = binary.BigEndian.AppendUint64(b, n.set)
	switch n.kind {
	case kindHave, kindDelta:
		b = binary.AppendUvarint(b, n.number)
	case kindAsk:
		b = binary.BigEndian.AppendUint64(b, n.nonce)
		b = binary.BigEndian.AppendUint64(b, n.known)
		b = binary.AppendUvarint(b, n.number)
	case kindPart:
		b = binary.BigEndian.AppendUint64(b, n.nonce)
		b = binary.AppendUvarint(b, n.number)
		b = binary.AppendUvarint(b, n.index)
		last := byte(0)
		if n.last {
			last = 1
		}
		b = append(b, last)
	}
	for _, c := range n.rows {
		b = c.append(b)
	}
	return append(b, n.body...)
}

func (c change) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(c.group)))
	b = append(b, c.group...)
	b = binary.AppendUvarint(b, c.actor)
	return binary.AppendVarint(b, c.times)
}

// reader takes a message apart. After the first error it returns zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail() { r.b, r.err = nil, errNotice }

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail()
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) fixed() uint64 {
	if len(r.b) < 8 {
		r.fail()
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) string() string {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.fail()
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	return s
}

// decode returns what another set says. The error is errNotice or errVersion.
func decode(b []byte) (notice, error) {
	if len(b) > 0 && b[0] != wireVersion {
		return notice{}, errVersion
	}
	r := &reader{b: b}
	r.byte()
	n := notice{kind: kind(r.byte()), set: r.fixed()}
	switch n.kind {
	case kindHave:
		n.number = r.uvarint()
	case kindDelta:
		n.number = r.uvarint()
		n.rows = r.changes()
	case kindAsk:
		n.nonce, n.known, n.number = r.fixed(), r.fixed(), r.uvarint()
	case kindPart:
		n.nonce, n.number, n.index, n.last = r.fixed(), r.uvarint(), r.uvarint(), r.byte() == 1
		n.rows = r.changes()
	case kindBye:
	default:
		r.fail()
	}
	if r.err != nil || len(r.b) > 0 || n.set == 0 || n.number > 1<<62 {
		return notice{}, errNotice
	}
	return n, nil
}

// changes returns all that is left.
func (r *reader) changes() (list []change) {
	for len(r.b) > 0 {
		c := change{r.string(), r.uvarint(), r.varint()}
		if len(c.group) > maxGroup || c.times > maxTimes || c.times < -maxTimes {
			r.fail()
		}
		if r.err != nil {
			return nil
		}
		list = append(list, c)
	}
	return list
}
