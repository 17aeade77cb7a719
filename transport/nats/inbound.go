package nats

import (
	"bytes"
	"context"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
)

// maxIntake is how many messages the connection may have read that are not in the queue
// of their part yet. It bounds what one read of the connection can bring at once.
const maxIntake = 1024

// inbound is what comes in for a node. The connection writes everything to one channel,
// in the order in which the server passes it on. That channel counts messages and not
// bytes, as nats.go's channels do, and two subscriptions that count bytes would have two
// queues, and no order between what is broadcast and what is sent to this node. So one
// goroutine, which waits for nobody, takes what comes to queues that count both.
//
// What the node itself has broadcast comes back as well, and is left out here: it must
// not take the room of the others.
type inbound struct {
	own      []byte // head of the node's own messages
	intake   chan *nats.Msg
	subs     map[*nats.Subscription]*queue[packet] // by what a message comes through
	queues   [shardCount]*queue[packet]
	dropped  uint64      // messages; of the goroutine that sorts
	overflow chan uint64 // gets dropped when that grows; keeps the latest value only
	lost     *atomic.Uint64
	stop     chan struct{} // closed by Leave: no receive begins any more
}

func newInbound(node string, packets int, bytes int64, lost *atomic.Uint64) *inbound {
	in := &inbound{
		own:      headOf(node),
		intake:   make(chan *nats.Msg, maxIntake),
		subs:     make(map[*nats.Subscription]*queue[packet]),
		overflow: make(chan uint64, 1),
		stop:     make(chan struct{}),
		lost:     lost,
	}
	for shard := range in.queues {
		in.queues[shard] = newQueue[packet](packets, bytes)
	}
	return in
}

// subscribe has what comes on the subject go to the queue of the part. It must not be
// called once sort runs.
func (in *inbound) subscribe(conn *nats.Conn, subject string, shard int) error {
	sub, err := conn.ChanSubscribe(subject, in.intake)
	if err == nil {
		in.subs[sub] = in.queues[shard]
	}
	return err
}

func (in *inbound) unsubscribe() {
	for sub := range in.subs {
		_ = sub.Unsubscribe() // it fails if the connection is closed, and they with it
	}
}

// sort takes what comes to its queues until Leave. What does not fit is lost.
func (in *inbound) sort() {
	defer in.unsubscribe() // nobody empties the intake any more
	for {
		select {
		case <-in.stop:
			return
		case m := <-in.intake:
			if !bytes.HasPrefix(m.Data, in.own) && !in.subs[m.Sub].put(packetOf(m)) {
				in.drop()
			}
		}
	}
}

// packetOf returns what is to be kept of a message, so that no more is kept than is
// counted. That leaves the headers behind, which no node sends: they are in front of
// the data in memory, and read they are many times as large.
func packetOf(m *nats.Msg) packet {
	if m.Size() > len(m.Subject)+len(m.Reply)+len(m.Data) {
		return packet{m.Subject, bytes.Clone(m.Data), time.Now()}
	}
	return packet{m.Subject, m.Data, time.Now()}
}

// drop counts a message that is lost, and has report tell of it. It does not wait: only
// sort writes to overflow, so there is room when the former value has been taken out.
func (in *inbound) drop() {
	in.dropped++
	in.lost.Add(1)
	select {
	case <-in.overflow:
	default:
	}
	in.overflow <- in.dropped
}

// reportEvery is how often it is logged that messages are lost.
const reportEvery = 10 * time.Second

// report tells of what is lost, at once and then from time to time. It has a goroutine of its
// own: a log may not return.
func (m *membership) report() {
	told := uint64(0)
	for {
		select {
		case <-m.in.stop:
			return
		case dropped := <-m.in.overflow:
			m.log.Warn("messages of other nodes dropped: too many are waiting",
				"node", m.node, "dropped", dropped)
			m.tellLoss(dropped - told)
			told = dropped
		}
		select {
		case <-m.in.stop:
			return
		case <-time.After(reportEvery): // overflow has the number as it is then
		}
	}
}

// lostFor is how long the function Lost may take.
const lostFor = 5 * time.Second

// tellLoss calls the function Lost. It does not wait for it when the node leaves.
func (m *membership) tellLoss(messages uint64) {
	if m.lost == nil {
		return
	}
	ctx, cancel := context.WithTimeout(m.life, lostFor)
	defer cancel()
	err := actor.Guard(ctx, func() error {
		m.lost(messages)
		return nil
	})
	if err != nil && m.life.Err() == nil {
		m.log.Error("the function Lost failed", "node", m.node, "error", err)
	}
}

// receiveAll passes on what comes in one part of the topics.
func (m *membership) receiveAll(q *queue[packet]) {
	for {
		select {
		case <-m.in.stop:
			return
		case p := <-q.packets:
			select {
			case <-m.in.stop: // which came first
				return
			default:
				q.inHand.Store(&p)
				m.take(p)
				q.inHand.Store(nil)
				q.done(p)
			}
		}
	}
}

func (m *membership) take(p packet) {
	f, err := decode(p.data)
	if err != nil {
		m.malformed.Add(1)
		m.log.Error("not an adapter's message", "subject", p.subject, "node", m.node, "error", err)
		return
	}
	m.receive(f.topic, f.data)
}
