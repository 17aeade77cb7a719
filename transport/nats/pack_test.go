package nats

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

// sending is a node that sends when the test says so, and a connection that sees what it sends
// to those that want a topic.
type sending struct {
	*membership
	tap *nats.Subscription
	see *nats.Conn
}

func newSending(t *testing.T, limit int) *sending {
	t.Helper()
	s := startServer(t)
	a := adapter(t, s, prefix(), "a")
	a.QueueLimit = limit
	m := a.newMembership(picky{newRecorder()})
	t.Cleanup(m.stop)
	m.out.steady = 2 // it has heard of all others
	see := connect(t, s)
	tap, err := see.SubscribeSync(m.subjects.ofTopics())
	if err != nil {
		t.Fatal(err)
	}
	if err := see.Flush(); err != nil {
		t.Fatal(err)
	}
	return &sending{m, tap, see}
}

// take returns what has been sent since.
func (s *sending) take(t *testing.T) (all []*nats.Msg) {
	t.Helper()
	for _, conn := range []*nats.Conn{s.conn, s.see} { // the one's messages are before the other one's PONG
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	n, _, err := s.tap.Pending()
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		m, err := s.tap.NextMsg(patience)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

// What waits on a topic goes out as one message of NATS, up to its bounds, if all nodes
// understand that. What is alone goes as it always has.
func TestWhatHasWaitedGoesTogether(t *testing.T) {
	const few = 10
	words := func(n, size int) (all []packet) {
		for range n {
			all = append(all, packet{topic: "t", data: make([]byte, size)})
		}
		return all
	}
	between := func(p packet) []packet {
		p.topic = "t"
		return slices.Concat(words(2, few), []packet{p}, words(3, few))
	}
	for name, test := range map[string]struct {
		waiting    []packet
		maxPayload int64
		former     bool // there is a node that understands no packs
		want       []int
	}{
		"one":                    {waiting: words(1, few), want: []int{1}},
		"three":                  {waiting: words(3, few), want: []int{3}},
		"two topics":             {waiting: []packet{{topic: "t"}, {topic: "u"}, {topic: "t"}, {topic: "u"}}, want: []int{2, 2}},
		"one to a node between":  {waiting: between(packet{peer: "b"}), want: []int{2, 3}},
		"one to all between":     {waiting: between(packet{wide: true}), want: []int{2, 3}},
		"many bytes":             {waiting: words(3, packBytes/3), want: []int{2, 1}},
		"one of too many bytes":  {waiting: append(words(1, packBytes), words(2, few)...), want: []int{1, 2}},
		"many messages":          {waiting: words(packMessages+1, 0), want: []int{packMessages, 1}},
		"the server takes less":  {waiting: words(4, 200), maxPayload: 1000, want: []int{2, 2}},
		"some do not understand": {waiting: words(3, few), former: true, want: []int{1, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSending(t, 1<<20)
			if test.maxPayload > 0 {
				s.maxPayload = test.maxPayload
			}
			if test.former {
				s.peers.announced("former", announcement{incarnation: 1, version: topicVersion})
			}
			for _, p := range test.waiting {
				if !s.out.queue.put(p) {
					t.Fatal("no room")
				}
			}
			s.out.some()
			var got []int
			for _, m := range s.take(t) {
				f, err := decodeTopic(m.Data, latestVersion)
				if err != nil {
					t.Fatal(err)
				}
				n := int(f.more) + 1
				if got = append(got, n); n > 1 && int64(len(m.Data)) > min(packBytes, s.maxPayload/2) {
					t.Errorf("%d messages have %d bytes", n, len(m.Data))
				}
				if f.kind == topicPack != (n > 1) {
					t.Errorf("%d messages are of kind %d", n, f.kind)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("the messages of NATS have %v, want %v", got, test.want)
			}
			if n, bytes, _ := s.out.queue.look(); n != 0 || bytes != 0 || s.out.topics.published > uint64(len(test.waiting)) {
				t.Errorf("%d messages and %d bytes wait, %d were published", n, bytes, s.out.topics.published)
			}
		})
	}
}

// hearing is a node that hears what the test says.
type hearing struct {
	*membership
	adapter *Adapter
	came    map[string][]string // by topic
	missed  map[string]uint64   // as was told
}

func newHearing(t *testing.T, limit int, topics ...string) *hearing {
	t.Helper()
	a := &Adapter{Conn: new(nats.Conn), Name: "b", QueueLimit: limit}
	m := a.newMembership(picky{newRecorder()})
	t.Cleanup(m.stop)
	for _, topic := range topics {
		m.routes.want(hashOf(topic))
	}
	return &hearing{m, a, make(map[string][]string), make(map[string]uint64)}
}

// hear has a topic's frame come from a node.
func (h *hearing) hear(from, topic string, data []byte) {
	subject := newSubjects(h.adapter.prefix(), from).toTopic(hashOf(topic))
	h.in.accept(&nats.Msg{Subject: subject, Data: data})
}

// receive takes what waits of a topic's part, and tells what is missing, in this order.
func (h *hearing) receive(topic string) {
	q := h.in.queues[shardOf(topic)]
	for _, g := range q.gaps() {
		h.missed[g.Topic] += g.Messages
	}
	for p, ok := q.next(); ok; p, ok = q.next() {
		h.came[p.topic] = append(h.came[p.topic], string(p.data))
	}
}

// Each message of a pack is what it would be alone: in its order, received once, or lost and
// told as that, whether its pack is lost, comes again, or has no room; and nothing is packed
// while there is a node that does not understand it.
func TestPacksAreCountedAsTheirMessages(t *testing.T) {
	topics := []string{"t", "u", "v"}
	for seed := range uint64(long.Rounds(4, 100)) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			from, to := newSending(t, 40), newHearing(t, 30, topics...)
			sent := make(map[string]int)
			put := func(topic string) {
				data := fmt.Sprint(sent[topic]+1, " ", strings.Repeat("x", random.IntN(1000)))
				if from.out.queue.put(packet{topic: topic, data: []byte(data)}) {
					sent[topic]++
				}
			}
			former, packs := false, 0
			var before []*nats.Msg
			step := func(losses float64) {
				from.out.some()
				for _, m := range from.take(t) {
					m.Subject = strings.Replace(m.Subject, from.subjects.prefix, to.subjects.prefix, 1)
					if m.Data[0] == packVersion {
						packs++
						if former {
							t.Fatal("a pack was sent that a node does not understand")
						}
					}
					if random.Float64() >= losses {
						to.in.accept(m)
						before = append(before, m)
					}
				}
				if len(before) > 0 && random.IntN(3) == 0 {
					to.in.accept(before[random.IntN(len(before))]) // again
				}
			}
			for _, topic := range topics { // what comes before the first one is not counted
				put(topic)
			}
			step(0)
			for range 40 {
				for range random.IntN(30) {
					put(topics[random.IntN(len(topics))])
				}
				if random.IntN(10) == 0 {
					former = !former
					version := byte(packVersion)
					if former {
						version = topicVersion
					}
					// It is started anew: no node forgets a version.
					from.peers.announced("former", announcement{incarnation: random.Uint64(), version: version})
				}
				step(0.2)
				if random.IntN(2) == 0 {
					to.receive(topics[random.IntN(len(topics))])
				}
			}
			for over := false; !over; over = from.out.queue.n == 0 {
				step(0.2)
			}
			from.out.announce()
			step(0)
			lost := uint64(0)
			for _, topic := range topics {
				to.receive(topic)
				to.receive(topic) // behind the gaps
			}
			for _, topic := range topics {
				lost += to.missed[topic]
				if got := len(to.came[topic]) + int(to.missed[topic]); got != sent[topic] {
					t.Errorf("of %d on %q %d have come, and %d are said to be missing", sent[topic], topic, len(to.came[topic]), to.missed[topic])
				}
				last := 0
				for _, m := range to.came[topic] {
					var n int
					if _, err := fmt.Sscan(m, &n); err != nil || n <= last || strings.Trim(m[len(fmt.Sprint(n)):], "x") != " " {
						t.Fatalf("%.20q came behind %d: %v", m, last, err)
					}
					last = n
				}
			}
			if got := to.adapter.Traffic(); got.Lost != lost || got.Malformed > 0 {
				t.Errorf("%+v, want %d lost", got, lost)
			}
			if packs == 0 || lost == 0 {
				t.Errorf("%d packs, and %d messages were lost", packs, lost)
			}
		})
	}
}

// A pack with a fault is refused as a whole, and counted. Its numbers are as if it had not come.
func TestMalformedPacksAreRefusedWhole(t *testing.T) {
	good := topicFrame{incarnation: 1, kind: topicPack, number: 1, topic: "t", data: packed("one", "two")}
	with := func(change func(f *topicFrame)) []byte {
		f := good
		change(&f)
		return f.append(nil)
	}
	as := func(version, kind byte) []byte {
		b := good.append(nil)
		b[0], b[1] = version, kind
		return b
	}
	for name, data := range map[string][]byte{
		"no message":           with(func(f *topicFrame) { f.data = nil }),
		"half a message":       with(func(f *topicFrame) { f.data = f.data[:len(f.data)-1] }),
		"no length":            with(func(f *topicFrame) { f.data = append(packed("one"), 0x80) }),
		"too many messages":    with(func(f *topicFrame) { f.data = make([]byte, packMessages+1) }),
		"numbers that run out": with(func(f *topicFrame) { f.number = 1<<64 - 1 }),
		"another topic":        with(func(f *topicFrame) { f.topic = "u" }),
		"a jump":               with(func(f *topicFrame) { f.number = 2 * maxJump }),
		"of the former":        as(topicVersion, topicPack),
		"a message":            as(packVersion, topicMessage),
		"a tally":              as(packVersion, topicTally),
		"another kind":         as(packVersion, topicPack+1),
		"of the next version":  as(packVersion+1, topicPack),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHearing(t, 0, "t")
			h.hear("a", "t", topicFrame{incarnation: 1, base: 0, number: 1, topic: "t", data: []byte("zero")}.append(nil))
			h.hear("a", "t", data)
			h.hear("a", "t", with(func(f *topicFrame) { f.number = 2 }))
			h.receive("t")
			if got, want := h.came["t"], []string{"zero", "one", "two"}; !slices.Equal(got, want) {
				t.Errorf("%q came, want %q", got, want)
			}
			if got := h.adapter.Traffic(); got.Malformed != 1 || got.Lost != 0 || len(h.missed) > 0 {
				t.Errorf("%+v, want 1 malformed; %v is said to be missing", got, h.missed)
			}
		})
	}
}

// Of a pack only what has not come before is received, and what is missing before it is told.
func TestOfAPackOnlyTheNewIsReceived(t *testing.T) {
	h := newHearing(t, 0, "t")
	hear := func(number uint64, messages ...string) []byte {
		data := topicFrame{incarnation: 1, kind: topicPack, base: 7, number: number, topic: "t", data: packed(messages...)}.append(nil)
		h.hear("a", "t", data)
		return data
	}
	hear(1, "1", "2", "3")
	hear(2, "2", "3")
	hear(2, "2", "3", "4", "5")
	data := hear(9, "9", "10", strings.Repeat("11", 20))
	clear(data) // what is small against its pack does not keep that
	for range 2 {
		h.receive("t")
	}
	if got, want := h.came["t"], []string{"1", "2", "3", "4", "5", "9", "10"}; len(got) != 8 || !slices.Equal(got[:7], want) {
		t.Errorf("%q came, want %q", got, want)
	}
	if h.missed["t"] != 3 {
		t.Errorf("%v is said to be missing, want 3", h.missed)
	}
	h.hear("a", "t", topicFrame{incarnation: 1, kind: topicTally, base: 7, number: 12, topic: "t"}.append(nil))
	if h.receive("t"); h.missed["t"] != 4 {
		t.Errorf("%v is said to be missing, want 4", h.missed)
	}
}
