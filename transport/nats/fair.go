package nats

import (
	"sync"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// packet is a message of a topic that waits.
type packet struct {
	topic string
	data  []byte
	peer  string    // to which it goes, or from which it comes; "" if it goes to all
	came  time.Time // if it comes
	wide  bool      // it goes to all, whether they want the topic or not
}

func (p packet) size() int64 { return int64(len(p.topic) + len(p.peer) + len(p.data)) }

// fair holds packets within a bound for their number and one for their bytes, so that a busy
// topic leaves room for quiet ones: a topic may have four times as much waiting as there is
// room left. That is four fifths of it for one busy topic, and four ninths for each of two.
// The topics take turns. Each keeps its order. One goroutine takes.
type fair struct {
	most, mostBytes int64

	mu      sync.Mutex
	n       int64
	waiting int64 // bytes of what is here, or has been taken and is not done yet
	flows   map[string]*flow
	spare   *flow       // one that has nothing, for the next topic; or nil
	turns   fifo[*flow] // the flows that have something
	closed  bool
	held    int64     // bytes of what next returned last
	inHand  time.Time // when what is not done yet has come; zero if there is nothing

	missed   map[string]uint64 // of which nobody has been told, by topic
	anywhere uint64            // likewise, on topics that are not known
	doubt    bool              // something may be missing besides, on any topic, and nobody has been told

	wake chan struct{} // has one when there may be something new
}

// flow is what waits of one topic.
type flow struct {
	packets fifo[packet]
	bytes   int64
}

// share is how many times as much as there is room left one topic may have.
const share = 4

// together reports whether p may share a message of NATS with others of its topic.
func (p packet) together() bool { return p.peer == "" && !p.wide }

// keptPackets is for how many packets at most a flow has room that is kept.
const keptPackets = 1024

// missedTopics is how many topics a fair remembers of which something is missing, and
// missedTopic how many bytes such a one has at most.
const (
	missedTopics = 1024
	missedTopic  = 1024
)

func newFair(packets int, bytes int64) *fair {
	return &fair{
		most: int64(packets), mostBytes: bytes,
		flows: make(map[string]*flow), missed: make(map[string]uint64), wake: make(chan struct{}, 1),
	}
}

// put reports whether there was room. It does not wait.
func (q *fair) put(p packet) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.putLocked(p)
}

// putAll puts one after the other, and returns how many had no room.
func (q *fair) putAll(packets []packet) (refused uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, p := range packets {
		if !q.putLocked(p) {
			refused++
		}
	}
	return refused
}

func (q *fair) putLocked(p packet) bool {
	f := q.flows[p.topic]
	if q.closed || !q.room(f, p.size()) {
		return false
	}
	if f == nil {
		if f = q.spare; f == nil {
			f = new(flow)
		}
		q.spare = nil
		q.flows[p.topic] = f
		q.turns.push(f)
	}
	f.packets.push(p)
	f.bytes += p.size()
	q.n++
	q.waiting += p.size()
	wake(q.wake)
	return true
}

// room reports whether a flow, which is nil if it has nothing, may have a packet more. One
// packet may have more bytes than the limit, if no other one waits: it could never be sent
// otherwise.
func (q *fair) room(f *flow, size int64) bool {
	left, leftBytes := q.most-q.n, q.mostBytes-q.waiting
	switch {
	case left <= 0, q.waiting > 0 && size > leftBytes:
		return false
	case f == nil:
		return true
	}
	// Not share*left, which runs over with a bound that is meant to be none.
	return int64(f.packets.len())/share < left && (f.bytes+size+share-1)/share <= leftBytes
}

// miss notes that messages are missing: on the topic, or on those that are not known.
func (q *fair) miss(topic string, known bool, messages uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	_, noted := q.missed[topic]
	if known && (noted || len(q.missed) < missedTopics && len(topic) <= missedTopic) {
		q.missed[topic] += messages
	} else {
		q.anywhere += messages
	}
	wake(q.wake)
}

// suspect notes that something may be missing, on any topic.
func (q *fair) suspect() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.doubt = true
	wake(q.wake)
}

// gaps returns what is missing and was not told yet.
func (q *fair) gaps() (gaps []pubsub.Gap) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.anywhere > 0 || q.doubt {
		gaps = append(gaps, pubsub.Gap{Anywhere: true, Messages: q.anywhere})
		q.anywhere, q.doubt = 0, false
	}
	for topic, n := range q.missed {
		gaps = append(gaps, pubsub.Gap{Topic: topic, Messages: n})
	}
	clear(q.missed)
	return gaps
}

// pop returns the next packet of the topic whose turn it is, if there is one.
func (q *fair) pop() (packet, bool) {
	if q.turns.len() == 0 {
		return packet{}, false
	}
	f := q.turns.pop()
	p := q.popOf(f)
	q.endTurn(f, p)
	return p, true
}

// popOf takes the next packet of a flow. It is held from then on.
func (q *fair) popOf(f *flow) packet {
	p := f.packets.pop()
	f.bytes -= p.size()
	q.n--
	q.held += p.size()
	return p
}

// endTurn is the end of a flow's turn, in which p was taken.
func (q *fair) endTurn(f *flow, p packet) {
	if f.packets.len() > 0 {
		q.turns.push(f)
	} else {
		delete(q.flows, p.topic)
		if cap(f.packets.items) <= keptPackets {
			q.spare = f // it is as new, but for its room
		}
	}
	q.inHand = p.came
}

// next is done with the packet that it returned last, and returns the next one: of the topic
// whose turn it is. While something is missing that nobody has been told of it returns none:
// gaps comes first then.
func (q *fair) next() (packet, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finishLocked()
	if q.anywhere > 0 || q.doubt || len(q.missed) > 0 {
		wake(q.wake)
		return packet{}, false
	}
	return q.pop()
}

// nextFew is done with the packets that it returned last, and appends the next one to few; and
// of those behind it on its topic as many as may share a message of NATS with it that has no
// more than room bytes. Nothing is waited for: there are several only if they have waited
// themselves.
func (q *fair) nextFew(few []packet, room int64) []packet {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finishLocked()
	if q.turns.len() == 0 {
		return few
	}
	f := q.turns.pop()
	p := q.popOf(f)
	few = append(few, p)
	room -= frameRoom + int64(len(p.topic)+len(p.data)+packRoom)
	for p.together() && f.packets.len() > 0 && len(few) < packMessages {
		next := f.packets.first()
		if room -= int64(len(next.data) + packRoom); room < 0 || !next.together() {
			break
		}
		few = append(few, q.popOf(f))
	}
	q.endTurn(f, p)
	return few
}

// finish is done with what next returned last.
func (q *fair) finish() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.finishLocked()
}

func (q *fair) finishLocked() {
	q.waiting -= q.held
	q.held, q.inHand = 0, time.Time{}
}

// close has nothing be put any more.
func (q *fair) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	wake(q.wake)
}

// over reports whether nothing is left, and nothing will come.
func (q *fair) over() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed && q.n == 0
}

// look returns how much waits, and when what is in hand has come.
func (q *fair) look() (packets int, bytes int64, inHand time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return int(q.n), q.waiting, q.inHand
}

// fifo is a list that grows at its end and shrinks at its beginning.
type fifo[T any] struct {
	items []T
	head  int // of what has not been taken
}

func (l *fifo[T]) len() int { return len(l.items) - l.head }

func (l *fifo[T]) push(v T) {
	if l.head > 0 && len(l.items) == cap(l.items) && l.head >= len(l.items)/2 {
		n := copy(l.items, l.items[l.head:])
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	l.items = append(l.items, v)
}

// first returns the first one, which there must be.
func (l *fifo[T]) first() T { return l.items[l.head] }

// pop takes the first one, which there must be.
func (l *fifo[T]) pop() T {
	var none T
	v := l.items[l.head]
	l.items[l.head] = none
	if l.head++; l.head == len(l.items) {
		l.items, l.head = l.items[:0], 0
	}
	return v
}
