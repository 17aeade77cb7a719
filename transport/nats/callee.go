package nats

import (
	"context"
	"encoding/hex"
	"errors"
	"hash/fnv"
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
	heard  atomic.Int64 // when the caller's node has last been heard of, as time.Time.UnixNano
	mine   atomic.Bool  // somebody has taken it upon him to conclude it
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
			s.cancel()
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
// an answer where it wants one.
func (x *exchange) sender(m *nats.Msg) (node string, ok bool) {
	token := m.Subject[strings.LastIndexByte(m.Subject, '.')+1:]
	name, err := hex.DecodeString(token)
	return string(name), err == nil &&
		(m.Reply == "" || strings.HasPrefix(m.Reply, x.subjects+"."+token+".re."))
}

func (x *exchange) malformed(m *nats.Msg, err error) {
	x.counts.malformed.Add(1)
	x.log.Error("not a request of another node", "subject", m.Subject, "node", x.node, "error", err)
}

// answer queues a reply. If there is no room it is lost, and a probe will find that the call is
// not open any more.
func (x *exchange) answer(to string, r reply) {
	if to == "" {
		return
	}
	err := x.put(outgoing{Msg: &nats.Msg{Subject: to, Data: r.encode()}})
	if errors.Is(err, ErrTooLarge) {
		err = x.put(outgoing{Msg: &nats.Msg{Subject: to, Data: refusal(err).encode()}})
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
	if q.left > 0 {
		s.ctx, s.cancel = context.WithTimeout(x.life, q.left)
	} else {
		s.ctx, s.cancel = context.WithCancel(x.life)
	}
	s.heard.Store(time.Now().UnixNano())
	if err := x.enter(s); err != nil {
		s.cancel()
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

func (q *served) shard() int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(q.from))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(q.name))
	return int(h.Sum32() % shardCount)
}

// taken returns how many there are.
func (s *serving) taken() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.number
}

// leave is the end of q.
func (s *serving) leave(q *served) {
	q.cancel()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.table, q.reply)
	s.number--
	s.bytes -= q.size
	s.open.Done()
}

// work serves what comes in one part, in order.
func (x *exchange) work(shard <-chan *served) {
	for s := range shard {
		switch {
		case x.life.Err() != nil:
			s.refuse(errGone)
		case s.ctx.Err() != nil:
			x.counts.late.Add(1) // the caller has given up
			s.drop()
		default:
			x.serve(s)
		}
	}
}

// refuse concludes s for the node.
func (q *served) refuse(err error) {
	if q.claim() {
		q.x.counts.refused.Add(1)
		q.finish(refusal(err))
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
func (q *served) finish(r reply) {
	if q.ctx.Err() == nil || q.x.life.Err() != nil {
		q.x.answer(q.reply, r)
	}
	q.x.leave(q)
}

// sweep gives up what nobody has asked about for a term: its caller's node is gone.
func (x *exchange) sweep() {
	tick := time.NewTicker(x.every)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			x.giveUpBefore(now.Add(-x.term).UnixNano())
		case <-x.life.Done():
			return
		}
	}
}

func (s *serving) giveUpBefore(when int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, q := range s.table {
		if q.heard.Load() < when {
			q.cancel()
		}
	}
}
