package nats

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// exchange is this node's end of the calls between nodes: requests and replies over NATS.
//
// A request goes to <subjects>.<node>.do.<sender>, and its reply to
// <subjects>.<sender>.re.<random>.<number>.
// So the sender is in the subject, where permissions of NATS can bind it, and no node can be
// made to publish anywhere else by a request with a forged subject for the reply.
type exchange struct {
	conn     *nats.Conn
	subjects string // what all begin with
	toSelf   string // and requests to this node
	node     string
	pace
	propagator Propagator
	log        *slog.Logger
	serve      func(*served) bool // never blocks for long; see work

	// Only what holds line asks the connection, whose methods wait while it waits for a slow
	// server. The goroutine that sends waits for line. Others pass out by if it is free and
	// nothing has been queued before them, so that one of them at most is kept waiting.
	maxPayload int64
	line       sync.Mutex

	out     *queue[outgoing]
	sending sync.RWMutex // of those that put into out, against its end
	shut    bool

	asked
	serving

	subs    []*nats.Subscription
	running sync.WaitGroup // the goroutines that send and serve
	done    chan struct{}  // closed when none of them runs any more
	counts  counts
}

// pace says when one side of a call takes the other one for gone.
type pace struct {
	term  time.Duration // after so long without a word
	every time.Duration // how often a caller asks for an open call
}

// paceOf returns the pace of nodes whose names have leases of so long.
func paceOf(lease time.Duration) pace { return pace{lease, lease / 3} }

// counts are the counters behind [CallStats].
type counts struct {
	sent, served, refused, late, lost, malformed atomic.Uint64
}

const (
	maxOut      = 16 << 10 // messages that may wait to be sent
	maxOutBytes = 64 << 20 // their bytes
)

// newExchange begins to take requests and replies.
func newExchange(conn *nats.Conn, subjects, node string, pace pace, p Propagator, log *slog.Logger, serve func(*served) bool) (*exchange, error) {
	x := &exchange{
		conn: conn, subjects: subjects, node: node, pace: pace, propagator: p, log: log, serve: serve,
		maxPayload: conn.MaxPayload(),
		out:        newQueue[outgoing](maxOut, maxOutBytes), done: make(chan struct{}),
	}
	x.toSelf = x.subjects + "." + subjectToken(node) + ".do."
	x.asked.init(x.subjects + "." + subjectToken(node) + ".re." + rand.Text() + ".")
	x.serving.init()
	err := x.subscribe(x.inbox+"*", x.arrived)
	if err == nil {
		err = x.subscribe(x.toSelf+"*", x.take)
	}
	if err != nil {
		x.unsubscribe()
		return nil, fmt.Errorf("node %q: %w", node, err)
	}
	x.running.Go(x.send)
	x.running.Go(x.sweep)
	x.running.Add(len(x.shards))
	for _, shard := range x.shards {
		go x.work(shard)
	}
	return x, nil
}

// subjectToken makes a part of a subject of a node's name, which may be any string.
func subjectToken(node string) string { return hex.EncodeToString([]byte(node)) }

func (x *exchange) subscribe(subject string, f nats.MsgHandler) error {
	sub, err := x.conn.Subscribe(subject, f)
	if err != nil {
		return err
	}
	x.subs = append(x.subs, sub)
	return nil
}

func (x *exchange) unsubscribe() {
	for _, sub := range x.subs {
		_ = sub.Unsubscribe() // it fails if the connection is closed, and they with it
	}
}

// outgoing is a message on its way to the server.
type outgoing struct {
	*nats.Msg
	by *waiter // of a call, that it is for; nil if nobody is to be told what becomes of it
}

// size implements [sized].
func (o outgoing) size() int64 { return int64(len(o.Subject)+len(o.Reply)) + o.payload() }

// payload is what counts for the server's limit.
func (o outgoing) payload() int64 {
	n := len(o.Data)
	if len(o.Header) > 0 {
		n += len("NATS/1.0\r\n\r\n")
	}
	for k, values := range o.Header {
		for _, v := range values {
			n += len(k) + len(": ") + len(v) + len("\r\n")
		}
	}
	return int64(n)
}

// put queues a message. It does not wait, as Publish does when the server is slow.
func (x *exchange) put(o outgoing) error {
	if err := x.fits(o); err != nil {
		return err
	}
	x.sending.RLock()
	defer x.sending.RUnlock()
	if x.shut {
		return ErrClosed
	}
	if !x.out.put(o) {
		return fmt.Errorf("node %q: %w", x.node, pubsub.ErrOverloaded)
	}
	return nil
}

func (x *exchange) fits(o outgoing) error {
	if n := o.payload(); n > x.maxPayload {
		return fmt.Errorf("%d bytes, of at most %d: %w", n, x.maxPayload, ErrTooLarge)
	}
	return nil
}

// post is put by what is open, and may be kept waiting by a slow server. It takes the message
// to the connection itself if nothing is before it: what has been put before post is called
// goes first.
func (x *exchange) post(o outgoing) error {
	if err := x.fits(o); err != nil {
		return err
	}
	if !x.line.TryLock() {
		return x.put(o)
	}
	if !x.out.pass(o) {
		x.line.Unlock()
		return x.put(o)
	}
	defer x.line.Unlock()
	x.transmit(o)
	x.out.done(o)
	return nil
}

// send takes what is queued to the connection.
func (x *exchange) send() {
	for o := range x.out.packets {
		x.line.Lock()
		x.transmit(o)
		x.line.Unlock()
		x.out.done(o)
	}
}

// transmit takes a message to the connection. A request whose caller has given up is left
// out, and so is one that would wait in the connection until that is back: it would come too
// late.
func (x *exchange) transmit(o outgoing) {
	if o.by == nil {
		if x.conn.PublishMsg(o.Msg) != nil {
			x.counts.lost.Add(1)
		}
	} else if !o.by.over.Load() {
		if err := x.publish(o.Msg); err != nil {
			o.by.fail(err)
		}
	}
}

// publish sends a request, if it can be sent now.
func (x *exchange) publish(m *nats.Msg) error {
	if !x.conn.IsConnected() {
		return errNotSent
	}
	if err := x.conn.PublishMsg(m); err != nil {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return nil
}

// end has everything end. What this node has asked for fails with [ErrClosed], and callers on
// other nodes are told that it is gone.
func (x *exchange) end() {
	x.asked.end()
	x.serving.end()
	go func() {
		x.unsubscribe()
		x.asked.open.Wait()   // all have been given up
		x.serving.open.Wait() // and all answered
		x.sending.Lock()
		x.shut = true
		close(x.out.packets)
		x.sending.Unlock()
		x.running.Wait()
		close(x.done)
	}()
}

// wait waits until nothing runs any more.
func (x *exchange) wait(ctx context.Context) error {
	select {
	case <-x.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (x *exchange) stats() CallStats {
	c := &x.counts
	return CallStats{
		Sent: c.sent.Load(), Served: c.served.Load(), Refused: c.refused.Load(), Late: c.late.Load(),
		Lost: c.lost.Load(), Malformed: c.malformed.Load(),
		Waiting: x.outstanding(), Open: x.taken(), Queued: len(x.out.packets),
	}
}

// foreignFor is how long users' code may keep a call waiting that runs for another node, and
// foreignMost how much of one kind may hang before no more of it is called.
const (
	foreignFor  = time.Second
	foreignMost = 4
)
