package group

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// packet is what goes from node to node.
type packet struct {
	from string // the node that has sent it, as the cluster's adapter vouches
	data []byte
}

// rawCodec takes what is bytes already.
type rawCodec struct{}

// Encode implements [pubsub.Codec].
func (rawCodec) Encode(_ string, p packet) ([]byte, error) { return p.data, nil }

// Decode implements [pubsub.Codec].
func (rawCodec) Decode(_ string, data []byte) (packet, error) { return packet{data: data}, nil }

// DecodeFrom implements [pubsub.OriginCodec].
func (rawCodec) DecodeFrom(node, _ string, data []byte) (packet, error) {
	return packet{node, data}, nil
}

// post takes messages to the members of other nodes, and theirs to those of this one. A group has
// one of several lanes, by its name, so that a member's slow Make holds up a part of the groups
// only; within a lane there is an order.
type post[G comparable] struct {
	set   *Set[G]
	nodes *pubsub.PubSub[packet]
	name  func(G) string
	group func(string) G
	log   *slog.Logger
	gaps  gaps

	encoding foreign.Calls // of the codecs of what is sent
}

// gaps counts what was lost on the way. It is a [pubsub.Subscriber] of the lanes' gaps.
type gaps struct{ lost *atomic.Uint64 }

// Deliver implements [pubsub.Subscriber].
func (g *gaps) Deliver(_ string, gap pubsub.Gap) { g.lost.Add(gap.Messages) }

// laneCount is the number of lanes. All nodes must agree on it.
const laneCount = 16

func laneName(i int) string { return "m" + strconv.Itoa(i) }

func laneOf(group string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(group))
	return laneName(int(h.Sum32() % laneCount))
}

// mail is a message on its way: [version][one][name][group][body]. The name of the codec stands
// behind that of the message, with a zero byte between, if it has one: so a node that knows of no
// such names does not serve it, rather than take it for JSON.
type mail struct {
	one   bool // for one member, and not all
	name  string
	codec string
	group string
	body  []byte
}

// codecMark begins the name of a codec.
const codecMark = "\x00"

func (m mail) encode() []byte {
	if m.codec != "" {
		m.name += codecMark + m.codec
	}
	b := make([]byte, 0, len(m.name)+len(m.group)+len(m.body)+2+2*binary.MaxVarintLen32)
	one := byte(0)
	if m.one {
		one = 1
	}
	b = append(b, wireVersion, one)
	b = binary.AppendUvarint(b, uint64(len(m.name)))
	b = append(b, m.name...)
	b = binary.AppendUvarint(b, uint64(len(m.group)))
	b = append(b, m.group...)
	return append(b, m.body...)
}

// openMail returns a mail that keeps b. The error is errNotice or errVersion.
func openMail(b []byte) (mail, error) {
	if len(b) > 0 && b[0] != wireVersion {
		return mail{}, errVersion
	}
	r := &reader{b: b}
	r.byte()
	m := mail{one: r.byte() == 1, name: r.string(), group: r.string(), body: r.b}
	if r.err != nil {
		return mail{}, r.err
	}
	m.name, m.codec, _ = strings.Cut(m.name, codecMark)
	return m, nil
}

// errAlone says that a set is not connected any more.
var errAlone = fmt.Errorf("the set is not connected: %w", pubsub.ErrNotJoined)

// mail implements [place].
func (p spot[G]) mail(node string, m mail) error {
	l := p.set.link.Load()
	if l == nil {
		return errAlone
	}
	m.group = l.name(p.group)
	if err := l.nodes.DirectBroadcast(node, laneOf(m.group), packet{data: m.encode()}); err != nil {
		return err
	}
	p.set.counts.sent.Add(1)
	return nil
}

// errStuck says that a codec does not return.
var errStuck = fmt.Errorf("the codec does not return: %w", pubsub.ErrOverloaded)

// encode implements [place]. The codec that f calls is users' code.
func (p spot[G]) encode(f func(pubsub.Encoding) (mail, error)) (mail, error) {
	l := p.set.link.Load()
	if l == nil {
		return mail{}, errAlone
	}
	m := new(mail) // it may be written to after an error
	err := l.encoding.Do(func() (err error) {
		*m, err = f(l.nodes.Encoding())
		return err
	})
	switch err {
	case nil:
		return *m, nil
	case foreign.ErrLate, foreign.ErrStuck:
		return mail{}, errStuck
	}
	return mail{}, err
}

// Deliver implements [pubsub.Subscriber]: it takes what another node sends to members of this one.
func (l *post[G]) Deliver(_ string, p packet) {
	c := &l.set.counts
	m, err := openMail(p.data)
	if err != nil {
		c.malformed.Add(1)
		l.log.Error("group: message of another node", "node", p.from, "error", err)
		return
	}
	c.received.Add(1)
	if err := l.give(m); err != nil {
		c.lost.Add(1)
		l.log.Warn("group: message of another node is lost here", "node", p.from, "group", m.group, "message", m.name, "error", err)
	}
}

var (
	errNotServed = errors.New("no message of that name is served here")
	errFull      = errors.New("not all members took it")
)

// give hands a message to one member, or all. The error says that somebody should have got it and
// did not.
func (l *post[G]) give(m mail) error {
	e := l.set.served.find(m.name)
	if e == nil {
		return errNotServed
	}
	pids := l.set.LocalMembers(l.group(m.group))
	if len(pids) == 0 {
		return ErrNoMembers
	}
	opened := make(chan func(actor.PID) error, 1)
	err := e.calls.Call(context.Background(), func(context.Context) error {
		give, err := e.open(l.nodes.Encoding(), m)
		opened <- give
		return err
	})
	if err != nil {
		return err
	}
	give := <-opened
	if m.one {
		rand.Shuffle(len(pids), func(i, j int) { pids[i], pids[j] = pids[j], pids[i] })
	}
	var last error
	for _, pid := range pids {
		if err := give(pid); err != nil {
			last = err
		} else if m.one {
			return nil
		}
	}
	if last != nil {
		return fmt.Errorf("%w: %w", errFull, last)
	}
	return nil
}

// counts are the counters behind [Stats].
type counts struct {
	sent, received, lost, malformed atomic.Uint64
	nodes, far                      atomic.Int64
}

// Stats are the counts of what has gone between a set and its like on other nodes: numbers that
// only grow, and behind them how it is now.
type Stats struct {
	Sent      uint64 // messages to members of other nodes, one for each node
	Received  uint64 // messages of other nodes
	Lost      uint64 // of those, which not all that they were for have got; and which were missed on the way, at least
	Malformed uint64 // what came and was no message of groups, or one of another version

	Nodes      int // other nodes that are there
	FarMembers int // memberships of other nodes
}

// Stats returns the counts.
func (s *Set[G]) Stats() Stats {
	c := &s.counts
	return Stats{
		Sent: c.sent.Load(), Received: c.received.Load(), Lost: c.lost.Load(), Malformed: c.malformed.Load(),
		Nodes: int(c.nodes.Load()), FarMembers: int(c.far.Load()),
	}
}

// MessagesLost is an event: messages of other nodes did not reach members of this one that they
// were for. They were lost on the way, a mailbox was full, no member was left, or the message is
// not served here. It is told every half second at most. There were as many, at least.
type MessagesLost struct {
	Node     string // this one
	Set      string // its name in the cluster
	Messages uint64 // since it was told last
	Total    uint64
}

// ActorEvent implements [actor.Event].
func (MessagesLost) ActorEvent() {}
