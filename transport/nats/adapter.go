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
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Adapter makes a [pubsub.PubSub] a node of a cluster whose nodes are connected to
// the same NATS server, or to servers of one NATS cluster. It is a [pubsub.Adapter].
// The fields must not be changed once it is joined.
type Adapter struct {
	// Conn is the connection, which may serve others as well. The adapter does not
	// close it, and must be left before it is closed.
	Conn *nats.Conn

	// Name is the node's name, which no other node of the cluster may have. It
	// must not be empty.
	Name string

	// Prefix begins the subjects of all messages; "troupe.pubsub" if empty. All
	// nodes of a cluster have the same one, and nobody else. Each PubSub of a
	// program needs one of its own.
	Prefix string

	// QueueLimit is how many messages may wait to be sent, and how many to be
	// received in each of the 16 parts of the topics; 1024 if zero.
	QueueLimit int

	// Logger gets what comes on the adapter's subjects and is not an adapter's
	// message; slog.Default() if nil.
	Logger *slog.Logger

	// mu is held for reading while a message is put into out, so that out is not
	// closed with a sender at it.
	mu         sync.RWMutex
	out        chan packet // nil until joined; closed by Leave
	left       bool
	maxPayload int64
	receive    func(topic string, data []byte)
	subs       []*nats.Subscription
	stop       chan struct{}  // closed by Leave: no receive begins any more
	running    sync.WaitGroup // who sends, and who receives
	done       chan struct{}  // closed when none of them runs any more
}

// shardCount is the number of parts that the topics fall into. What comes in one of
// them is received one message after the other, so that a subscriber that takes
// its time holds up a part of the topics only. All nodes must agree on it.
const shardCount = 16

const (
	defaultPrefix     = "troupe.pubsub"
	defaultQueueLimit = 1024

	// flushTimeout is how long a node that joins or leaves waits for the server.
	flushTimeout = 10 * time.Second
)

// packet is a message on its way to the server.
type packet struct {
	subject string
	data    []byte
}

// Node implements [pubsub.Adapter].
func (a *Adapter) Node() string { return a.Name }

// Join implements [pubsub.Adapter]. It waits until the server knows this node, for
// up to ten seconds.
func (a *Adapter) Join(receive func(topic string, data []byte)) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.Conn == nil:
		return errors.New("nats: a node needs a connection")
	case a.Name == "":
		return errors.New("nats: a node needs a name")
	case a.out != nil:
		return fmt.Errorf("nats: node %q has joined before", a.Name)
	}
	limit := a.QueueLimit
	if limit <= 0 {
		limit = defaultQueueLimit
	}
	var queues [shardCount]chan *nats.Msg
	err := a.subscribe(&queues, limit)
	if err == nil {
		err = a.Conn.FlushTimeout(flushTimeout)
	}
	if err != nil {
		a.unsubscribe()
		return fmt.Errorf("nats: node %q joins: %w", a.Name, err)
	}
	a.receive = receive
	a.maxPayload = a.Conn.MaxPayload()
	a.out, a.stop, a.done = make(chan packet, limit), make(chan struct{}), make(chan struct{})
	a.running.Go(a.send)
	for _, queue := range queues {
		a.running.Go(func() { a.receiveAll(queue) })
	}
	return nil
}

// subscribe makes one queue for each part of the topics. What is broadcast and what
// is sent to this node goes into the same one, by the one goroutine that reads the
// connection, so it stays in the order in which the server passes it on.
func (a *Adapter) subscribe(queues *[shardCount]chan *nats.Msg, limit int) error {
	for shard := range queues {
		queues[shard] = make(chan *nats.Msg, limit)
		for _, subject := range []string{a.toAll(shard), a.toNode(a.Name, shard)} {
			sub, err := a.Conn.ChanSubscribe(subject, queues[shard])
			if err != nil {
				return err
			}
			a.subs = append(a.subs, sub)
		}
	}
	return nil
}

func (a *Adapter) unsubscribe() {
	for _, sub := range a.subs {
		_ = sub.Unsubscribe() // it fails if the connection is closed, and they with it
	}
	a.subs = nil
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
	if node == "" || node == a.Name {
		if err := a.member(); err != nil {
			return err
		}
		return fmt.Errorf("nats: send to %q: %w", node, pubsub.ErrNoNode)
	}
	return a.put(a.toNode(node, shardOf(topic)), topic, data)
}

func (a *Adapter) member() error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.out == nil || a.left {
		return pubsub.ErrNotJoined
	}
	return nil
}

// put queues a message. A goroutine takes it from there to the connection, whose
// Publish waits when the server is slow.
func (a *Adapter) put(subject, topic string, data []byte) error {
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.out == nil || a.left {
		return pubsub.ErrNotJoined
	}
	p := packet{subject, frame{from: a.Name, topic: topic, data: data}.encode()}
	if n := int64(len(p.data)); n > a.maxPayload {
		return fmt.Errorf("nats: %d bytes on %q, of at most %d: %w", n, topic, a.maxPayload, nats.ErrMaxPayload)
	}
	select {
	case a.out <- p:
		return nil
	default:
		return fmt.Errorf("nats: node %q: %w", a.Name, pubsub.ErrOverloaded)
	}
}

// send takes what is queued to the connection until Leave, and then the rest.
func (a *Adapter) send() {
	for p := range a.out {
		// It fails if the connection is closed, or interrupted for so long that
		// what it keeps for then is full. The message is lost, as it may be.
		_ = a.Conn.Publish(p.subject, p.data)
	}
	a.unsubscribe()
	_ = a.Conn.FlushTimeout(flushTimeout)
}

// receiveAll passes on what comes in one part of the topics.
func (a *Adapter) receiveAll(queue <-chan *nats.Msg) {
	for {
		select {
		case <-a.stop:
			return
		case m := <-queue:
			select {
			case <-a.stop: // which came first
				return
			default:
				a.take(m)
			}
		}
	}
}

func (a *Adapter) take(m *nats.Msg) {
	f, err := decode(m.Data)
	switch {
	case err != nil:
		log := a.Logger
		if log == nil {
			log = slog.Default()
		}
		log.Error("not an adapter's message", "subject", m.Subject, "node", a.Name, "error", err)
	case f.from != a.Name: // not what this node has broadcast itself
		a.receive(f.topic, f.data)
	}
}

// Leave implements [pubsub.Adapter]. What the server does not take within ten
// seconds is lost.
func (a *Adapter) Leave(ctx context.Context) error {
	a.mu.Lock()
	if a.out == nil {
		a.mu.Unlock()
		return nil
	}
	if !a.left {
		a.left = true
		close(a.stop)
		close(a.out)
		go func() {
			a.running.Wait()
			close(a.done)
		}()
	}
	a.mu.Unlock()
	select {
	case <-a.done: // also if ctx is done
		return nil
	default:
	}
	select {
	case <-a.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
