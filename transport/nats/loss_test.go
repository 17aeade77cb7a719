package nats

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// What is sent is received, refused or counted as lost, whichever way it is lost; and those
// that want to know are told as much.
func TestNothingIsLostUnseen(t *testing.T) {
	s, cluster := startServer(t), prefix()
	wire := new(wire)
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b", nats.SetCustomDialer(wire))
	a.QueueLimit, b.QueueLimit = 100, 20
	enter(t, a)
	inB := newRecorder()
	var slow atomic.Bool
	release := make(chan struct{})
	inB.hold = func(string) {
		if slow.Load() {
			<-release
		}
	}
	enterAs(t, b, inB)
	inB.event(t, "they know each other", member("a", Up, false))
	const senders, each, first = 4, 2000, 2
	for _, topic := range []string{"topic 0", "topic 1"} {
		// What a sends to b alone is counted from the first of it that b hears of.
		if err := errors.Join(a.Broadcast(topic, nil), a.Send("b", topic, nil)); err != nil {
			t.Fatal(err)
		}
		inB.until(t, "it has heard of them", func() bool { return inB.received[topic] == first })
	}
	slow.Store(true)
	var refused [2]int
	var mu sync.Mutex
	var sending sync.WaitGroup
	for g := range senders {
		sending.Go(func() {
			topic := fmt.Sprint("topic ", g%2)
			for i := range each {
				send := a.Broadcast
				if i%3 == 0 {
					send = func(topic string, data []byte) error { return a.Send("b", topic, data) }
				}
				if i == each/2 && g == 0 { // and the connection is lost meanwhile
					wire.cut()
					wire.mend()
				}
				if err := send(topic, []byte("x")); errors.Is(err, pubsub.ErrOverloaded) {
					mu.Lock()
					refused[g%2]++
					mu.Unlock()
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	sending.Wait()
	for b.Traffic().Lost == 0 { // more has come, or not come, than there is room for
		if err := a.Conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	close(release)
	sum := func() (n int) {
		return inB.received["topic 0"] + inB.received["topic 1"] - 2*first + refused[0] + refused[1]
	}
	inB.until(t, "all is accounted for", func() bool { return sum()+int(b.Traffic().Lost) == senders*each })
	told := uint64(0)
	inB.until(t, "all is told", func() bool {
		told = 0
		for _, g := range inB.gaps {
			told += g.Messages
		}
		return told == b.Traffic().Lost
	})
	inB.event(t, "and is an event", func(e actor.Event) bool {
		m, ok := e.(pubsub.MessagesLost)
		return ok && m.Node == "b" && m.Messages > 0
	})
}

// A busy topic takes no room from a quiet one of the same part.
func TestQuietTopicDoesNotPayForABusyOne(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b")
	b.QueueLimit = 50
	busy, quiet := "busy", ""
	for i := 0; quiet == ""; i++ {
		if name := fmt.Sprint("quiet ", i); shardOf(name) == shardOf(busy) {
			quiet = name
		}
	}
	inB := newRecorder()
	began, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	inB.hold = func(topic string) {
		if topic == busy {
			once.Do(func() { close(began) })
			<-release
		}
	}
	enter(t, a)
	enterAs(t, b, inB)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(a.Broadcast(busy, nil))
	await(t, began)
	const noise, words = 500, 8
	for i := range noise {
		for errors.Is(a.Broadcast(busy, nil), pubsub.ErrOverloaded) {
			must(a.Conn.Flush())
		}
		if i%(noise/words) == noise/words-1 {
			must(a.Broadcast(quiet, nil))
		}
	}
	for b.Traffic().Lost < noise/2 {
		must(b.Conn.Flush())
	}
	close(release)
	inB.until(t, "the quiet one has all", func() bool { return inB.received[quiet] == words })
	inB.mu.Lock() // of the busy one more may be missing yet
	defer inB.mu.Unlock()
	for _, g := range inB.gaps {
		if g.Anywhere || g.Topic != busy {
			t.Errorf("gap %+v", g)
		}
	}
}

// A topic's packets stay in order, and many topics take turns within the bounds.
func TestFairQueue(t *testing.T) {
	q := newFair(50, 1000)
	for i := range 100 {
		for topic := range 3 {
			q.put(packet{topic: fmt.Sprint(topic), data: []byte{byte(i)}})
		}
	}
	if !q.put(packet{topic: "new"}) {
		t.Error("no room for a new topic")
	}
	next := map[string]byte{}
	taken := 0
	for p, ok := q.next(); ok; p, ok = q.next() {
		if taken++; p.topic == "new" {
			if taken > 4 {
				t.Errorf("the new topic was number %d", taken)
			}
			continue
		}
		if p.data[0] != next[p.topic] {
			t.Errorf("packet %d of %q, want %d", p.data[0], p.topic, next[p.topic])
		}
		next[p.topic]++
	}
	n, bytes, _ := q.look()
	if taken < 40 || taken > 50 || n != 0 || bytes != 0 || len(q.flows) != 0 {
		t.Errorf("%d taken, %d and %d bytes left in %d flows", taken, n, bytes, len(q.flows))
	}
	for i := range missedTopics + 5 {
		q.miss(fmt.Sprint(i), true, 2)
	}
	gaps := q.gaps()
	if len(gaps) != missedTopics+1 || gaps[0] != (pubsub.Gap{Anywhere: true, Messages: 10}) || len(q.gaps()) != 0 {
		t.Errorf("%d gaps, the first one is %+v", len(gaps), gaps[0])
	}
	q.close()
	if q.put(packet{}) || !q.over() {
		t.Error("a closed queue is not over")
	}
}

// Bounds that are meant to be none are none.
func TestFairQueueWithoutBounds(t *testing.T) {
	q := newFair(math.MaxInt, math.MaxInt64)
	for i := range 3 {
		if !q.put(packet{topic: "t", data: make([]byte, 100)}) {
			t.Fatalf("no room for packet %d", i)
		}
	}
}

// What is remembered of a topic that something is missing on has a bound in bytes.
func TestLongTopicsAreNotRemembered(t *testing.T) {
	q := newFair(1, 1)
	q.miss(strings.Repeat("x", missedTopic+1), true, 1)
	q.miss("t", true, 1)
	gaps := q.gaps()
	if len(gaps) != 2 || gaps[0] != (pubsub.Gap{Anywhere: true, Messages: 1}) || gaps[1] != (pubsub.Gap{Topic: "t", Messages: 1}) {
		t.Errorf("gaps %+v", gaps)
	}
}
