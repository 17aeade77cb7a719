package nats

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// serving are the requests of other nodes that this node has taken on.
type serving struct {
	life context.Context // done at the end
	stop context.CancelFunc

	names      senders                  // of the goroutine that takes
	shards     [shardCount]chan *served // what one sender asks of one name is in one of them
	extracting foreign.Calls

	open sync.WaitGroup // all that have been taken on and are not over

	mu     sync.Mutex
	ended  bool
	table  map[string]*served // calls, by the subject of the reply
	number int                // of those that are not over
	bytes  int64
}

// What one node takes on at a time. Beyond it callers are told at once.
const (
	maxOpen      = 16 << 10 // requests that wait, or have no answer yet
	maxOpenBytes = 64 << 20
	maxShard     = 1 << 10 // requests that wait in one part
)

func (s *serving) init() {
	s.life, s.stop = context.WithCancel(context.Background())
	s.table = make(map[string]*served)
	s.names = make(senders)
	s.extracting.Limit, s.extracting.Most = foreignFor, foreignMost
	for i := range s.shards {
		s.shards[i] = make(chan *served, maxShard)
	}
}

// end has nothing more be taken on. All that is open fails.
func (s *serving) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.stop()
	s.giveUp(func(*served) bool { return true })
	for _, shard := range s.shards {
		close(shard)
	}
}

// served is a request of another node.
type served struct {
	request
	x      *exchange
	from   string // the node
	reply  string // subject; "" if no answer is wanted
	header nats.Header
	size   int64

	ctx    context.Context // done when nobody waits for the answer any more
	cancel context.CancelFunc
	limit  *time.Timer  // of the caller's deadline; nil if there is none
	asked  atomic.Value // a question: what the actor has been asked
	heard  atomic.Int64 // when the caller's node has last been heard of, as time.Time.UnixNano
	mine   atomic.Bool  // somebody has taken it upon him to conclude it
}

// question is an [actor.Pending].
type question struct{ pending interface{ GiveUp() bool } }

// giveUp notes that nobody waits for the answer any more.
func (q *served) giveUp() {
	q.cancel()
	if a, ok := q.asked.Load().(question); ok {
		a.pending.GiveUp()
	}
}

// asks notes what the actor has been asked. It is given up here or by giveUp, whichever comes
// second.
func (q *served) asks(pending interface{ GiveUp() bool }) {
	q.asked.Store(question{pending})
	if q.ctx.Err() != nil {
		pending.GiveUp()
	}
}

// take is called for each request, one after the other. It must not wait.
func (x *exchange) take(m *nats.Msg) {
	from, ok := x.sender(m)
	if !ok {
		x.malformed(m, errFrame)
		return
	}
	q, err := decodeRequest(m.Data)
	if err == nil && m.Reply == "" && q.kind != toSend {
		err = errFrame
	}
	if err != nil {
		x.malformed(m, err)
		x.answer(m.Reply, refusal(err))
		return
	}
	switch q.kind {
	case toGiveUp:
		if s := x.find(m.Reply); s != nil {
			s.giveUp()
		}
	case toProbe:
		x.tellOpen(m.Reply)
	default:
		if err := x.admit(m, from, q); err != nil {
			x.counts.refused.Add(1)
			x.answer(m.Reply, refusal(err))
		}
	}
}

// sender returns the node that a request comes from. It reports false if that has no right to
// an answer where it wants one, and if the message is not on a subject of requests: a consumer
// of JetStream may be made to deliver anything here.
func (x *exchange) sender(m *nats.Msg) (node string, ok bool) {
	token, ok := strings.CutPrefix(m.Subject, x.toSelf)
	if ok {
		node, ok = x.names.of(token)
	}
	if !ok || m.Reply == "" {
		return node, ok
	}
	rest := m.Reply
	for _, part := range [...]string{x.subjects, ".", token, ".re."} {
		if rest, ok = strings.CutPrefix(rest, part); !ok {
			return node, false
		}
	}
	return node, true
}

func (x *exchange) malformed(m *nats.Msg, err error) {
	x.counts.malformed.Add(1)
	x.log.Error("not a request of another node", "subject", m.Subject, "node", x.node, "error", err)
}

// answer queues a reply. If there is no room it is lost, and a probe will find that the call is
// not open any more.
func (x *exchange) answer(to string, r reply) { x.answerBy(x.put, to, r) }

// answerBy is answer by put or post.
func (x *exchange) answerBy(put func(outgoing) error, to string, r reply) {
	if to == "" {
		return
	}
	err := put(outgoing{Msg: &nats.Msg{Subject: to, Data: r.encode()}})
	if errors.Is(err, ErrTooLarge) {
		err = put(outgoing{Msg: &nats.Msg{Subject: to, Data: refusal(err).encode()}})
	}
	if err != nil {
		x.counts.lost.Add(1)
	}
}

func (x *exchange) tellOpen(to string) {
	r := reply{outcome: isUnknown}
	if s := x.find(to); s != nil {
		s.heard.Store(time.Now().UnixNano())
		r.outcome = isOpen
	}
	x.answer(to, r)
}

func (s *serving) find(reply string) *served {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.table[reply]
}

// admit takes a request on, if there is room.
func (x *exchange) admit(m *nats.Msg, from string, q request) error {
	s := &served{x: x, request: q, from: from, header: m.Header, size: int64(m.Size())}
	if q.kind == toCall {
		s.reply = m.Reply
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if q.left > 0 {
		s.limit = time.AfterFunc(q.left, s.giveUp)
	}
	s.heard.Store(time.Now().UnixNano())
	if err := x.enter(s); err != nil {
		s.release()
		return err
	}
	return nil
}

// enter takes s on, and has it wait for its turn. It holds the lock so that no shard is
// closed meanwhile; a shard that is full is not waited for.
func (s *serving) enter(q *served) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return errGone
	case q.reply != "" && s.table[q.reply] != nil:
		return errFrame // the same request twice: it is carried out once
	case s.number >= maxOpen, s.number > 0 && s.bytes+q.size > maxOpenBytes:
		return pubsub.ErrOverloaded
	}
	select {
	case s.shards[q.shard()] <- q:
	default:
		return pubsub.ErrOverloaded
	}
	s.number++
	s.bytes += q.size
	s.open.Add(1)
	if q.reply != "" {
		s.table[q.reply] = q
	}
	return nil
}

func (q *served) shard() int { return (shardOf(q.from) + shardOf(q.name)) % shardCount }

// taken returns how many there are.
func (s *serving) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number
}

// leave is the end of q.
func (s *serving) leave(q *served) {
	q.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.table, q.reply)
	s.number--
	s.bytes -= q.size
	s.open.Done()
}

// release has nothing wait for q any more.
func (q *served) release() {
	if q.limit != nil {
		q.limit.Stop()
	}
	q.cancel()
}

// work serves what comes in one part, in order. If serve reports false another goroutine has
// taken its place.
func (x *exchange) work(shard <-chan *served) {
	for s := range shard {
		switch {
		case x.life.Err() != nil:
			s.refuse(errGone)
		case s.ctx.Err() != nil:
			x.counts.late.Add(1) // the caller has given up
			s.drop()
		default:
			if !x.serve(s) {
				return
			}
		}
	}
	x.running.Done()
}

// lost has another goroutine go on with what waits behind s: this one does not return from it.
func (q *served) lost(err error) {
	go q.x.work(q.x.shards[q.shard()])
	q.refuse(err)
}

// refuse concludes s for the node. It asks err what it is first: that may be a codec's, whose
// methods may not return.
func (q *served) refuse(err error) {
	r := refusal(err)
	if q.claim() {
		q.x.counts.refused.Add(1)
		q.finish(r)
	}
}

// claim reports whether it is up to the caller to conclude s: it is, of all, for the first one.
func (q *served) claim() bool { return !q.mine.Swap(true) }

// drop is the end of s without an answer.
func (q *served) drop() {
	if q.claim() {
		q.x.leave(q)
	}
}

// finish answers, if anybody waits, and is the end of s. The answer is queued before the call
// is not open any more: so a probe that finds it unknown comes behind the answer.
func (q *served) finish(r reply) { q.finishBy(q.x.put, r) }

// finishHere is finish on a goroutine that may be kept waiting by a slow server.
func (q *served) finishHere(r reply) { q.finishBy(q.x.post, r) }

func (q *served) finishBy(put func(outgoing) error, r reply) {
	if q.ctx.Err() == nil || q.x.life.Err() != nil {
		q.x.answerBy(put, q.reply, r)
	}
	q.x.leave(q)
}

// sweep gives up what nobody has asked about for a term, since its caller's node is gone; and
// asks for what this node has asked.
func (x *exchange) sweep() {
	pause := x.every / ticksPerProbe
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			when := now.Add(-x.term).UnixNano()
			x.giveUp(func(q *served) bool { return q.heard.Load() < when })
			x.probe(pause)
		case <-x.life.Done():
			return
		}
	}
}

// ticksPerProbe says by which part of the time between two probes one may be early.
const ticksPerProbe = 4

// giveUp gives the calls up that are to be.
func (s *serving) giveUp(which func(*served) bool) {
	s.mu.Lock()
	var list []*served
	for _, q := range s.table {
		if which(q) {
			list = append(list, q)
		}
	}
	s.mu.Unlock()
	for _, q := range list {
		q.giveUp()
	}
}
