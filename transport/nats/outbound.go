package nats

import (
	"strconv"
	"time"
)

// outbound is what goes out from a node. One goroutine takes it from the queue to the
// connection, whose Publish waits when the server is slow, and numbers it.
type outbound struct {
	*membership
	queue *fair

	greetings chan string   // nodes that have just joined
	again     chan struct{} // has one if the connection was away
	twin      chan struct{} // has one if another node of this name wants to join

	// The rest is of the goroutine that sends.

	sent   numbers            // of messages to all
	topics *numbering         // and of those to the nodes that want their topics
	steady int                // beats since the node has said hello
	retell bool               // somebody else has
	direct map[string]*direct // by node
	few    []packet           // of its own
	buf    []byte
}

// direct is what has been sent to one node.
type direct struct {
	sent     numbers
	subjects [shardCount]string
	untold   int // in how many beats it is still to be told
}

// maxDirect is how many nodes messages are numbered for that are sent to one node only.
const maxDirect = 1024

func newOutbound(m *membership, packets int, bytes int64) *outbound {
	return &outbound{
		membership: m, queue: newFair(packets, bytes),
		greetings: make(chan string, 64), again: make(chan struct{}, 1), twin: make(chan struct{}, 1),
		direct: make(map[string]*direct), topics: newNumbering(m.times),
	}
}

// greet has a node that joins told of this one. One that is not, for want of room, hears the
// next beat.
func (o *outbound) greet(node string) {
	select {
	case o.greetings <- node:
	default:
	}
}

// hello has all others told of this node, and asked for what it has missed.
func (o *outbound) hello() {
	wake(o.again)
}

// answerTwin has a node that wants to join under this one's name told that this one lives.
func (o *outbound) answerTwin() {
	wake(o.twin)
}

// send takes what is queued to the connection until the end, and then the rest.
func (o *outbound) send() {
	beats := time.NewTicker(o.times.beat)
	defer beats.Stop()
	o.beat(beatHello)
	for {
		select {
		case <-beats.C:
			o.times.wait()
			o.beat(beatHere)
		case node := <-o.greetings:
			d := o.direct[node]
			if d == nil {
				d = new(direct) // not kept: others can greet under many names
			}
			o.beatTo(node, d) // so that it knows what came before it
			o.retell = true
		case <-o.again:
			o.retell = true
			o.beat(beatHello)
		case <-o.twin:
			o.publish(o.subjects.toSelf(partAlive), appendHead(nil, o.incarnation))
		default:
		}
		// A few of what waits after each of these: others can send any number of greetings.
		switch {
		case o.some():
		case o.queue.over():
			o.leave()
			return
		default:
			o.wait(beats.C)
		}
	}
}

// some sends a few of what is queued. It reports false if there is nothing.
func (o *outbound) some() bool {
	defer o.queue.finish()
	for n := range fewMessages {
		o.few = o.queue.nextFew(o.few, o.packRoom())
		switch len(o.few) {
		case 0:
			return n > 0
		case 1:
			o.message(o.few[0])
		default:
			o.pack(o.few)
		}
		clear(o.few)
		o.few = o.few[:0]
	}
	return true
}

// fewMessages is how many messages of NATS are sent before what else there is to do.
const fewMessages = 32

// leave says goodbye, and waits until the server has it, and all before it.
func (o *outbound) leave() {
	o.beat(beatLeaves)
	if State(o.state.Load()) == Connected {
		_ = flush(o.conn, o.times.leave)
	}
}

// wait waits until there is something to do. What came from a channel goes back to where it
// was, but for a tick, which is done at once.
func (o *outbound) wait(beats <-chan time.Time) {
	select {
	case <-o.queue.wake:
	case <-beats:
		o.times.wait()
		o.beat(beatHere)
	case node := <-o.greetings:
		o.greet(node)
	case <-o.again:
		o.hello()
	case <-o.twin:
		o.answerTwin()
	}
}

// choosy reports whether what is published goes to those that want its topic only. It goes to
// all while some do not understand that. Two beats after it has joined, or has come back, a
// node has heard of all others.
func (o *outbound) choosy() bool {
	return o.version >= topicVersion && o.steady >= 2 && o.peers.understand(topicVersion)
}

// packRoom returns how many bytes a pack may have: none while some do not understand packs.
func (o *outbound) packRoom() int64 {
	if o.version < packVersion || !o.choosy() || !o.peers.understand(packVersion) {
		return 0
	}
	return min(packBytes, o.maxPayload/2)
}

// pack sends messages of one topic, which go to those that want it, as one.
func (o *outbound) pack(few []packet) {
	l := o.topics.next(few[0].topic, o.subjects)
	f := topicFrame{incarnation: o.incarnation, kind: topicPack, base: l.base, number: l.number, topic: few[0].topic}
	o.topics.more(l, uint64(len(few)-1))
	o.buf = f.append(o.buf[:0])
	for _, p := range few {
		o.buf = appendString(o.buf, p.data)
	}
	o.sendBuf(l.subject, len(few))
}

// message sends a message. Its number is used up whatever happens, so that the others notice
// when it is lost.
func (o *outbound) message(p packet) {
	if p.peer == "" && !p.wide && o.choosy() {
		l := o.topics.next(p.topic, o.subjects)
		o.buf = topicFrame{o.incarnation, topicMessage, l.base, l.number, p.topic, p.data, 0}.append(o.buf[:0])
		o.sendBuf(l.subject, 1)
		return
	}
	f := frame{incarnation: o.incarnation, topic: p.topic, data: p.data}
	shard := shardOf(p.topic)
	subject := o.subjects.all[shard]
	if p.peer == "" {
		o.sent[shard]++
		f.number = o.sent[shard]
	} else if d := o.directTo(p.peer); d != nil {
		d.sent[shard]++
		d.untold = o.times.told
		if d.subjects[shard] == "" {
			d.subjects[shard] = o.subjects.toNode(p.peer, strconv.Itoa(shard))
		}
		f.number, subject = d.sent[shard], d.subjects[shard]
	} else {
		subject = o.subjects.toNode(p.peer, strconv.Itoa(shard))
	}
	o.buf = f.append(o.buf[:0])
	o.sendBuf(subject, 1)
}

// sendBuf sends what is in buf, which has so many messages.
func (o *outbound) sendBuf(subject string, messages int) {
	if !o.publish(subject, o.buf) {
		o.unsent.Add(uint64(messages))
	}
	if cap(o.buf) > keptBuf {
		o.buf = nil
	}
}

// keptBuf is how large a buffer is kept for the next message.
const keptBuf = 64 << 10

// directTo returns what has been sent to a node, or nil if there are too many of them. None
// is forgotten: what is numbered anew would be taken for old.
func (o *outbound) directTo(node string) *direct {
	d := o.direct[node]
	if d == nil && len(o.direct) < maxDirect {
		d = new(direct)
		o.direct[node] = d
	}
	return d
}

// publish takes bytes to the connection, which copies them. It fails if that is closed, or
// interrupted for so long that what it keeps for then is full.
func (o *outbound) publish(subject string, data []byte) bool {
	return o.conn.Publish(subject, data) == nil
}

// beat tells all nodes of this one, and those that have been sent something of their own how
// much.
func (o *outbound) beat(kind byte) {
	if kind == beatHello {
		o.steady = 0
	} else {
		o.steady++
	}
	if kind != beatHere || o.state.Load() == int32(Connected) { // not many of them at once when it is back
		if o.version >= topicVersion {
			o.announce()
		}
		o.publish(o.subjects.toAll(partBeat), beat{incarnation: o.incarnation, kind: kind, sent: o.sent}.encode())
	}
	for node, d := range o.direct {
		if d.untold > 0 {
			o.beatTo(node, d)
		}
	}
}

// announce tells the nodes that understand it what there was on topics lately, and then of
// this node: those that hear of it behind the tallies know what is missing.
func (o *outbound) announce() {
	if o.retell {
		o.retell = false
		o.topics.again()
	}
	o.topics.tell(func(l *line) {
		o.buf = topicFrame{o.incarnation, topicTally, l.base, l.number, l.topic, nil, 0}.append(o.buf[:0])
		o.publish(l.subject, o.buf)
	})
	o.publish(o.subjects.toNodes(), announcement{o.incarnation, o.version, o.topics.published}.encode())
}

func (o *outbound) beatTo(node string, d *direct) {
	d.untold--
	o.publish(o.subjects.toNode(node, partBeat), beat{o.incarnation, beatHere, o.sent, d.sent}.encode())
}
