package ws

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// pollModel is a client that polls as the official one does, over a network that
// loses what it likes, and the server's side of it.
type pollModel struct {
	box  outbox
	at   uint64 // the last answer that the client has got
	next byte   // message to be put
	got  []byte // messages that the client has
}

// text is a frame, two bytes longer.
func text(payload ...byte) frame.Sealed {
	return frame.Seal(append(frame.Buffer(0), payload...), false)
}

func (m *pollModel) put() {
	m.next++
	m.box.put([]frame.Sealed{text(m.next)}, 1<<10)
}

// poll polls. The answer cannot be written, or is written and lost, or comes.
func (m *pollModel) poll(failed, lost bool) {
	m.box.acknowledge(m.at)
	frames := m.box.next()
	m.box.failed = failed
	if failed || lost || len(frames) == 0 {
		return
	}
	for _, f := range frames {
		m.got = append(m.got, f.Payload()[0])
	}
	m.at = m.box.answer
}

func (m *pollModel) check(t *testing.T, all bool) {
	t.Helper()
	for i, n := range m.got {
		if int(n) != i+1 {
			t.Fatalf("message %d is %d", i+1, n)
		}
	}
	if all && len(m.got) != int(m.next) {
		t.Fatalf("%d messages of %d", len(m.got), m.next)
	}
}

// A client that polls with the token of the last answer that it has got hears
// everything once, in order, whatever the network loses.
func TestMessagesOfLostAnswersComeAgain(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 0))
		m := &pollModel{}
		m.put()
		m.poll(random.IntN(2) == 0, false) // the first answer may fail, but is not lost after that
		for range 50 {
			if random.IntN(2) == 0 {
				m.put()
			} else {
				m.poll(random.IntN(4) == 0, m.at > 0 && random.IntN(4) == 0)
			}
			m.check(t, false)
		}
		m.poll(false, false)
		m.poll(false, false)
		m.check(t, true)
		if m.poll(false, false); !m.box.empty() {
			t.Fatalf("seed %d: something is kept", seed)
		}
	}
}

// A client that sticks to its first token hears everything once that could be
// written.
func TestPollsThatNameNoAnswer(t *testing.T) {
	var o outbox
	for i, poll := range []struct {
		put    string
		failed bool
		want   string
	}{
		{"ab", false, "ab"},
		{"c", true, "c"},
		{"d", false, "c"}, // again, as it was
		{"", false, "d"},
		{"", false, ""},
		{"", true, ""},
		{"e", false, "e"},
	} {
		for _, c := range []byte(poll.put) {
			o.put([]frame.Sealed{text(c)}, 10)
		}
		o.acknowledge(0)
		var got []byte
		for _, f := range o.next() {
			got = append(got, f.Payload()...)
		}
		if o.failed = poll.failed; string(got) != poll.want {
			t.Errorf("poll %d: %q, want %q", i, got, poll.want)
		}
	}
}

// What waits is bounded, and so is what is in an answer that never arrives.
func TestOutboxIsBounded(t *testing.T) {
	var o outbox
	taken := 0
	for range 100 {
		for o.put([]frame.Sealed{text(make([]byte, 8)...)}, 100) {
			taken++
		}
		o.acknowledge(1) // of an answer long ago
		o.next()
	}
	if kept := len(o.sent) + len(o.waiting); taken != 30 || kept != 20 {
		t.Errorf("%d messages taken, %d kept, want 30 and, after the first answer, 20", taken, kept)
	}
}

// Of messages that are sent together all wait for the client, or none does.
func TestWhatIsSentTogetherWaitsTogether(t *testing.T) {
	e := started(t, nil, 0)
	socket := e.mounts[0]
	socket.MaxQueue, socket.Overflow = 130, DropNewest
	seat, _ := e.admit(&socket, peer{})
	defer seat.leave()
	p := newPoller(seat, &socket, uuid.New())
	defer p.end()
	pair := frame.Sealed{}.With(text(make([]byte, 38)...), text(make([]byte, 38)...)) // of 80 bytes
	p.send(pair)
	p.send(pair)
	p.send(text(make([]byte, 18)...))
	if stats := e.Stats(); len(p.box.waiting) != 3 || p.box.bytes != 100 || stats.QueueBytes != 100 || stats.MessagesOut != 3 || stats.Dropped != 2 {
		t.Errorf("%d messages wait, of %d bytes; %+v", len(p.box.waiting), p.box.bytes, stats)
	}
	e.queued.Add(int64(-p.box.bytes))
}
