package ws

import (
	"crypto/rand"
	"sort"
	"strconv"
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
	stale   uint64 // a position before this one may be of another log, whose epoch was the same

	entries ring // those that are void are no more
	count   int  // of those that are
	void    int  // of those that are not
	bytes   int  // of those that are

	about map[string]uint64 // what of messages of a key is kept; not in the mode Stream

	stretches stretches

	keys  map[string]*key // of broadcasts that are Idempotent
	order []*key          // the same, oldest first
}

// entry is a message in a log.
type entry struct {
	event   string
	payload Payload
	offset  uint64
	at      time.Duration
	key     string // what it is about; not in the mode Stream
	void    bool   // a later one has taken its place

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
// what the allocator rounds these up by, and what the log knows of its key.
const entryOverhead = 512

// size is what an entry counts for.
func (e *entry) size() int {
	return len(e.event) + len(e.payload.Bytes()) + len(e.key) + entryOverhead
}

func newHistoryLog(h *History) *historyLog {
	return &historyLog{history: h, epoch: rand.Text()[:13]} // 65 bits
}

// newStoredLog returns a log that has no epoch yet: a store will say which.
func newStoredLog(h *History) *historyLog { return &historyLog{history: h} }

// position returns the position of an offset.
func (l *historyLog) position(offset uint64) Position { return Position{l.epoch, offset} }

// ref returns a position as a message has it: JSON, in which no letter of it needs an escape.
func (l *historyLog) ref(offset uint64) string {
	var room [2 + maxPosition]byte
	text := append(append(append(room[:0], `"@`...), l.epoch...), ':')
	return string(append(strconv.AppendUint(text, offset, 10), '"'))
}

// message returns a message of the log.
func (l *historyLog) message(e *entry) wire.Message {
	return wire.Message{Ref: l.ref(e.offset), Event: e.event, Payload: e.payload}
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
	m.Ref = l.ref(offset)
	if l.history.Mode != Stream {
		l.replace(about, offset)
	}
	e := l.entries.push()
	e.event, e.payload, e.offset, e.at, e.key = m.Event, m.Payload, offset, at, about
	l.count++
	l.bytes += e.size()
}

// replace has a message take the place of the one of the same key, if there is one.
func (l *historyLog) replace(key string, offset uint64) {
	if l.about == nil {
		l.about = make(map[string]uint64)
	}
	if old, ok := l.about[key]; ok {
		e := l.entries.at(l.after(old - 1))
		l.count--
		l.bytes -= e.size()
		*e = entry{offset: old, void: true}
		l.void++
	}
	l.about[key] = offset
}

// after returns the index of the first entry behind an offset.
func (l *historyLog) after(offset uint64) int {
	return sort.Search(l.entries.n, func(i int) bool { return l.entries.at(i).offset > offset })
}

// trim drops what there is no room or no time for.
func (l *historyLog) trim(now time.Duration) {
	h := l.history
	for l.entries.n > 0 {
		e := l.entries.at(0)
		if !e.void && l.count <= h.Size && l.bytes <= h.MaxBytes && now-e.at < h.TTL {
			break
		}
		l.drop(e)
	}
	if idle := len(l.entries.slots) - l.count; idle > 16 && idle > l.count {
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
		l.bytes -= e.size()
		l.lost = max(l.lost, e.offset) // there may be a hole behind it already
		delete(l.about, e.key)
	}
	l.entries.pop()
}

// compact gives back the room of entries that are no more.
func (l *historyLog) compact() {
	l.entries.move(l.count, func(e *entry) bool { return !e.void })
	l.void = 0
}

// interrupt notes that messages were lost to the log, here or nearby. It takes a place of its
// own, so that all positions up to now are behind those messages.
func (l *historyLog) interrupt() { l.skip(l.top + 1) }

// skip notes that there is no message at an offset, behind all that there are, and that it is
// one which is lost.
func (l *historyLog) skip(offset uint64) {
	l.top, l.lost = offset, max(l.lost, offset)
	if l.history.Mode == Stream { // nobody will ask for these
		l.entries, l.void, l.count, l.bytes = ring{}, 0, 0, 0
	}
}

// at returns the message at an offset, if it is here.
func (l *historyLog) at(offset uint64) (wire.Message, bool) {
	i := l.after(offset - 1) // nothing is behind the largest one, so none is at 0
	if i == l.entries.n {
		return wire.Message{}, false
	}
	e := l.entries.at(i)
	return l.message(e), e.offset == offset && !e.void
}

// covers reports whether what is behind a position is all here.
func (l *historyLog) covers(p Position) bool {
	return p.Epoch != "" && p.Epoch == l.epoch && l.stale <= p.Offset && l.has(p.Offset)
}

// has is covers for an offset that is known to be of this log.
func (l *historyLog) has(offset uint64) bool { return l.lost <= offset && offset <= l.top }

// behind returns how many messages there are behind an offset.
func (l *historyLog) behind(offset uint64) (n int) {
	for i := l.after(offset); i < l.entries.n; i++ {
		if !l.entries.at(i).void {
			n++
		}
	}
	return n
}

// known reports whether the log knows a key by now; if not, it does from now on.
func (l *historyLog) known(text string, now time.Duration) bool {
	l.trim(now) // or it would know some that another node has forgotten
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
