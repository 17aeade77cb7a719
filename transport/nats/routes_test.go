package nats

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
)

var _ pubsub.Router = (*Adapter)(nil)

// picky is a recorder of a node that wants what it follows.
type picky struct{ *recorder }

func (picky) Selective() {}

// enterPicky has an adapter join for what it follows, until the test ends.
func enterPicky(t *testing.T, a *Adapter) *recorder {
	t.Helper()
	in := newRecorder()
	if err := a.Join(picky{in}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return in
}

// follow follows a topic, and waits until that is known.
func follow(t *testing.T, a *Adapter, topic string) {
	t.Helper()
	if known := a.Follow(topic); known != nil {
		await(t, known)
	}
}

// awaitSent waits until the server has passed on what a node was given to send.
func awaitSent(t *testing.T, a *Adapter) {
	t.Helper()
	for waiting := true; waiting; {
		_, bytes, _ := a.now.out.queue.look()
		waiting = bytes > 0
		if err := a.Conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}

// choosy waits until what a node publishes does not go to another one that does not want it.
func choosy(t *testing.T, from, to *Adapter, in *recorder) {
	t.Helper()
	const topic = "unwanted probe"
	for round, came := 1, 0; ; round++ {
		if err := from.Publish(topic, nil); err != nil {
			t.Fatal(err)
		}
		fence := fmt.Sprint("behind ", round)
		if err := from.Send(to.Name, topic, []byte(fence)); err != nil {
			t.Fatal(err)
		}
		in.until(t, "what was sent behind it comes", func() bool { return slices.Contains(in.data[topic], fence) })
		n := in.count(topic)
		if n == came+1 {
			return
		}
		came = n
	}
}

// A topic that nobody on a node wants costs it nothing: not a byte comes there.
func TestUnwantedTopicCostsNothing(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b")
	a.times.beat, a.times.down = 50*time.Millisecond, patience // its beats are all that comes
	enterPicky(t, a)
	in := enterPicky(t, b)
	choosy(t, a, b, in)
	const size, messages = 100_000, 50
	came := func(topic string) uint64 {
		t.Helper()
		before := b.Conn.Stats().InBytes
		for range messages {
			for errors.Is(a.Publish(topic, make([]byte, size)), pubsub.ErrOverloaded) {
				if err := a.Conn.Flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := a.Send("b", topic, []byte("behind")); err != nil {
			t.Fatal(err)
		}
		in.until(t, "it has come", func() bool { return in.received[topic] > 0 && in.last == "behind" })
		return b.Conn.Stats().InBytes - before
	}
	if n := came("unwanted"); n >= size { // there are beats
		t.Errorf("%d bytes came", n)
	}
	if n := in.count("unwanted"); n != 1 {
		t.Errorf("%d messages came, want the direct one", n)
	}
	follow(t, b, "wanted")
	if n := came("wanted"); n < size*messages {
		t.Errorf("of a topic that is wanted %d bytes came", n)
	}
}

// Topics come and go in any number, each heard from when its Follow is known; they share round
// trips, and leave nothing behind.
func TestTopicsComeAndGo(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b")
	b.TopicLimit = 1 << 20
	enterPicky(t, a)
	in := enterPicky(t, b)
	choosy(t, a, b, in)
	before := s.NumSubscriptions()
	n := long.Rounds(500, 5000)
	flushes := 0
	var last <-chan struct{}
	for i := range n {
		if known := b.Follow(fmt.Sprint("topic ", i)); known != last {
			last = known
			flushes++
		}
	}
	if last != nil {
		await(t, last)
	}
	t.Logf("%d topics were told in %d batches", n, flushes)
	for i := range 10 {
		topic := fmt.Sprint("topic ", i*n/10)
		if err := a.Publish(topic, nil); err != nil {
			t.Fatal(err)
		}
		in.until(t, "it is heard", func() bool { return in.received[topic] == 1 })
	}
	for i := range n {
		b.Unfollow(fmt.Sprint("topic ", i))
	}
	beat := time.NewTicker(quick.beat)
	defer beat.Stop()
	for limit := time.Now().Add(patience); s.NumSubscriptions() > before; <-beat.C {
		if time.Now().After(limit) {
			t.Fatalf("%d subscriptions are left of %d", s.NumSubscriptions()-before, n)
		}
	}
	b.now.routes.mu.Lock()
	defer b.now.routes.mu.Unlock()
	if len(b.now.routes.list) > 0 || len(b.follows.counts) > 0 {
		t.Errorf("%d topics are left, %d are followed", len(b.now.routes.list), len(b.follows.counts))
	}
}

// A node that wants more topics than it may have subscriptions takes all, and fewer again
// later. Nothing is lost meanwhile, nothing comes twice, and all is in order.
func TestTooManyTopicsAreAllTopics(t *testing.T) {
	s, cluster := startServer(t), prefix()
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b")
	const limit, many = 8, 30
	b.TopicLimit = limit
	enterPicky(t, a)
	in := enterPicky(t, b)
	choosy(t, a, b, in)
	before := s.NumSubscriptions()
	follow(t, b, "always")
	sent := 0
	publish := func() {
		t.Helper()
		sent++
		if err := a.Publish("always", []byte(fmt.Sprint(sent))); err != nil {
			t.Fatal(err)
		}
	}
	blind := func() bool {
		b.now.routes.mu.Lock()
		defer b.now.routes.mu.Unlock()
		return b.now.routes.blind
	}
	for range 3 {
		for i := range many {
			publish()
			follow(t, b, fmt.Sprint("topic ", i))
		}
		for !blind() {
			publish()
			in.until(t, "it comes", func() bool { return in.last == fmt.Sprint(sent) })
		}
		for i := range many {
			topic := fmt.Sprint("topic ", i)
			n := in.count(topic)
			if err := a.Publish(topic, nil); err != nil {
				t.Fatal(err)
			}
			in.until(t, "each is heard", func() bool { return in.received[topic] == n+1 })
		}
		publish()
		for i := range many {
			publish()
			b.Unfollow(fmt.Sprint("topic ", i))
		}
		for blind() {
			publish()
			in.until(t, "it comes", func() bool { return in.last == fmt.Sprint(sent) })
		}
	}
	in.until(t, "all have come", func() bool { return in.received["always"] >= sent })
	in.mu.Lock()
	defer in.mu.Unlock()
	if got := in.data["always"]; len(got) != sent {
		t.Errorf("%d messages came of %d", len(got), sent)
	}
	for i, got := range in.data["always"] {
		if got != fmt.Sprint(i+1) {
			t.Fatalf("message %d is %q", i+1, got)
		}
	}
	if lost := b.Traffic().Lost; lost > 0 {
		t.Errorf("%d are said to be lost", lost)
	}
	if n := s.NumSubscriptions(); n > before+limit+2 {
		t.Errorf("%d subscriptions, %d before", n, before)
	}
}

// A node that is away waits for nothing, and hears of its new topics when it is back.
func TestFollowWhileAway(t *testing.T) {
	s, cluster := startServer(t), prefix()
	wire := new(wire)
	a, b := adapter(t, s, cluster, "a"), adapter(t, s, cluster, "b", nats.SetCustomDialer(wire))
	enterPicky(t, a)
	in := enterPicky(t, b)
	choosy(t, a, b, in)
	follow(t, b, "old")
	if err := a.Publish("old", nil); err != nil {
		t.Fatal(err)
	}
	in.until(t, "it is heard", func() bool { return in.received["old"] == 1 })
	wire.cut()
	in.event(t, "it knows", inState(Away))
	if b.Follow("new") != nil {
		t.Error("there is something to wait for")
	}
	if err := a.Publish("old", nil); err != nil {
		t.Fatal(err)
	}
	awaitSent(t, a)
	wire.mend()
	in.event(t, "it knows", inState(Connected))
	in.until(t, "what was missed is known", func() bool { return len(in.gaps) > 1 })
	in.mu.Lock()
	slices.SortFunc(in.gaps, func(a, b pubsub.Gap) int { return strings.Compare(a.Topic, b.Topic) })
	if want := []pubsub.Gap{{Anywhere: true}, {Topic: "old", Messages: 1}}; !slices.Equal(in.gaps, want) {
		t.Errorf("gaps %+v, want %+v", in.gaps, want)
	}
	in.mu.Unlock()
	follow(t, b, "new")
	if err := b.Conn.Flush(); err != nil { // the server knows of all
		t.Fatal(err)
	}
	if err := a.Publish("new", nil); err != nil {
		t.Fatal(err)
	}
	in.until(t, "the new one is heard", func() bool { return in.received["new"] == 1 })
}

// In a rolling upgrade all nodes hear each other. A node of this version speaks as the former
// one while there is one of that. What is on its way when the last of them has gone stays in
// order, and nothing is lost or comes twice.
func TestRollingUpgrade(t *testing.T) {
	for _, version := range []byte{frameVersion, topicVersion} {
		t.Run(fmt.Sprint("from version ", version), func(t *testing.T) { upgradeFrom(t, version) })
	}
}

func upgradeFrom(t *testing.T, version byte) {
	s, cluster := startServer(t), prefix()
	former := func(name string) *Adapter {
		a := adapter(t, s, cluster, name)
		a.version = version
		return a
	}
	all := []*Adapter{former("a"), former("b"), former("c")}
	in := make([]*recorder, len(all))
	for i, a := range all {
		in[i] = enterPicky(t, a)
		follow(t, a, "t")
	}
	sent := make([]int, len(all))
	talk := func() {
		t.Helper()
		for i, from := range all {
			for range 3 { // so that there may be something to pack
				sent[i]++
				if err := from.Publish("t", fmt.Appendf(nil, "%s %d", from.Name, sent[i])); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	heard := func() {
		t.Helper()
		for i, to := range all {
			for j, from := range all {
				if i != j {
					want := fmt.Sprint(from.Name, " ", sent[j])
					in[i].until(t, to.Name+" hears "+want, func() bool { return slices.Contains(in[i].data["t"], want) })
				}
			}
		}
	}
	meet := func() {
		t.Helper()
		for i := range all {
			in[i].until(t, "all know each other", func() bool {
				n := 0
				for _, m := range all[i].Members() {
					if m.State == Up {
						n++
					}
				}
				return n == len(all)-1
			})
		}
	}
	meet()
	for i := range all {
		talk()
		heard()
		if got := all[i].Traffic(); got.Lost > 0 || got.Malformed > 0 {
			t.Errorf("%s, as it was before: %+v", all[i].Name, got)
		}
		if err := all[i].Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		all[i] = adapter(t, s, cluster, all[i].Name)
		in[i] = enterPicky(t, all[i])
		follow(t, all[i], "t")
		for _, r := range in {
			r.note(func() { r.data["t"] = nil })
		}
		meet()
		for range 20 {
			talk()
			heard()
		}
		for k, a := range all {
			if want := i < len(all)-1; want != !a.now.peers.understand(int(version)+1) && k <= i && len(all)-1-i > 0 {
				t.Errorf("%s takes %d others for former ones", a.Name, a.now.peers.former[version+1].Load())
			}
		}
	}
	choosy(t, all[0], all[1], in[1])
	talk()
	heard()
	for i, r := range in {
		r.mu.Lock()
		seen := map[string]int{}
		for _, m := range r.data["t"] {
			var name string
			var n int
			if _, err := fmt.Sscan(m, &name, &n); err != nil {
				t.Fatal(err)
			}
			if last := seen[name]; last > 0 && n != last+1 {
				t.Errorf("%s: %d of %s came behind %d", all[i].Name, n, name, last)
			}
			seen[name] = n
		}
		r.mu.Unlock()
		if got := all[i].Traffic(); got.Lost > 0 || got.Malformed > 0 {
			t.Errorf("%s: %+v", all[i].Name, got)
		}
		awaitVersions(t, all[i])
	}
}

// awaitVersions waits until a node knows that no other one is of a former version, as each says
// before its beats.
func awaitVersions(t *testing.T, a *Adapter) {
	t.Helper()
	beat := time.NewTicker(quick.beat)
	defer beat.Stop()
	former := func(m Member) bool { return m.Version != latestVersion }
	for limit := time.Now().Add(patience); slices.ContainsFunc(a.Members(), former); <-beat.C {
		if time.Now().After(limit) {
			t.Fatalf("%s knows of %+v", a.Name, a.Members())
		}
	}
}

// What the former version sends and reads does not change: nodes of it may be there.
func TestFormerVersionStaysAsItIs(t *testing.T) {
	for want, got := range map[string][]byte{
		"02000000000000000102057461696c73" + "64617461":                           frame{1, 2, "tails", []byte("data")}.append(nil),
		"020000000000000001" + "01" + "05" + hex.EncodeToString(make([]byte, 31)): beat{incarnation: 1, kind: beatHello, sent: numbers{5}}.encode(),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("it is %x, want %s", got, want)
		}
	}
}

// A frame of a version that is not known is counted and refused, whatever it is.
func TestUnknownVersionsAreCountedAndRefused(t *testing.T) {
	s := startServer(t)
	a := adapter(t, s, prefix(), "a")
	in := enterPicky(t, a)
	follow(t, a, "t")
	subjects := newSubjects(a.prefix(), "b")
	good := topicFrame{incarnation: 1, number: 1, topic: "t"}.append(nil)
	sent := uint64(0)
	for subject, data := range map[string][]byte{
		subjects.toTopic(hashOf("t")):  good,
		subjects.toNodes():             announcement{1, topicVersion, 1}.encode(),
		subjects.all[shardOf("t")]:     frame{incarnation: 1, topic: "t"}.append(nil),
		subjects.toAll(partBeat):       beat{incarnation: 1}.encode(),
		subjects.toNode("a", partBeat): beat{incarnation: 1}.encode(),
		subjects.toNode("a", partAsk):  appendHead(nil, 1),
	} {
		for _, version := range []byte{0, 4, 9, 255} {
			other := slices.Clone(data)
			other[0] = version
			sent++
			if err := a.Conn.Publish(subject, other); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := a.Conn.Publish(subjects.toTopic(hashOf("t")), good); err != nil {
		t.Fatal(err)
	}
	in.until(t, "the good one comes", func() bool { return in.received["t"] == 1 })
	if got := a.Traffic().Malformed; got != sent {
		t.Errorf("%d were counted of %d", got, sent)
	}
}

// The numbers of a topic begin anew when it was quiet for a while, and tell all the same what
// is missing.
func TestNumbersOfATopicBeginAnew(t *testing.T) {
	n, subjects := newNumbering(defaultTimes), newSubjects("p", "a")
	since := time.Now()
	r := &route{since: since}
	known := mark{published: 0, before: since.Add(1)}
	take := func(kind byte, wantLacking uint64, wantFresh bool, l *line) {
		t.Helper()
		lacking, fresh, err := r.arrived("b", topicFrame{incarnation: 1, kind: kind, base: l.base, number: l.number}, known)
		if lacking != wantLacking || fresh > 0 != wantFresh || err != nil {
			t.Errorf("number %d of %d: %d lacking, new: %d, %v; want %d, %v", l.number, l.base, lacking, fresh, err, wantLacking, wantFresh)
		}
	}
	n.next("t", subjects)
	take(topicMessage, 1, true, n.next("t", subjects)) // the first one was lost
	n.next("u", subjects)
	n.next("t", subjects)
	take(topicMessage, 1, true, n.next("t", subjects))
	take(topicTally, 0, false, n.recent[hashOf("t")])
	for range 2 * defaultTimes.lines {
		n.tell(func(*line) {})
	}
	if len(n.recent)+len(n.older)+len(n.untold) > 0 {
		t.Errorf("%d, %d and %d lines are kept", len(n.recent), len(n.older), len(n.untold))
	}
	l := n.next("t", subjects)
	if l.base != 5 || l.number != 1 {
		t.Errorf("number %d of %d, want 1 of 5", l.number, l.base)
	}
	take(topicTally, 1, true, l) // the message was lost
	take(topicTally, 0, false, l)
	for range maxLines + 10 {
		n.next(fmt.Sprint(n.published), subjects)
	}
	if len(n.recent) > maxLines || len(n.older) > maxLines {
		t.Errorf("%d and %d lines", len(n.recent), len(n.older))
	}
	if lacking, _, err := r.arrived("b", topicFrame{incarnation: 1, base: 10, number: 2 * maxJump}, known); err == nil {
		t.Errorf("%d are said to be lacking", lacking)
	}
}

// The incarnation is in the frame, where anybody can write another node's. Only the name in the
// subject says whose numbers they are.
func TestNoNodeCanSpendTheNumbersOfAnother(t *testing.T) {
	a := &Adapter{Conn: new(nats.Conn), Name: "a", QueueLimit: 1 << 20}
	m := a.newMembership(picky{newRecorder()})
	defer m.stop()
	h := hashOf("topic")
	m.routes.want(h)
	send := func(from string, incarnation, base, number uint64, kind byte) {
		m.in.accept(&nats.Msg{
			Subject: m.subjects.prefix + ".on." + h.token() + "." + subjectToken(from),
			Data:    topicFrame{incarnation, kind, base, number, "topic", packed(from), 0}.append(nil),
		})
	}
	const b = 7 // its incarnation
	send("b", b, 0, 1, topicMessage)
	for _, kind := range []byte{topicMessage, topicTally, topicPack} {
		send("mallory", b, 1<<40, 1, kind)
	}
	for n := range uint64(2 * maxSenders) { // nor has it the others' numbers forgotten
		send("mallory", n+b+1, 0, 1, topicMessage)
	}
	send("b", b, 0, 1, topicMessage) // again
	send("b", b, 0, 3, topicMessage) // one is missing
	var got int
	q := m.in.queues[shardOf("topic")]
	q.gaps() // goes before the rest
	for p, ok := q.next(); ok; p, ok = q.next() {
		if p.peer == "b" {
			got++
		}
	}
	if got != 2 {
		t.Errorf("%d messages have come, want 2", got)
	}
	for _, p := range m.peers.members() {
		if p.Name == "b" && p.Lost != 1 {
			t.Errorf("%d are said to be lost, want 1", p.Lost)
		}
	}
}

// What is followed and not, by many at once and from one membership to the next, is what the
// server sends.
func TestFollowsAreCounted(t *testing.T) {
	s := startServer(t)
	a := adapter(t, s, prefix(), "a")
	if err := a.Join(picky{newRecorder()}); err != nil {
		t.Fatal(err)
	}
	const topics = 20
	var busy sync.WaitGroup
	for g := range 4 {
		busy.Go(func() {
			for i := range long.Rounds(200, 2000) {
				topic := fmt.Sprint(i * (g + 1) % topics)
				if g%2 == 0 { // in either order
					a.Follow(topic)
					a.Unfollow(topic)
				} else {
					a.Unfollow(topic)
					a.Follow(topic)
				}
			}
			a.Follow(fmt.Sprint(g))
		})
	}
	busy.Wait()
	for range 2 {
		for i := range topics {
			if got := a.now.routes.wants(hashOf(fmt.Sprint(i))); got != (i < 4) {
				t.Errorf("topic %d is wanted: %v", i, got)
			}
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		enterPicky(t, a)
	}
}
