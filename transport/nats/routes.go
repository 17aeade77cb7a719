package nats

import (
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// routes are the topics that a node has the server send to it. A goroutine tells the server
// of those that have come and gone, all that there are at a time, so that no topic costs a
// round trip and none waits for another one's.
//
// A topic that is not wanted any more is kept for a while, for those that come back. A node
// that wants more topics than it may have subscriptions takes all there are.
type routes struct {
	*membership
	wake    chan struct{} // has one if there may be something to tell
	refused denial

	// The rest up to mu belongs to the goroutine that tells the server, as the subscriptions do.

	limit int
	all   *nats.Subscription // to all topics, if not nil

	mu    sync.Mutex
	list  map[topicHash]*route
	batch *batch        // of what the server is to be told
	idle  fifo[leaving] // topics that were wanted, the earliest one first
	blind bool          // all topics come, and none is waited for
}

// route is a topic that the server sends, or is about to.
type route struct {
	wanted bool
	left   time.Time          // when it was wanted last, if it is not
	batch  *batch             // with which the server is told, until it was
	since  time.Time          // when it was, and zero before
	last   map[string]latest  // message, by the sender
	sub    *nats.Subscription // of the goroutine that tells
}

// latest is the latest message of a topic by one sender. The sender's name is bound by its
// subject; the incarnation is what it says, and so tells apart only what is its own.
type latest struct{ incarnation, number uint64 }

// leaving is a topic that was wanted until then, and may be again.
type leaving struct {
	topic topicHash
	left  time.Time
}

// batch is what the server is told at once.
type batch struct {
	topics []topicHash
	known  chan struct{} // closed when it was told
}

const (
	defaultTopicLimit = 16384

	// maxSenders is of how many senders the latest message of a topic is remembered.
	maxSenders = maxPeers
)

func newRoutes(m *membership, limit int) *routes {
	return &routes{
		membership: m, limit: limit, wake: make(chan struct{}, 1),
		list: make(map[topicHash]*route), batch: newBatch(),
	}
}

func newBatch() *batch { return &batch{known: make(chan struct{})} }

// want has the server send a topic. What is returned is closed when it knows, or cannot be
// waited for; nil says that it does.
func (rs *routes) want(h topicHash) <-chan struct{} {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.list[h]
	if r == nil {
		r = &route{batch: rs.batch}
		rs.list[h] = r
		rs.batch.topics = append(rs.batch.topics, h)
		wake(rs.wake)
	}
	r.wanted = true
	return rs.waitLocked(r)
}

// known returns what want did.
func (rs *routes) known(h topicHash) <-chan struct{} {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.list[h]; r != nil {
		return rs.waitLocked(r)
	}
	return nil
}

func (rs *routes) waitLocked(r *route) <-chan struct{} {
	if r.batch == nil || rs.blind || State(rs.state.Load()) != Connected {
		return nil
	}
	return r.batch.known
}

// leave has the server not send a topic any more, after a while.
func (rs *routes) leave(h topicHash) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if r := rs.list[h]; r != nil && r.wanted {
		r.wanted, r.left = false, time.Now()
		rs.idle.push(leaving{h, r.left})
	}
}

// run tells the server until the end.
func (rs *routes) run() {
	rs.look()
	ticks := time.NewTicker(rs.times.linger / 2)
	defer ticks.Stop()
	for {
		select {
		case <-rs.life.Done():
			rs.unsubscribe()
			return
		case <-rs.wake:
		case <-ticks.C:
			rs.drop(rs.expired(time.Now().Add(-rs.times.linger)))
		}
		rs.tell()
		rs.look()
	}
}

// tell tells the server of what has come to be wanted.
func (rs *routes) tell() {
	rs.mu.Lock()
	b, n := rs.batch, len(rs.list)
	rs.batch = newBatch()
	rs.mu.Unlock()
	if n > rs.limit && rs.all == nil {
		rs.drop(rs.expired(time.Now()))
	}
	rs.choose()
	for _, h := range b.topics {
		rs.subscribe(h)
	}
	if len(b.topics) > 0 {
		_ = rs.flush()
	}
	close(b.known)
	rs.settled(b)
}

// flush waits until the server knows what it has been told. While it is away there is nothing
// to wait for: it is told before anything else when it is back.
func (rs *routes) flush() error {
	if !rs.conn.IsConnected() {
		return nil
	}
	return flush(rs.conn, rs.times.known)
}

// settled notes that the server knows.
func (rs *routes) settled(b *batch) {
	now := time.Now()
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for _, h := range b.topics {
		if r := rs.list[h]; r != nil && r.batch == b {
			r.batch, r.since = nil, now
		}
	}
}

// subscribe has the server send a topic, if it is wanted still and does not come anyway.
func (rs *routes) subscribe(h topicHash) {
	rs.mu.Lock()
	r := rs.list[h]
	rs.mu.Unlock()
	if r == nil || r.sub != nil || rs.all != nil {
		return
	}
	// It fails if the connection is closed, and then nothing comes.
	r.sub, _ = rs.conn.ChanSubscribe(rs.subjects.ofTopic(h), rs.in.intake)
}

// choose has all topics come if too many are wanted, and these only when they are few again.
// In between some come twice: their numbers tell.
func (rs *routes) choose() {
	rs.mu.Lock()
	n := len(rs.list)
	rs.mu.Unlock()
	switch {
	case rs.all == nil && n > rs.limit:
		if !rs.takeAll() {
			return
		}
		for _, r := range rs.copy() {
			rs.unsubscribeFrom(r)
		}
	case rs.all != nil && n < rs.limit/2:
		all := rs.all
		rs.setBlind(nil)
		for h := range rs.copy() {
			rs.subscribe(h)
		}
		if rs.flush() != nil {
			rs.setBlind(all) // the next tick tries again
			return
		}
		_ = all.Unsubscribe()
	}
}

// takeAll has all topics come. It reports whether they do.
func (rs *routes) takeAll() bool {
	all, err := rs.conn.ChanSubscribe(rs.subjects.ofTopics(), rs.in.intake)
	if err != nil || rs.flush() != nil {
		if err == nil {
			_ = all.Unsubscribe()
		}
		return false
	}
	rs.setBlind(all)
	return true
}

func (rs *routes) setBlind(all *nats.Subscription) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.all, rs.blind = all, all != nil
}

func (rs *routes) copy() map[topicHash]*route {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	return maps.Clone(rs.list)
}

// expired takes those off the list that were wanted last before then, and returns them.
func (rs *routes) expired(then time.Time) (over []*route) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	for rs.idle.len() > 0 && !rs.idle.first().left.After(then) {
		l := rs.idle.pop()
		// One that has come back, and has left again, is met once more.
		if r := rs.list[l.topic]; r != nil && !r.wanted && r.left.Equal(l.left) {
			delete(rs.list, l.topic)
			over = append(over, r)
		}
	}
	return over
}

func (rs *routes) drop(over []*route) {
	for _, r := range over {
		rs.unsubscribeFrom(r)
	}
}

func (rs *routes) unsubscribeFrom(r *route) {
	if r.sub != nil {
		_ = r.sub.Unsubscribe() // it fails if the connection is closed
		r.sub = nil
	}
}

// unsubscribe has nothing come any more.
func (rs *routes) unsubscribe() {
	rs.mu.Lock()
	close(rs.batch.known)
	rs.batch = newBatch() // of what nobody waits for
	rs.blind = true
	rs.mu.Unlock()
	for _, r := range rs.copy() {
		rs.unsubscribeFrom(r)
	}
	if rs.all != nil {
		_ = rs.all.Unsubscribe()
	}
}

// arrived notes messages or a tally of a topic, by a sender that is known until a mark. It
// returns how many before them have not come, and how many are new and wanted: the last ones, if
// not all. A tally that is new counts as one.
func (rs *routes) arrived(from string, h topicHash, f topicFrame, until mark) (lacking, fresh uint64, err error) {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.list[h]
	if r == nil {
		return 0, 0, nil
	}
	lacking, fresh, err = r.arrived(from, f, until)
	if !r.wanted {
		return 0, 0, err
	}
	return lacking, fresh, err
}

// wants reports whether a topic is wanted.
func (rs *routes) wants(h topicHash) bool {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	r := rs.list[h]
	return r != nil && r.wanted
}

func (r *route) arrived(from string, f topicFrame, until mark) (lacking, fresh uint64, err error) {
	number, latestNumber := f.base+f.number, f.base+f.last()
	before, known := r.last[from]
	met, last := known && before.incarnation == f.incarnation, before.number
	counted := true
	fresh = f.more + 1
	switch {
	case met && latestNumber <= last:
		return 0, 0, nil
	case met && number <= last:
		fresh = latestNumber - last
	case met && last >= f.base:
		lacking = number - last - 1
	case met, !r.since.IsZero() && until.before.After(r.since) && f.base >= until.published:
		lacking = f.number - 1 // the series has begun since
	default:
		counted = false // it may have begun before this node wanted the topic
	}
	if counted && f.kind == topicTally {
		lacking++
	}
	if lacking > maxJump {
		return 0, 0, errFrame
	}
	if r.last == nil || !known && len(r.last) >= maxSenders {
		r.last = make(map[string]latest)
	}
	r.last[from] = latest{f.incarnation, latestNumber}
	return lacking, fresh, nil
}
