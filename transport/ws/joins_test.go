package ws

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

var (
	joinsSeed = flag.Uint64("joins.seed", 1, "first seed of the test of joins against their model")
	joinsTime = flag.Duration("joins.time", 0, "how long the test of joins goes on with further seeds; 0 for 20 of them, or 100 with TROUPE_LONG=1")
)

// joinsSteps is how much happens with a seed.
const joinsSteps = 500

// JOIN-8, JOIN-10, JOIN-11, MSG-3, MSG-9: whatever a client sends, in whatever order its
// channels let it in, refuse it and end, each message is dealt with once, and as the
// model says, which keeps one queue for a topic and knows no doors.
//
// What happens depends on the seed alone. To repeat a failure run its subtest with its
// seed: -run 'JoinsAgree/seed=7$' -joins.seed=7.
func TestJoinsAgreeWithTheirModel(t *testing.T) {
	verdicts, notices := map[verdict]int{}, map[notice]int{}
	start := time.Now()
	for seed := *joinsSeed; ; seed++ {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			r := newJoinsRun(seed)
			for range joinsSteps {
				r.step()
				r.check(t)
			}
			r.endAll(t)
			for v, n := range r.machine.verdicts {
				verdicts[v] += n
			}
			for v, n := range r.machine.notices {
				notices[v] += n
			}
		})
		switch {
		case t.Failed():
			return
		case seed-*joinsSeed+1 < uint64(long.Rounds(20, 100)) || time.Since(start) < *joinsTime:
			continue
		}
		break
	}
	for v := toChannel; v <= refused; v++ {
		if verdicts[v] == 0 {
			t.Errorf("verdict %d has never been given", v)
		}
	}
	for n := noNotice; n <= channelError; n++ {
		if notices[n] == 0 {
			t.Errorf("notice %d has never been given", n)
		}
	}
}

// joinsRun has the same happen to the machine and to the model, which both write down what
// they do about it.
type joinsRun struct {
	rand    *rand.Rand
	now     time.Duration
	machine joinsDriver
	model   joinsModel
	sent    int64 // messages so far; a message weighs its number, which so identifies it
	refs    int   // of joins
	tail    []string
}

func newJoinsRun(seed uint64) *joinsRun {
	r := &joinsRun{rand: rand.New(rand.NewPCG(seed, 13))}
	socket := &Socket{MaxChannels: 1 + r.rand.IntN(3), MaxJoinRate: r.rand.IntN(3)} // a rate of 0 is no limit
	fails := func(n int) bool { return (uint64(n)+seed)%23 == 0 }
	r.machine = joinsDriver{socket: socket, fails: fails, now: &r.now, channels: map[int]*joined{}, armed: map[int]bool{},
		verdicts: map[verdict]int{}, notices: map[notice]int{}}
	r.model = joinsModel{socket: socket, fails: fails, now: &r.now, topics: map[string]*topicModel{}}
	return r
}

// step has one thing happen.
func (r *joinsRun) step() {
	channels := r.model.running()
	switch what := r.rand.IntN(100); {
	case what < 60 || len(channels) == 0:
		r.send(r.message())
	case what < 80: // a Join lets the client in, if it does not do so for the second time
		if c := channels[r.rand.IntN(len(channels))]; !c.hasLetIn {
			r.note("channel %d lets the client in", c.n)
			r.machine.letIn(c.n)
			r.model.letIn(c)
		}
	case what < 95:
		c := channels[r.rand.IntN(len(channels))]
		r.end(c, c.hasLetIn || r.rand.IntN(4) == 0, r.rand.IntN(2) == 0)
	default:
		r.now += time.Duration(r.rand.Int64N(int64(4 * time.Second)))
	}
}

// end has a channel end. It may have let the client in without having told its session.
func (r *joinsRun) end(c *channelModel, letIn, wanted bool) {
	r.note("channel %d ends, let in: %v, wanted: %v", c.n, letIn, wanted)
	r.machine.end(c.n, letIn, wanted)
	r.model.end(c, letIn, wanted)
}

func (r *joinsRun) send(m inward) {
	r.note("message %d: %.20s of %.20s, join ref %.20q", m.weight, m.Event, m.Topic, m.JoinRef)
	r.machine.receive(m)
	r.model.arrives(m)
}

// message returns a message that a client may send: mostly of the channel that it has
// joined last.
func (r *joinsRun) message() inward {
	r.sent++
	topics := []string{"a", "a", "a", "b", "b", "c", "d", "e", "no route", strings.Repeat("t", maxTopic+r.rand.IntN(2))}
	m := wire.Message{Ref: fmt.Sprint(r.sent), Topic: topics[r.rand.IntN(len(topics))]}
	last := ""
	if c := r.model.topic(m.Topic).channel; c != nil {
		last = c.joinRef
	}
	switch r.rand.IntN(10) {
	case 0, 1, 2, 3:
		m.Event = wire.EventJoin
		r.refs++
		last = fmt.Sprint("join", r.refs)
	case 4, 5:
		m.Event = wire.EventLeave
	default:
		m.Event = "event"
	}
	switch r.rand.IntN(12) {
	case 0:
		m.JoinRef = ""
	case 1, 2:
		m.JoinRef = fmt.Sprint("join", max(1, r.refs-r.rand.IntN(6))) // an earlier one, or again
	case 3:
		m.JoinRef = fmt.Sprint("join", r.refs+1) // that there is not yet
	case 4:
		m.JoinRef = strings.Repeat("x", maxTopic+r.rand.IntN(2))
	default:
		m.JoinRef = last
	}
	return inward{Message: m, weight: r.sent}
}

// note writes down what happens next.
func (r *joinsRun) note(format string, args ...any) {
	r.tail = append(r.tail, fmt.Sprintf(format, args...))
	r.tail = r.tail[max(0, len(r.tail)-40):]
}

// check compares what both have done, and what they know.
func (r *joinsRun) check(t *testing.T) {
	t.Helper()
	got, want := r.machine.take(), r.model.take()
	r.tail = append(r.tail, got...)
	if !slices.Equal(got, want) {
		t.Fatalf("after\n%s\nit did\n%s\nthe model\n%s", strings.Join(r.tail, "\n"), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	perTopic := map[string]int{}
	for _, j := range r.machine.channels {
		perTopic[j.channel.topic]++
		if perTopic[j.channel.topic] > 1 || r.machine.joins.on(j.channel.topic) != j {
			t.Fatalf("after\n%s\nthere is a second channel on %q", strings.Join(r.tail, "\n"), j.channel.topic)
		}
	}
	for _, c := range r.model.running() {
		over := r.model.overstays(c)
		if j := r.machine.channels[c.n]; j.overstays() != over || r.machine.armed[c.n] != over {
			t.Fatalf("after\n%s\nchannel %d is to be given up: %v, and was said to be: %v; want %v",
				strings.Join(r.tail, "\n"), c.n, j.overstays(), r.machine.armed[c.n], over)
		}
	}
	if n := len(slices.Collect(r.machine.joins.channels.all)); n != len(r.machine.channels) || n > 2*r.machine.socket.MaxChannels {
		t.Fatalf("after\n%s\nthere are %d channels in the list, and %d that run", strings.Join(r.tail, "\n"), n, len(r.machine.channels))
	}
}

// endAll has all channels end, and those that then start. Nothing must wait any more, and
// each message must have been dealt with once.
func (r *joinsRun) endAll(t *testing.T) {
	t.Helper()
	for channels := r.model.running(); len(channels) > 0; channels = r.model.running() {
		r.end(channels[0], channels[0].hasLetIn, false)
		r.check(t)
	}
	for n := int64(1); n <= r.sent; n++ {
		if got := r.machine.settled[n]; got != 1 {
			t.Fatalf("message %d was dealt with %d times", n, got)
		}
	}
}

// journal is what has been done.
type journal []string

func (j *journal) add(format string, args ...any) { *j = append(*j, fmt.Sprintf(format, args...)) }

func (j *journal) take() []string {
	done := *j
	*j = nil
	return done
}

// joinsDriver does what a session does about what its joins decide, but on paper.
type joinsDriver struct {
	journal
	joins  joins
	socket *Socket
	fails  func(start int) bool // whether that start of a channel fails
	now    *time.Duration

	starts   int
	channels map[int]*joined // those that run, by the number of their start
	armed    map[int]bool    // those that are to be given up in a while
	settled  map[int64]int   // how often a message was dealt with
	verdicts map[verdict]int
	notices  map[notice]int
}

func (d *joinsDriver) number(j *joined) int {
	for n, other := range d.channels {
		if other == j {
			return n
		}
	}
	return 0
}

func (d *joinsDriver) handled(m inward) {
	if d.settled == nil {
		d.settled = map[int64]int{}
	}
	d.settled[m.weight]++
	d.add("handled %d", m.weight)
}

func (d *joinsDriver) receive(m inward) {
	j := d.joins.on(m.Topic)
	v := d.joins.came(j, m)
	d.verdicts[v]++
	switch v {
	case waits:
		return
	case waitsNotLong:
		if d.armed[d.number(j)] {
			d.add("to be given up twice: channel %d", d.number(j))
		}
		d.armed[d.number(j)] = true
		return
	case toChannel:
		d.add("channel %d gets:", d.number(j))
	}
	d.handled(m)
	switch v {
	case asksToJoin:
		d.join(j, m)
	case hasLeft:
		d.add("left %s", m.Ref)
	case unmatchedTopic:
		d.add("unmatched %s", m.Ref)
	}
}

func (d *joinsDriver) receiveAll(waiting []inward) {
	for _, m := range waiting {
		d.receive(m)
	}
}

func (d *joinsDriver) join(old *joined, m inward) {
	dec := d.joins.asked(old, &m, m.Topic != "no route", d.socket, *d.now)
	d.verdicts[dec.verdict]++
	switch dec.verdict {
	case startsChannel:
		d.start(m.Message)
	case replacesChannel:
		d.add("replace channel %d", d.number(old))
		d.armed[d.number(old)] = false
		for _, w := range dec.dropped {
			d.handled(w)
		}
	case refused:
		d.add("refused %s: %s", m.Ref, dec.reason)
	case unmatchedTopic:
		d.add("unmatched %s", m.Ref)
	}
}

func (d *joinsDriver) start(m wire.Message) {
	d.starts++
	if d.fails(d.starts) {
		d.add("not started %s", m.Ref)
		return
	}
	d.add("start channel %d for %s", d.starts, m.Ref)
	j := &joined{channel: &Channel{route: new(Route), topic: m.Topic, joinRef: m.JoinRef}}
	d.channels[d.starts] = j
	d.joins.started(j, m.Ref)
}

func (d *joinsDriver) letIn(n int) {
	waiting := d.joins.letIn(d.channels[n])
	if d.channels[n].door == nil {
		d.armed[n] = false // when its time comes, it takes messages
	}
	d.receiveAll(waiting)
}

func (d *joinsDriver) end(n int, letIn, wanted bool) {
	j := d.channels[n]
	delete(d.channels, n)
	delete(d.armed, n)
	e := d.joins.ended(j, letIn, wanted)
	d.notices[e.notice]++
	switch e.notice {
	case joinCrashed:
		d.add("join crashed %s", j.door.join)
	case channelClose:
		d.add("close %s", j.channel.joinRef)
	case channelError:
		d.add("error %s", j.channel.joinRef)
	}
	if e.rejoin != nil {
		d.start(e.rejoin.Message)
	}
	d.receiveAll(e.waiting)
}

// joinsModel says what must become of what happens. It keeps for each topic the messages
// that are not dealt with, in order, and shares no code with joins but the rate, which has
// a test of its own.
type joinsModel struct {
	journal
	socket *Socket
	fails  func(start int) bool
	now    *time.Duration
	rate   limit.Rate
	topics map[string]*topicModel
	starts int
}

type topicModel struct {
	queue   []inward
	channel *channelModel // nil: there is none
}

type channelModel struct {
	n        int
	topic    string
	joinRef  string
	joinedBy string // the ref of the join
	hasLetIn bool
	hasLeft  bool // it has got a leave
	next     *inward
}

func (w *joinsModel) topic(name string) *topicModel {
	if w.topics[name] == nil {
		w.topics[name] = &topicModel{}
	}
	return w.topics[name]
}

// running returns the channels that there are, the oldest first.
func (w *joinsModel) running() []*channelModel {
	var all []*channelModel
	for _, t := range w.topics {
		if t.channel != nil {
			all = append(all, t.channel)
		}
	}
	slices.SortFunc(all, func(a, b *channelModel) int { return a.n - b.n })
	return all
}

// overstays reports whether a channel has a leave in front of it that it does not get.
func (w *joinsModel) overstays(c *channelModel) bool {
	return slices.ContainsFunc(w.topic(c.topic).queue, func(m inward) bool { return m.Event == "phx_leave" && c.isMeant(m) })
}

func (c *channelModel) isMeant(m inward) bool {
	return slices.Contains([]string{"", c.joinRef}, m.JoinRef)
}

func (w *joinsModel) handled(ms ...inward) {
	for _, m := range ms {
		w.add("handled %d", m.weight)
	}
}

func (w *joinsModel) arrives(m inward) {
	t := w.topic(m.Topic)
	t.queue = append(t.queue, m)
	w.work(t)
}

// work deals with what it can of a topic's queue.
func (w *joinsModel) work(t *topicModel) {
	for len(t.queue) > 0 {
		i := 0
		if c := t.channel; c != nil && c.next != nil {
			return // first that one must end
		} else if c != nil && !c.hasLetIn { // only a join can do anything
			if i = slices.IndexFunc(t.queue, func(m inward) bool { return m.Event == "phx_join" }); i < 0 {
				return
			}
		}
		m := t.queue[i]
		t.queue = slices.Concat(t.queue[:i], t.queue[i+1:])
		w.deal(t, m, i)
	}
}

// deal deals with a message that is out of the queue, in which so many are before it.
func (w *joinsModel) deal(t *topicModel, m inward, before int) {
	c := t.channel
	there := c != nil && !c.hasLeft
	switch {
	case m.Event == "phx_join":
		w.handled(m)
		w.join(t, m, before)
	case there && c.isMeant(m):
		w.add("channel %d gets:", c.n)
		w.handled(m)
		c.hasLeft = m.Event == "phx_leave"
	case there:
		w.handled(m)
	case m.Event == "phx_leave":
		w.handled(m)
		w.add("left %s", m.Ref)
	default:
		w.handled(m)
		w.add("unmatched %s", m.Ref)
	}
}

func (w *joinsModel) join(t *topicModel, m inward, before int) {
	running, staying := w.running(), 0
	for _, c := range running {
		if !c.hasLeft {
			staying++
		}
	}
	routed := m.Topic != "no route"
	anew := t.channel != nil
	switch {
	case routed && !anew && (staying >= w.socket.MaxChannels || len(running) >= 2*w.socket.MaxChannels):
		w.add("refused %s: too many channels joined", m.Ref)
	case w.rate.Take(*w.now, w.socket.MaxJoinRate) > 0:
		w.add("refused %s: too many joins", m.Ref)
	case max(len(m.Topic), len(m.JoinRef)) > 1024:
		w.add("refused %s: topic too long", m.Ref)
	case !routed:
		w.add("unmatched %s", m.Ref)
	case anew:
		w.add("replace channel %d", t.channel.n)
		w.handled(t.queue[:before]...)
		t.queue = t.queue[before:]
		t.channel.next = &m
	default:
		w.start(t, m)
	}
}

func (w *joinsModel) start(t *topicModel, m inward) {
	w.starts++
	if w.fails(w.starts) {
		w.add("not started %s", m.Ref)
		return
	}
	w.add("start channel %d for %s", w.starts, m.Ref)
	t.channel = &channelModel{n: w.starts, topic: m.Topic, joinRef: m.JoinRef, joinedBy: m.Ref}
}

func (w *joinsModel) letIn(c *channelModel) {
	c.hasLetIn = true
	w.work(w.topic(c.topic))
}

func (w *joinsModel) end(c *channelModel, letIn, wanted bool) {
	t := w.topic(c.topic)
	t.channel = nil
	switch {
	case letIn && (wanted || c.next != nil):
		w.add("close %s", c.joinRef)
	case letIn:
		w.add("error %s", c.joinRef)
	case !wanted:
		w.add("join crashed %s", c.joinedBy)
	}
	if c.next != nil {
		w.start(t, *c.next)
	}
	w.work(t)
}
