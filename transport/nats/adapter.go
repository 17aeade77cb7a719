package nats

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Adapter makes a [pubsub.Cluster] of nodes that are connected to the same NATS server,
// or to servers of one NATS cluster. It is a [pubsub.Adapter]. The fields must not be
// changed once it has joined.
type Adapter struct {
	// Conn is the connection, which may serve others as well. The adapter does not
	// close it, and must be left before it is closed. With nats.NoEcho the node's own
	// messages do not come back, as is best; otherwise they do, and are left out here, but
	// a flood of them takes the room of others' messages. With nats.MaxReconnects(-1) it
	// never gives up; one that does is [Gone]. Under permissions.conf it has an inbox of its own, by
	// nats.CustomInboxPrefix.
	Conn *nats.Conn

	// Name is the node's name, which no other node of the cluster may have, of up to
	// 256 bytes. It must not be empty.
	Name string

	// Prefix begins the subjects of all messages; "troupe.pubsub" if empty. All nodes
	// of a cluster have the same one, and no other program has it. The last token of a
	// subject is the sender's name in hexadecimal, so that permissions of NATS can bind it.
	Prefix string

	// QueueLimit is how many messages may wait to be sent, and how many to be
	// received in each of the 16 parts of the topics; 1024 if zero. One topic may have
	// four times as many as there is room for more, which is four fifths of them: so a
	// busy one leaves room for the others, which take turns with it. A message that is
	// not sent for want of room is refused with an error that wraps
	// [pubsub.ErrOverloaded]. One that is not received for it is lost, as [Adapter.Lost]
	// says.
	QueueLimit int

	// QueueBytes is how many bytes they may have, also in each of the parts; 16 MiB
	// if zero, which is 272 MiB for a node that is overloaded everywhere. One message
	// may have more, if no other one waits. What the connection has read just now
	// comes on top of that: at most 1,024 messages, which are sorted into the parts
	// by a goroutine that does nothing else. If that has no time even for this, the
	// connection drops what comes, and tells its ErrorHandler. Messages of a kilobyte and
	// more that have come together, up to eight of them, share their memory: one of them
	// that is kept keeps all.
	QueueBytes int

	// TopicLimit is how many topics this node has a subscription of NATS each for, of those
	// that it follows; 16,384 if zero. One that follows more takes what is published on any
	// topic, until it follows less than half as many. So does one whose server refuses it
	// subscriptions, by max_subscriptions: it logs that, and connects anew, also where Conn serves
	// others as well. If there is no room even then, it logs that it is deaf, and [Node.Health] says
	// so. The Denied of [Adapter.Traffic] counts both.
	TopicLimit int

	// Lost is told of messages of other nodes that were lost on their way here, for want of
	// room or of a connection: how many since it was told last. It is called at once and then
	// at most every ten seconds, on a goroutine of its own. If it panics, calls runtime.Goexit,
	// or takes longer than five seconds, that is logged. Each loss is logged, counted by
	// [Adapter.Traffic], an event of the node's system, [pubsub.MessagesLost], and told to
	// those that have called [pubsub.PubSub.SubscribeGaps], whether Lost is nil or not.
	Lost func(messages uint64)

	// Logger gets what is dropped, and what comes on the adapter's subjects and is not
	// an adapter's message, within the bounds of package boundlog; slog.Default() if
	// nil.
	Logger *slog.Logger

	mu  sync.RWMutex
	now *membership // the latest one; nil before the first Join

	joining bool

	lost, unsent, malformed, reconnects, denied atomic.Uint64

	roster  roster
	follows follows

	times   times             // of tests; defaultTimes if zero
	version byte              // of tests: it is of that one; latestVersion if zero
	gate    *gate             // of a Node's connection, or nil
	observe func(actor.Event) // of a Node, or nil
}

// shardCount is the number of parts that the topics fall into. What comes in one of
// them is received one message after the other, so that a subscriber that takes
// its time holds up a part of the topics only. All nodes must agree on it.
const shardCount = 16

const (
	defaultPrefix     = "troupe.pubsub"
	defaultQueueLimit = 1024
	defaultQueueBytes = 16 << 20

	// flushTimeout is how long a node that joins or leaves waits for the server.
	flushTimeout = 10 * time.Second
)

// Node implements [pubsub.Adapter].
func (a *Adapter) Node() string { return a.Name }

// Join implements [pubsub.Adapter]. It waits until the server knows this node, for up to ten
// seconds. It fails with an error that wraps [ErrNameTaken] if a node of its name lives, and
// if another adapter of this name has joined by the same connection, with the same Prefix.
func (a *Adapter) Join(r pubsub.Receiver) error {
	if err := a.beginJoin(); err != nil {
		return err
	}
	m, changes, err := a.enter(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.joining = false
	if err != nil {
		return fmt.Errorf("node %q: %w", a.Name, err)
	}
	a.now = m
	a.roster.change()
	m.start(changes)
	if a.gate != nil {
		a.gate.in.Store(m.in) // it opens with the membership's end
	}
	return nil
}

// beginJoin keeps another Join out, and does not hold the lock for as long as a Join may take:
// others ask how the node is meanwhile.
func (a *Adapter) beginJoin() error {
	if err := a.check(); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.Conn == nil:
		return fmt.Errorf("node %q needs a connection", a.Name)
	case a.joining:
		return fmt.Errorf("node %q is joining", a.Name)
	case a.now != nil && !a.now.over():
		return fmt.Errorf("node %q has not left yet", a.Name)
	}
	a.joining = true
	return nil
}

// check returns what is wrong with the name or the prefix.
func (a *Adapter) check() error {
	if err := checkNode(a.Name); err != nil {
		return err
	}
	if !isSubject(a.prefix()) {
		return fmt.Errorf("node %q: %q cannot begin a subject of NATS", a.Name, a.prefix())
	}
	return nil
}

func checkNode(name string) error {
	if name == "" || len(name) > maxName {
		return fmt.Errorf("a node's name has %d bytes, want 1 to %d", len(name), maxName)
	}
	return nil
}

// enter returns a membership of which the server knows, and that has not started.
func (a *Adapter) enter(r pubsub.Receiver) (m *membership, changes chan nats.Status, err error) {
	m = a.newMembership(r)
	end, err := use{a.Conn, a.prefix()}.begin(a.Name)
	if err != nil {
		return nil, nil, err
	}
	m.endOfUse = end
	changes = a.Conn.StatusChanged()
	if m.routes != nil {
		a.follows.begin(m.routes)
	}
	if err := m.enter(); err != nil {
		a.Conn.RemoveStatusListener(changes)
		m.in.unsubscribe()
		if a.forget(m); m.routes != nil {
			m.routes.unsubscribe()
		}
		end()
		return nil, nil, err
	}
	m.maxPayload = a.Conn.MaxPayload() // there may have been no server before
	m.state.Store(int32(stateOf(a.Conn.Status())))
	return m, changes, nil
}

// forget has a membership that ends follow nothing any more.
func (a *Adapter) forget(m *membership) {
	if m.routes != nil {
		a.follows.end(m.routes)
	}
}

// enter has the server send this node what is for it.
func (m *membership) enter() error {
	if err := flush(m.conn, flushTimeout); err != nil {
		return err
	}
	if err := m.askTwin(); err != nil {
		return err
	}
	if err := m.in.subscribe(); err != nil {
		return err
	}
	if m.routes != nil {
		m.routes.tell()
	}
	return flush(m.conn, flushTimeout)
}

// flush waits until the server has what was sent. It is not FlushTimeout, which shares timers
// with all of the process, and so cannot be called in a test on virtual time.
func flush(conn *nats.Conn, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return conn.FlushWithContext(ctx)
}

func (a *Adapter) prefix() string { return cmp.Or(a.Prefix, defaultPrefix) }

// Prompt implements [pubsub.Prompt].
func (a *Adapter) Prompt() pubsub.Adapter { return a }

// Members returns the other nodes, as far as this one knows them, by name. There are none
// before Join and after Leave.
//
// OTP: nodes/0.
func (a *Adapter) Members() []Member {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.now == nil || a.now.left {
		return nil
	}
	return a.now.peers.members()
}

// Broadcast implements [pubsub.Adapter].
func (a *Adapter) Broadcast(topic string, data []byte) error {
	return a.put(packet{topic: topic, data: data, wide: true})
}

// Publish implements [pubsub.Router]. It is Broadcast for two seconds after this node has
// joined or has been away, and while there is a node that was made before version 3 of what
// goes between nodes, see [Member]. What waits on a topic, because this node or its server is
// slower than those that publish, goes out together, up to 8 KB as one message of NATS; this
// is version 4. Nothing waits for that, and each message counts by itself.
func (a *Adapter) Publish(topic string, data []byte) error {
	return a.put(packet{topic: topic, data: data})
}

// Send implements [pubsub.Adapter]. It cannot know whether there is such a node, unless the name
// is none that a node can have. Others may have said that name: it must not become a subject so
// long that the server ends the connection.
func (a *Adapter) Send(node, topic string, data []byte) error {
	if node != "" && node != a.Name && len(node) <= maxName {
		return a.put(packet{topic: topic, data: data, peer: node})
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.now == nil || a.now.left {
		return pubsub.ErrNotJoined
	}
	return fmt.Errorf("node %.*q: %w", maxName, node, pubsub.ErrNoNode)
}

// put queues a message. A goroutine takes it from there to the connection, whose
// Publish waits when the server is slow.
func (a *Adapter) put(p packet) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	m := a.now
	switch {
	case m == nil || m.left:
		return pubsub.ErrNotJoined
	case State(m.state.Load()) == Gone:
		return fmt.Errorf("node %q: its connection is closed: %w", a.Name, pubsub.ErrNotJoined)
	}
	if n := int64(len(p.topic) + len(p.data) + frameRoom); n > m.maxPayload {
		return fmt.Errorf("%d bytes on %q, of at most %d: %w", n, p.topic, m.maxPayload, nats.ErrMaxPayload)
	}
	if !m.out.queue.put(p) {
		return fmt.Errorf("node %q: %w", a.Name, pubsub.ErrOverloaded)
	}
	return nil
}

// Leave implements [pubsub.Adapter]. What the server does not take within four seconds is
// lost; while the connection is away it is not waited for.
func (a *Adapter) Leave(ctx context.Context) error {
	a.mu.Lock()
	m := a.now
	if m != nil && !m.left {
		m.end()
		a.roster.change()
		a.forget(m)
	}
	a.mu.Unlock()
	if m == nil || m.over() { // also if ctx is done
		return nil
	}
	select {
	case <-m.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
