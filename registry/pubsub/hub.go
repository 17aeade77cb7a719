package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Hub makes a cluster of nodes that live in one program: to see in a test or an example
// what a program does on several nodes. Messages go from node to node as bytes and
// asynchronously, as over a network, and get lost where a node falls behind.
//
// The zero Hub is ready to use; it must not be copied. Its nodes are each a [Router] and [Prompt].
type Hub struct {
	// QueueLimit is how many messages may wait for a node; 1024 if zero. It must
	// not be changed once a node has joined.
	QueueLimit int

	// QueueBytes is how many bytes they may have; 16 MiB if zero. One message may
	// have more, if no other one waits. It must not be changed either.
	QueueBytes int

	// mu is held for reading while messages are put into queues, and for writing
	// while nodes come and go. So no queue is closed with a sender at it.
	mu      sync.RWMutex
	members map[string]*hubMember // by the names of their nodes
	joins   uint64                // so far
	changed chan struct{}         // closed when the members are others; nil if nobody has asked
}

const (
	defaultQueueLimit = 1024
	defaultQueueBytes = 16 << 20
)

// Node returns a node that may join the hub. Its name must not be empty, or its
// Join fails, as it does while another node of that name is a member.
func (h *Hub) Node(name string) Adapter { return &hubNode{hub: h, name: name} }

// hubNode is an [Adapter].
type hubNode struct {
	hub    *Hub
	name   string
	member *hubMember // the latest one; nil before the first Join; guarded by the hub's mu

	follows follows
}

// follows counts the topics that a node follows.
type follows struct {
	mu     sync.RWMutex
	topics map[string]int
}

func (f *follows) add(topic string, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.topics == nil {
		f.topics = make(map[string]int)
	}
	if f.topics[topic] += n; f.topics[topic] == 0 {
		delete(f.topics, topic)
	}
}

func (f *follows) has(topic string) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.topics[topic] > 0
}

// hubMember is a hubNode from a Join until the Leave that follows. One goroutine empties
// its queue, so that all that it receives is in one order.
type hubMember struct {
	node  *hubNode
	picky bool          // it gets what it follows only
	join  uint64        // which of the hub's joins it is
	queue chan packet   // closed by Leave
	limit int64         // of waiting
	left  atomic.Bool   // set by Leave
	done  chan struct{} // closed when no receive runs any more

	waiting atomic.Int64  // bytes in the queue, and of the message that is received
	missed  atomic.Uint64 // messages that there was no room for, and of which it has not been told
}

// packet is a message on its way.
type packet struct {
	from, topic string
	data        []byte
}

func (p packet) size() int64 { return int64(len(p.topic) + len(p.data)) }

// Node implements [Adapter].
func (n *hubNode) Node() string { return n.name }

// Join implements [Adapter].
func (n *hubNode) Join(r Receiver) error {
	h := n.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case n.name == "":
		return errors.New("a node needs a name")
	case n.member != nil && !n.member.over():
		return fmt.Errorf("node %q has not left yet", n.name)
	case h.members[n.name] != nil:
		return fmt.Errorf("there is another node %q", n.name)
	}
	if h.members == nil {
		h.members = make(map[string]*hubMember)
	}
	h.joins++
	n.member = h.newMember(n)
	n.member.join = h.joins
	_, n.member.picky = r.(Selective)
	h.members[n.name] = n.member
	h.change()
	go n.member.run(r)
	return nil
}

// change tells those that have asked that the members are others.
func (h *Hub) change() {
	if h.changed != nil {
		close(h.changed)
		h.changed = nil
	}
}

// Nodes implements [Roster].
func (n *hubNode) Nodes() (list []Node, changed <-chan struct{}) {
	h := n.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.changed == nil {
		h.changed = make(chan struct{})
	}
	if n.joined() {
		for name, m := range h.members {
			if m != n.member {
				list = append(list, Node{name, m.join})
			}
		}
	}
	return list, h.changed
}

func (h *Hub) newMember(node *hubNode) *hubMember {
	limit, bytes := h.QueueLimit, int64(h.QueueBytes)
	if limit <= 0 {
		limit = defaultQueueLimit
	}
	if bytes <= 0 {
		bytes = defaultQueueBytes
	}
	return &hubMember{node: node, queue: make(chan packet, limit), limit: bytes, done: make(chan struct{})}
}

func (m *hubMember) run(r Receiver) {
	defer close(m.done)
	for p := range m.queue {
		if m.left.Load() {
			return
		}
		r.Receive(p.from, p.topic, p.data)
		m.waiting.Add(-p.size())
		if n := m.missed.Swap(0); n > 0 {
			r.Missed(Gap{Anywhere: true, Messages: n})
		}
	}
}

// over reports whether the member has left, and no receive runs any more.
func (m *hubMember) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}

// Broadcast implements [Adapter].
func (n *hubNode) Broadcast(topic string, data []byte) error {
	return n.tell(topic, data, func(*hubMember) bool { return true })
}

// Prompt implements [Prompt].
func (n *hubNode) Prompt() Adapter { return n }

// Publish implements [Router].
func (n *hubNode) Publish(topic string, data []byte) error {
	return n.tell(topic, data, func(to *hubMember) bool { return !to.picky || to.node.follows.has(topic) })
}

// Follow implements [Router].
func (n *hubNode) Follow(topic string) (known <-chan struct{}) {
	n.follows.add(topic, 1)
	return nil
}

// Unfollow implements [Router].
func (n *hubNode) Unfollow(topic string) { n.follows.add(topic, -1) }

// tell sends to all other nodes that want it.
func (n *hubNode) tell(topic string, data []byte, wants func(*hubMember) bool) error {
	h := n.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !n.joined() {
		return ErrNotJoined
	}
	var errs []error
	for _, to := range h.members {
		if to == n.member || !wants(to) {
			continue
		}
		if err := to.put(packet{n.name, topic, data}); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// Send implements [Adapter].
func (n *hubNode) Send(node, topic string, data []byte) error {
	h := n.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	if !n.joined() {
		return ErrNotJoined
	}
	to := h.members[node]
	if to == nil || to == n.member {
		return ErrNoNode
	}
	return to.put(packet{n.name, topic, data})
}

// joined is called with the hub's lock held.
func (n *hubNode) joined() bool { return n.member != nil && n.hub.members[n.name] == n.member }

// put is called with the hub's lock held for reading.
func (m *hubMember) put(p packet) error {
	if m.reserve(p.size()) {
		select {
		case m.queue <- p:
			return nil
		default:
			m.waiting.Add(-p.size())
		}
	}
	m.missed.Add(1)
	return fmt.Errorf("node %q: %w", m.node.name, ErrOverloaded)
}

// reserve counts the bytes of a message, if there is room for them.
func (m *hubMember) reserve(size int64) bool {
	for {
		waiting := m.waiting.Load()
		if waiting > 0 && waiting+size > m.limit {
			return false
		}
		if m.waiting.CompareAndSwap(waiting, waiting+size) {
			return true
		}
	}
}

// Leave implements [Adapter].
func (n *hubNode) Leave(ctx context.Context) error {
	h := n.hub
	h.mu.Lock()
	m := n.member
	if n.joined() {
		delete(h.members, n.name)
		h.change()
		m.left.Store(true)
		close(m.queue)
	}
	h.mu.Unlock()
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
