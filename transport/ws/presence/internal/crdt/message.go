package crdt

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
)

// Kind is what a [Message] is about.
type Kind uint8

// The kinds of messages.
const (
	Beat  Kind = iota // the sender is there
	Told              // some of the sender's events
	Ask               // the sender lacks events of the receiver
	Leave             // the sender goes, and does not come back
)

// Message is what a replica tells others about itself.
type Message struct {
	Kind   Kind
	From   ID
	Shards int    // on how many shards the sender spreads its topics
	Clock  uint64 // the number of the sender's events so far

	Delta Delta // Told

	To   uint64 // Ask: the incarnation that is asked; 0: all are asked whether they are there
	Seen Spans  // Ask: what the sender has seen of its events
}

// format is the first byte of each message.
const format = 1

// ErrMessage says that bytes are no message that can be understood.
var ErrMessage = errors.New("not a presence message")

// Encode returns the message as bytes.
func (m Message) Encode() []byte {
	b := []byte{format, byte(m.Kind)}
	b = appendString(b, m.From.Node)
	b = binary.BigEndian.AppendUint64(b, m.From.Incarnation)
	b = binary.AppendUvarint(b, uint64(m.Shards))
	b = binary.AppendUvarint(b, m.Clock)
	switch m.Kind {
	case Told:
		b = appendDelta(b, m.Delta)
	case Ask:
		b = binary.BigEndian.AppendUint64(b, m.To)
		b = appendSpans(b, m.Seen)
	}
	return b
}

func appendDelta(b []byte, d Delta) []byte {
	b = appendSpans(b, d.Seen)
	b = binary.AppendUvarint(b, uint64(len(d.Entries)))
	for _, r := range d.Entries {
		b = binary.AppendUvarint(b, r.Dot)
		b = binary.AppendUvarint(b, r.Prev)
		b = appendString(b, r.Topic)
		b = appendString(b, r.Key)
		b = appendString(b, r.Meta)
	}
	b = binary.AppendUvarint(b, uint64(len(d.Removed)))
	for _, r := range d.Removed {
		b = binary.AppendUvarint(b, r.At)
		b = binary.AppendUvarint(b, r.Dot)
	}
	return b
}

func appendSpans(b []byte, s Spans) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	last := uint64(0)
	for _, x := range s { // as distances, which are small
		b = binary.AppendUvarint(b, x.From-last)
		b = binary.AppendUvarint(b, x.To-x.From)
		last = x.To
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// Decode is the counterpart of Encode. It takes nothing that a State could not
// merge. What it returns shares no memory with data.
func Decode(data []byte) (Message, error) {
	d := decoder{rest: data}
	if d.byte() != format {
		return Message{}, fmt.Errorf("%w: unknown format", ErrMessage)
	}
	m := Message{
		Kind:   Kind(d.byte()),
		From:   ID{d.string(), d.uint64()},
		Shards: int(d.number(math.MaxInt32)),
		Clock:  d.number(maxEvent),
	}
	switch m.Kind {
	case Beat, Leave:
	case Told:
		m.Delta = d.delta()
	case Ask:
		m.To = d.uint64()
		m.Seen = d.spans()
	default:
		return Message{}, fmt.Errorf("%w: unknown kind %d", ErrMessage, m.Kind)
	}
	switch {
	case d.err != nil:
		return Message{}, fmt.Errorf("%w: %w", ErrMessage, d.err)
	case len(d.rest) > 0:
		return Message{}, fmt.Errorf("%w: %d bytes too many", ErrMessage, len(d.rest))
	}
	return m, nil
}

// maxEvent leaves room for what is added to numbers of events.
const maxEvent = math.MaxInt64

var (
	errShort = errors.New("it ends too early")
	errOrder = errors.New("numbers that cannot be")
	errMeta  = errors.New("a meta is not a JSON object")
)

// decoder reads values one after the other. After an error they are all zero.
type decoder struct {
	rest []byte
	err  error
}

func (d *decoder) fail(err error) {
	if d.err == nil {
		d.rest, d.err = nil, err
	}
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.fail(errShort)
		return nil
	}
	head := d.rest[:n]
	d.rest = d.rest[n:]
	return head
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) number(limit uint64) uint64 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > limit {
		d.fail(errShort)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) string() string { return string(d.take(d.number(maxEvent))) }

// count reads how many values follow that take so many bytes at least.
func (d *decoder) count(bytes int) int {
	return int(d.number(uint64(len(d.rest) / bytes)))
}

func (d *decoder) check(ok bool, err error) {
	if !ok {
		d.fail(err)
	}
}

func (d *decoder) spans() (s Spans) {
	last := uint64(0)
	for range d.count(2) {
		from := last + d.number(maxEvent-last)
		x := Span{from, from + d.number(maxEvent-from)}
		// At least one number is between two spans, and 0 is in none.
		d.check(from > last+1 || from == 1, errOrder)
		last = x.To
		s = append(s, x)
	}
	return s
}

func (d *decoder) delta() Delta {
	delta := Delta{Seen: d.spans()}
	last := uint64(0)
	for range d.count(5) {
		r := Record{Dot: d.number(maxEvent), Prev: d.number(maxEvent)}
		r.Topic, r.Key, r.Meta = d.string(), d.string(), d.string()
		d.check(r.Dot > last && r.Prev < r.Dot && delta.Seen.Has(r.Dot), errOrder)
		d.check(d.err != nil || isObject(r.Meta), errMeta)
		last = r.Dot
		delta.Entries = append(delta.Entries, r)
	}
	last = 0
	for range d.count(2) {
		r := Removal{d.number(maxEvent), d.number(maxEvent)}
		d.check(r.At > last && 0 < r.Dot && r.Dot < r.At && delta.Seen.Has(r.At), errOrder)
		// An event adds or removes, and what is left has not been removed.
		d.check(!delta.adds(r.At) && !delta.adds(r.Dot), errOrder)
		last = r.At
		delta.Removed = append(delta.Removed, r)
	}
	return delta
}

// adds reports whether an event is one that added an entry of the delta.
func (d Delta) adds(event uint64) bool {
	_, found := slices.BinarySearchFunc(d.Entries, event, func(r Record, dot uint64) int { return cmp.Compare(r.Dot, dot) })
	return found
}

func isObject(text string) bool {
	n := len(text)
	return n > 1 && text[0] == '{' && text[n-1] == '}' && json.Valid([]byte(text))
}
