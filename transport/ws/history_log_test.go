package ws

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// logModel is what a log is to keep, as simple as it can be.
type logModel struct {
	history *History
	kept    []keptMessage
	top     uint64
	lost    uint64
}

type keptMessage struct {
	offset uint64
	about  string
	size   int
	at     time.Duration
}

func (m *logModel) add(about string, size int, now time.Duration) {
	m.top++
	if m.history.Mode != Stream {
		m.kept = slices.DeleteFunc(m.kept, func(k keptMessage) bool { return k.about == about })
	}
	m.kept = append(m.kept, keptMessage{m.top, about, size, now})
	m.trim(now)
}

func (m *logModel) lose() {
	m.top++
	m.lost = m.top
	if m.history.Mode == Stream {
		m.kept = nil
	}
}

func (m *logModel) trim(now time.Duration) {
	h := m.history
	for len(m.kept) > h.Size || m.bytes() > h.MaxBytes || len(m.kept) > 0 && now-m.kept[0].at >= h.TTL {
		m.lost = max(m.lost, m.kept[0].offset)
		m.kept = m.kept[1:]
	}
}

func (m *logModel) bytes() (n int) {
	for _, k := range m.kept {
		n += k.size
	}
	return n
}

// agrees compares all that a log tells of itself, and the room that it takes.
func (m *logModel) agrees(l *historyLog) error {
	if l.count != len(m.kept) || l.bytes != m.bytes() || l.top != m.top {
		return fmt.Errorf("it has %d messages of %d bytes up to %d, want %d of %d up to %d",
			l.count, l.bytes, l.top, len(m.kept), m.bytes(), m.top)
	}
	if l.void != l.entries.n-l.count || l.history.Mode != Stream && len(l.about) != l.count {
		return fmt.Errorf("of %d entries it takes %d for void, and has %d keys", l.entries.n, l.void, len(l.about))
	}
	if room := len(l.entries.slots); room > l.count+max(16, l.count) {
		return fmt.Errorf("it has room for %d, with %d there", room, l.count)
	}
	behind := len(m.kept)
	for offset := range m.top + 2 {
		i := slices.IndexFunc(m.kept, func(k keptMessage) bool { return k.offset == offset })
		if i >= 0 {
			behind--
		}
		if message, ok := l.at(offset); ok != (i >= 0) || ok && message.Ref != l.ref(offset) {
			return fmt.Errorf("message %d is there: %v, %+v", offset, ok, message)
		}
		if got := l.behind(offset); got != behind {
			return fmt.Errorf("%d messages are behind %d, want %d", got, offset, behind)
		}
		if got, want := l.covers(Position{l.epoch, offset}), m.lost <= offset && offset <= m.top; got != want {
			return fmt.Errorf("it covers what is behind %d: %v", offset, got)
		}
	}
	return nil
}

// A log keeps what its History says: so many messages and bytes, for so long, and the last one about
// each key.
func TestALogAgreesWithItsModel(t *testing.T) {
	for seed := range uint64(long.Rounds(9, 2000)) {
		rng := rand.New(rand.NewPCG(seed, 1))
		h := &History{Mode: Mode(seed % 3), Size: 1 + rng.IntN(60), MaxBytes: 20 * entryOverhead, TTL: time.Minute}
		l, m := newHistoryLog(h), &logModel{history: h}
		now := time.Duration(0)
		for range 200 {
			switch n := rng.IntN(20); n {
			case 0:
				l.interrupt()
				m.lose()
			case 1:
				now += time.Minute / time.Duration(1+rng.IntN(8))
				l.trim(now)
				m.trim(now)
			default:
				about, size := "", entryOverhead/4*(5+rng.IntN(4))
				if h.Mode == Keyed {
					about = "keys"[:rng.IntN(5)]
				}
				message := wire.Message{Event: "event", Payload: RawJSON(make([]byte, size-entryOverhead-len("event")-len(about)))}
				l.append(&message, about, now)
				m.add(about, size, now)
				if at, err := ParsePosition(message.Ref[1 : len(message.Ref)-1]); err != nil || at != l.position(l.top) {
					t.Fatalf("seed %d: the message has the position %s: %v", seed, message.Ref, err)
				}
			}
			if err := m.agrees(l); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
	}
}

// An Idempotent broadcast is known for TTL, and as long as Size others have not come behind it.
func TestALogKnowsSoManyKeys(t *testing.T) {
	l := newHistoryLog(&History{Size: 3, MaxBytes: 1 << 20, TTL: time.Minute})
	for i, step := range []struct {
		key   string
		at    time.Duration
		known bool
	}{
		{"a", 0, false}, {"a", 59 * time.Second, true}, {"b", 59 * time.Second, false}, {"a", time.Minute, false},
		{"c", time.Minute, false}, {"b", 61 * time.Second, true}, {"d", 62 * time.Second, false},
		{"c", 63 * time.Second, true}, {"b", 63 * time.Second, false},
	} {
		if got := l.known(step.key, step.at); got != step.known {
			t.Errorf("step %d: %q is known: %v", i, step.key, got)
		}
		if l.trim(step.at); len(l.keys) != len(l.order) || len(l.keys) > 3 {
			t.Errorf("step %d: %d keys are kept, in order %d", i, len(l.keys), len(l.order))
		}
	}
}
