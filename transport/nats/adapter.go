package nats

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Adapter makes a [pubsub.Cluster] of nodes that are connected to the same NATS server,
// or to servers of one NATS cluster. It is a [pubsub.Adapter]. The fields must not be
// changed once it has joined.
type Adapter struct {
	// Conn is the connection, which may serve others as well. The adapter does not
	// close it, and must be left before it is closed.
	Conn *nats.Conn

	// Name is the node's name, which no other node of the cluster may have. It
	// must not be empty.
	Name string

	// Prefix begins the subjects of all messages; "troupe.pubsub" if empty. All nodes
	// of a cluster have the same one, and no other program has it.
	Prefix string

	// QueueLimit is how many messages may wait to be sent, and how many to be
	// received in each of the 16 parts of the topics; 1024 if zero. A message that is
	// not sent for want of room is refused with an error that wraps
	// [pubsub.ErrOverloaded]. One that is not received for it is dropped, which is
	// logged, at most every ten seconds, with their number since Join.
	QueueLimit int

	// QueueBytes is how many bytes they may have, also in each of the parts; 16 MiB
	// if zero, which is 272 MiB for a node that is overloaded everywhere. One message
	// may have more, if no other one waits. What the connection has read just now
	// comes on top of that: at most 1,024 messages, which are sorted into the parts
	// by a goroutine that does nothing else. If that has no time even for this, the
	// connection drops what comes, and tells its ErrorHandler.
	QueueBytes int

	// Lost is told of messages of other nodes that have been dropped for want of room: how many
	// since it was told last. It is called at once and then at most every ten seconds, on a
	// goroutine of its own. If it panics, calls runtime.Goexit, or takes longer than five
	// seconds, that is logged. Nobody is told if it is nil; [Adapter.Traffic] has the number.
	Lost func(messages uint64)

	// Logger gets what is dropped, and what comes on the adapter's subjects and is not
	// an adapter's message, within the bounds of package boundlog; slog.Default() if
	// nil.
	Logger *slog.Logger

	mu  sync.RWMutex
	now *membership // the latest one; nil before the first Join

	lost, malformed atomic.Uint64
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

// Join implements [pubsub.Adapter]. It waits until the server knows this node, for
// up to ten seconds.
func (a *Adapter) Join(receive func(topic string, data []byte)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.Conn == nil:
		return errors.New("a node needs a connection")
	case a.Name == "":
		return errors.New("a node needs a name")
	case a.now != nil && !a.now.over():
		return fmt.Errorf("node %q has not left yet", a.Name)
	}
	m := a.newMembership(receive)
	err := a.subscribe(m.in)
	if err == nil {
		err = a.Conn.FlushTimeout(flushTimeout)
	}
	if err != nil {
		m.in.unsubscribe()
		return fmt.Errorf("node %q: %w", a.Name, err)
	}
	a.now = m
	m.start()
	return nil
}

// subscribe has what is broadcast and what is sent to this node in one part of the
// topics come to one queue.
func (a *Adapter) subscribe(in *inbound) error {
	for shard := range shardCount {
		for _, subject := range []string{a.toAll(shard), a.toNode(a.Name, shard)} {
			if err := in.subscribe(a.Conn, subject, shard); err != nil {
				return err
			}
		}
	}
	return nil
}

func (a *Adapter) prefix() string {
	if a.Prefix == "" {
		return defaultPrefix
	}
	return a.Prefix
}

func (a *Adapter) toAll(shard int) string { return a.prefix() + ".all." + strconv.Itoa(shard) }

// toNode returns the subject of what is sent to one node. Any string may be a name,
// but not a part of a subject.
func (a *Adapter) toNode(node string, shard int) string {
	return a.prefix() + ".node." + hex.EncodeToString([]byte(node)) + "." + strconv.Itoa(shard)
}

func shardOf(topic string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(topic))
	return int(h.Sum32() % shardCount)
}

// Broadcast implements [pubsub.Adapter].
func (a *Adapter) Broadcast(topic string, data []byte) error {
	return a.put(a.toAll(shardOf(topic)), topic, data)
}

// Send implements [pubsub.Adapter]. It cannot know whether there is such a node.
func (a *Adapter) Send(node, topic string, data []byte) error {
	if node != "" && node != a.Name {
		return a.put(a.toNode(node, shardOf(topic)), topic, data)
	}
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.now == nil || a.now.left {
		return pubsub.ErrNotJoined
	}
	return fmt.Errorf("node %q: %w", node, pubsub.ErrNoNode)
}

// put queues a message. A goroutine takes it from there to the connection, whose
// Publish waits when the server is slow.
func (a *Adapter) put(subject, topic string, data []byte) error {
	a.mu.RLock() // so that nothing is put into a queue that Leave has closed
	defer a.mu.RUnlock()
	m := a.now
	if m == nil || m.left {
		return pubsub.ErrNotJoined
	}
	p := packet{subject: subject, data: frame{from: a.Name, topic: topic, data: data}.encode()}
	if n := int64(len(p.data)); n > m.maxPayload {
		return fmt.Errorf("%d bytes on %q, of at most %d: %w", n, topic, m.maxPayload, nats.ErrMaxPayload)
	}
	if !m.out.put(p) {
		return fmt.Errorf("node %q: %w", a.Name, pubsub.ErrOverloaded)
	}
	return nil
}

// Leave implements [pubsub.Adapter]. What the server does not take within ten
// seconds is lost.
func (a *Adapter) Leave(ctx context.Context) error {
	a.mu.Lock()
	m := a.now
	if m != nil && !m.left {
		m.end()
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
