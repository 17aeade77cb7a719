package nats

import (
	"bytes"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// maxIntake is how many messages the connection may have read that are not in the queue of
// their part yet: more than one read of it brings.
const maxIntake = 1024

// inbound is what comes in for a node. The connection writes everything to one channel, in
// the order in which the server passes it on. That channel counts messages and not bytes, as
// nats.go's channels do, and two subscriptions that count bytes would have two queues, and no
// order between what is broadcast and what is sent to this node. So one goroutine, which
// waits for nobody, takes what comes to queues that count both.
//
// A node's own connection has the server send nothing back, and reads on only when all that
// it has read is in the queues. A connection of the program's may do neither: then a node's
// own messages are left out here, by their subject, and what the channel has no room for is
// dropped by the connection. The senders' numbers tell that something is missing, whatever
// has become of it.
type inbound struct {
	*membership
	intake  chan *nats.Msg
	now     time.Time     // of the goroutine that sorts: when what it takes has come, or a moment before
	few     []packet      // of its own
	drained chan struct{} // has one when nothing is in the intake any more
	subs    []*nats.Subscription
	queues  [shardCount]*fair
}

func newInbound(m *membership, packets int, bytes int64) *inbound {
	in := &inbound{
		membership: m,
		intake:     make(chan *nats.Msg, maxIntake),
		drained:    make(chan struct{}, 1),
	}
	for shard := range in.queues {
		in.queues[shard] = newFair(packets, bytes)
	}
	return in
}

func (in *inbound) subscribe() error {
	list := []string{in.subjects.ofAll(), in.subjects.ofSelf()}
	switch {
	case in.version < topicVersion:
	case in.routes != nil:
		list = append(list, in.subjects.ofNodes())
	default:
		list = append(list, in.subjects.ofTopics())
	}
	for _, subject := range list {
		sub, err := in.conn.ChanSubscribe(subject, in.intake)
		if err != nil {
			return err
		}
		in.subs = append(in.subs, sub)
	}
	return nil
}

func (in *inbound) unsubscribe() {
	for _, sub := range in.subs {
		_ = sub.Unsubscribe() // it fails if the connection is closed, and they with it
	}
}

// sort takes what comes to its queues until Leave. What does not fit is lost.
func (in *inbound) sort() {
	defer in.unsubscribe() // nobody empties the intake any more
	ticks := time.NewTicker(in.times.beat)
	defer ticks.Stop()
	for {
		select {
		case <-in.life.Done():
			return
		case <-ticks.C:
			in.times.wait()
			in.peers.tick(time.Now())
		case m := <-in.intake:
			in.acceptFew(m)
		}
	}
}

// acceptFew takes a message, and a few more if there are some.
func (in *inbound) acceptFew(m *nats.Msg) {
	in.now = time.Now()
	for range fewMessages {
		in.accept(m)
		select {
		case m = <-in.intake:
			continue
		default:
		}
		wake(in.drained)
		return
	}
	in.accept(m)
	if len(in.intake) == 0 {
		wake(in.drained)
	}
}

// accept takes one message.
func (in *inbound) accept(m *nats.Msg) {
	class, part, from, ok := in.subjects.parse(m.Subject)
	shard, isTopic := shardNamed(part)
	var err error
	switch {
	case !ok:
		err = errFrame
	case class == toTopic:
		err = in.posted(m, from, part)
	case isTopic:
		err = in.message(m, from, shard, class == toOne)
	case part == partBeat:
		err = in.beaten(m.Data, from, class == toOne)
	case part == partAsk && class == toOne:
		err = in.asked(m.Data)
	case part == partAlive: // this node's, or to one that joins
	default:
		err = errFrame
	}
	if err != nil {
		in.malformed.Add(1)
		subject := m.Subject // not m, which may be large
		in.notes.put(func() { in.log.Error("not an adapter's message", "subject", subject, "node", in.node, "error", err) })
	}
}

// message takes a message to its queue.
func (in *inbound) message(m *nats.Msg, from string, shard int, direct bool) error {
	f, err := decode(m.Data)
	if err != nil || f.incarnation == in.incarnation && from == in.node {
		return err
	}
	lacking, fresh, err := in.peers.message(from, f, shard, direct)
	if err != nil {
		return err
	}
	q := in.queues[shard]
	if lacking > 0 {
		in.lose(lacking)
		q.miss("", false, lacking)
	}
	if fresh && !q.put(packetOf(m, f.topic, f.data, from, in.now)) {
		in.lose(1)
		q.miss(f.topic, true, 1)
	}
	return nil
}

// posted takes what is sent to the nodes that want a topic, or know of topics. A node that
// takes all topics does not count what is missing.
func (in *inbound) posted(m *nats.Msg, from, part string) error {
	if part == partNode {
		a, err := decodeAnnouncement(m.Data)
		if err == nil && (a.incarnation != in.incarnation || from != in.node) {
			in.peers.announced(from, a)
		}
		return err
	}
	h, ok := topicNamed(part)
	if !ok {
		return errFrame
	}
	f, err := decodeTopic(m.Data, in.version)
	if err != nil || f.incarnation == in.incarnation && from == in.node {
		return err
	}
	if f.kind != topicTally && hashOf(f.topic) != h {
		return errFrame // it would be on no subscription of its topic
	}
	lacking, fresh := uint64(0), f.more+1
	if in.routes != nil {
		lacking, fresh, err = in.peers.arrived(from, h, f, in.routes)
	}
	if err != nil {
		return err
	}
	q := in.queues[shardOf(f.topic)]
	if lacking > 0 {
		in.lose(lacking)
		q.miss(f.topic, f.kind != topicTally || hashOf(f.topic) == h, lacking)
	}
	refused := uint64(0)
	switch {
	case fresh == 0 || f.kind == topicTally:
	case f.kind == topicPack:
		refused = in.unpack(q, m, f, fresh, from)
	case !q.put(packetOf(m, f.topic, f.data, from, in.now)):
		refused = 1
	}
	if refused > 0 {
		in.lose(refused)
		q.miss(f.topic, true, refused)
	}
	return nil
}

// sharedBy is how many messages of a pack at most, of one size, share its memory. Smaller ones are
// copied: one that is kept keeps all that it shares memory with, and is counted alone.
const sharedBy = 8

// suspect has it told that something may be missing of what other nodes have sent.
func (in *inbound) suspect() { in.queues[0].suspect() }

// unpack takes the last messages of a pack to their queue, and returns how many had no room.
func (in *inbound) unpack(q *fair, m *nats.Msg, f topicFrame, fresh uint64, from string) (refused uint64) {
	b, old := f.data, f.more+1-fresh
	most := len(f.data)
	if hasHeaders(m) {
		most = m.Size()
	}
	for i := range f.more + 1 {
		var data []byte
		data, b, _ = cutBytes(b) // decodeTopic has made sure of them
		if i < old {
			continue
		}
		if len(data)*sharedBy < most {
			data = bytes.Clone(data)
		}
		in.few = append(in.few, packet{topic: f.topic, data: data, peer: from, came: in.now})
	}
	refused = q.putAll(in.few)
	clear(in.few)
	in.few = in.few[:0]
	return refused
}

// beaten takes a beat.
func (in *inbound) beaten(data []byte, from string, direct bool) error {
	b, err := decodeBeat(data)
	if err != nil || b.incarnation == in.incarnation && from == in.node {
		return err
	}
	lacking, strange, err := in.peers.told(from, b, direct)
	if strange {
		in.queues[0].miss("", false, 1)
	}
	for shard, n := range lacking {
		if n > 0 {
			in.lose(n)
			in.queues[shard].miss("", false, n)
		}
	}
	if b.kind == beatHello && err == nil {
		in.out.greet(from)
	}
	return err
}

// asked answers a node that is about to join with the name of this one.
func (in *inbound) asked(data []byte) error {
	other, _, err := cutHead(data)
	if err == nil && other != in.incarnation {
		in.out.answerTwin()
	}
	return err
}

// packetOf returns what is to be kept of a message, so that no more is kept than is counted.
// That leaves the headers behind, which no node sends: they are in front of the data in
// memory, and read they are many times as large.
func packetOf(m *nats.Msg, topic string, data []byte, from string, came time.Time) packet {
	p := packet{topic: topic, data: data, peer: from, came: came}
	if hasHeaders(m) {
		p.data = append([]byte(nil), p.data...)
	}
	return p
}

func hasHeaders(m *nats.Msg) bool { return m.Size() > len(m.Subject)+len(m.Reply)+len(m.Data) }

// receiveAll passes on what comes in one part of the topics.
func (in *inbound) receiveAll(q *fair) {
	for in.life.Err() == nil {
		for _, g := range q.gaps() {
			in.receiver.Missed(g)
		}
		in.receive(q)
		select {
		case <-in.life.Done():
		case <-q.wake:
		}
	}
}

// receive passes on what there is, until something is missing.
func (in *inbound) receive(q *fair) {
	next := func() (m pubsub.Message, ok bool) {
		if in.life.Err() != nil {
			q.finish()
			return m, false
		}
		p, ok := q.next()
		return pubsub.Message{From: p.peer, Topic: p.topic, Data: p.data}, ok
	}
	if stream, ok := in.receiver.(pubsub.Stream); ok {
		stream.ReceiveAll(next)
		return
	}
	for m, ok := next(); ok; m, ok = next() {
		in.receiver.Receive(m.From, m.Topic, m.Data)
	}
}
