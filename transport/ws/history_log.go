package ws

import (
	"crypto/rand"
	"slices"
	"time"
	"weak"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// historyLog is what is kept of one topic. It has no lock and no clock of its own.
type historyLog struct {
	history *History
	epoch   string
	top     uint64 // the last offset that was given
	lost    uint64 // the last one of a message that is not here and that nothing has replaced

	entries []entry // by offset; those before head, and those that are void, are no more
	head    int
	count   int // of those that are
	void    int // of those behind head that are not
	bytes   int // of those that are

	about map[string]uint64 // what of messages of a key is kept; not in the mode Stream

	keys  map[string]*key // of broadcasts that are Idempotent
	order []*key          // the same, oldest first
}

// entry is a message in a log.
type entry struct {
	message wire.Message // its Ref is its position
	offset  uint64
	at      time.Duration
	key     string // what it is about; not in the mode Stream
	size    int
	void    bool // a later one has taken its place

	// replayed is what it is as a broadcast to clients that have missed it, with its frames,
	// for as long as some client is about to get it: not longer, for that is as much again.
	replayed weak.Pointer[broadcast]
}

// key is the key of an Idempotent broadcast.
type key struct {
	text string
	at   time.Duration
	sent bool // everybody has been sent it
}

// entryOverhead is more than an entry takes apart from its message's event and payload, with
// the room that entries before it have left.
const entryOverhead = 512

func newHistoryLog(h *History) *historyLog {
	return &historyLog{history: h, epoch: rand.Text()[:13]} // 65 bits
}

// newStoredLog returns a log that has no epoch yet: a store will say which.
func newStoredLog(h *History) *historyLog { return &historyLog{history: h} }

// position returns the position of an offset.
func (l *historyLog) position(offset uint64) Position {
	if l.epoch == "" {
		return Position{}
	}
	return Position{l.epoch, offset}
}

// append gives a message the next position, as its Ref, and keeps it.
func (l *historyLog) append(m *wire.Message, about string, now time.Duration) {
	l.add(m, l.top+1, about, now)
	l.trim(now)
}

// add gives a message a position behind all that there are, as its Ref, and keeps it. It is to
// be trimmed then.
func (l *historyLog) add(m *wire.Message, offset uint64, about string, at time.Duration) {
	l.top = offset
	m.Ref = wire.Ref(l.position(l.top).String())
	e := entry{message: *m, offset: l.top, at: at, key: about}
	e.size = len(m.Event) + len(m.Payload.Bytes()) + len(about) + entryOverhead
	if l.history.Mode != Stream {
		l.replace(&e)
	}
	l.entries = append(l.entries, e)
	l.count++
	l.bytes += e.size
}

// replace has an entry take the place of the one of the same key, if there is one.
func (l *historyLog) replace(e *entry) {
	if l.about == nil {
		l.about = make(map[string]uint64)
	}
	if old, ok := l.about[e.key]; ok {
		i := l.after(old - 1)
		l.count--
		l.bytes -= l.entries[i].size
		l.entries[i] = entry{offset: old, void: true}
		l.void++
	}
	l.about[e.key] = e.offset
}

// after returns the index of the first entry behind an offset.
func (l *historyLog) after(offset uint64) int {
	rest := l.entries[l.head:]
	i, found := slices.BinarySearchFunc(rest, offset, func(e entry, offset uint64) int {
		return int(min(max(int64(e.offset-offset), -1), 1))
	})
	if found {
		i++
	}
	return l.head + i
}

// trim drops what there is no room or no time for.
func (l *historyLog) trim(now time.Duration) {
	h := l.history
	for l.head < len(l.entries) {
		e := &l.entries[l.head]
		if !e.void && l.count <= h.Size && l.bytes <= h.MaxBytes && now-e.at < h.TTL {
			break
		}
		l.drop(e)
	}
	if gone := l.head + l.void; gone > 16 && gone > len(l.entries)/2 {
		l.compact()
	}
	for len(l.order) > h.Size || len(l.order) > 0 && now-l.order[0].at >= h.TTL {
		delete(l.keys, l.order[0].text)
		l.order[0] = nil
		l.order = l.order[1:]
	}
}

// drop drops the first entry.
func (l *historyLog) drop(e *entry) {
	if e.void {
		l.void--
	} else {
		l.count--
		l.bytes -= e.size
		l.lost = max(l.lost, e.offset) // there may be a hole behind it already
		delete(l.about, e.key)
	}
	*e = entry{offset: e.offset}
	l.head++
}

// compact gives back the room of entries that are no more.
func (l *historyLog) compact() {
	kept := make([]entry, 0, l.count+l.count/4+1)
	for _, e := range l.entries[l.head:] {
		if !e.void {
			kept = append(kept, e)
		}
	}
	l.entries, l.head, l.void = kept, 0, 0
}

// interrupt notes that messages were lost to the log, here or nearby. It takes a place of its
// own, so that all positions up to now are behind those messages.
func (l *historyLog) interrupt() { l.skip(l.top + 1) }

// skip notes that there is no message at an offset, behind all that there are, and that it is
// one which is lost.
func (l *historyLog) skip(offset uint64) {
	l.top, l.lost = offset, offset
	if l.history.Mode == Stream { // nobody will ask for these
		l.entries, l.head, l.void, l.count, l.bytes = nil, 0, 0, 0, 0
	}
}

// at returns the message at an offset, if it is here.
func (l *historyLog) at(offset uint64) (wire.Message, bool) {
	i := l.after(offset - 1)
	if offset == 0 || i == len(l.entries) || l.entries[i].offset != offset || l.entries[i].void {
		return wire.Message{}, false
	}
	return l.entries[i].message, true
}

// covers reports whether what is behind a position is all here.
func (l *historyLog) covers(p Position) bool {
	return p.Epoch != "" && p.Epoch == l.epoch && l.lost <= p.Offset && p.Offset <= l.top
}

// behind returns how many messages there are behind an offset.
func (l *historyLog) behind(offset uint64) (n int) {
	for i := l.after(offset); i < len(l.entries); i++ {
		if !l.entries[i].void {
			n++
		}
	}
	return n
}

// read returns messages behind an offset, as broadcasts: the first and those after it that
// are not more than limit bytes, the offset behind which to read on, and whether there are
// more.
func (l *historyLog) read(offset uint64, limit int, made func(wire.Message) *broadcast) (list []*broadcast, upTo uint64, more bool) {
	size := 0
	for i := l.after(offset); i < len(l.entries); i++ {
		e := &l.entries[i]
		if e.void {
			continue
		}
		if size += e.size; size > limit && len(list) > 0 {
			return list, offset, true
		}
		b := e.replayed.Value()
		if b == nil {
			b = made(e.message)
			e.replayed = weak.Make(b)
		}
		list = append(list, b)
		offset = e.offset
	}
	return list, l.top, false
}

// known reports whether the log knows a key by now; if not, it does from now on.
func (l *historyLog) known(text string, now time.Duration) bool {
	if l.keys[text] != nil {
		return true
	}
	if l.keys == nil {
		l.keys = make(map[string]*key)
	}
	k := &key{text: text, at: now}
	l.keys[text] = k
	l.order = append(l.order, k)
	return false
}
