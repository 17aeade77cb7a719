package pubsub

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Hub joins several PubSubs of one program, each as a node of a cluster: to see
// in a test or an example what a program does on several nodes. Messages go from
// node to node as bytes and asynchronously, as over a network, and get lost where
// a node falls behind.
//
// The zero Hub is ready to use; it must not be copied.
type Hub struct {
	// QueueLimit is how many messages may wait for a node; 1024 if zero. It must
	// not be changed once a node has joined.
	QueueLimit int

	// QueueBytes is how many bytes they may have; 16 MiB if zero. One message may
	// have more, if no other one waits. It must not be changed either.
	QueueBytes int

	// mu is held for reading while messages are put into queues, and for writing
	// while nodes come and go. So no queue is closed with a sender at it.
	mu    sync.RWMutex
	nodes map[string]*hubNode
}

const (
	defaultQueueLimit = 1024
	defaultQueueBytes = 16 << 20
)

// Node returns a node that may join the hub. Its name must not be empty, or its
// Join fails, as it does while another node of that name is a member.
func (h *Hub) Node(name string) Adapter {
	return &hubNode{hub: h, name: name, done: make(chan struct{})}
}

// hubNode is an [Adapter]. One goroutine empties its queue, so that all that it
// receives is in one order.
type hubNode struct {
	hub  *Hub
	name string

	queue chan packet   // set by Join, closed by Leave
	limit int64         // of waiting; set by Join
	left  atomic.Bool   // set by Leave
	done  chan struct{} // closed when no receive runs any more

	waiting atomic.Int64 // bytes in the queue, and of the message that is received
}

// packet is a message on its way.
type packet struct {
	topic string
	data  []byte
}

func (p packet) size() int64 { return int64(len(p.topic) + len(p.data)) }

// Node implements [Adapter].
func (n *hubNode) Node() string { return n.name }

// Join implements [Adapter].
func (n *hubNode) Join(receive func(topic string, data []byte)) error {
	h := n.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case n.name == "":
		return errors.New("a node needs a name")
	case n.queue != nil:
		return fmt.Errorf("node %q has joined before", n.name)
	case h.nodes[n.name] != nil:
		return fmt.Errorf("there is another node %q", n.name)
	}
	limit := h.QueueLimit
	if limit <= 0 {
		limit = defaultQueueLimit
	}
	n.queue = make(chan packet, limit)
	if n.limit = int64(h.QueueBytes); n.limit <= 0 {
		n.limit = defaultQueueBytes
	}
	if h.nodes == nil {
		h.nodes = make(map[string]*hubNode)
	}
	h.nodes[n.name] = n
	go n.run(receive)
	return nil
}

func (n *hubNode) run(receive func(topic string, data []byte)) {
	defer close(n.done)
	for p := range n.queue {
		if n.left.Load() {
			return
		}
		receive(p.topic, p.data)
		n.waiting.Add(-p.size())
	}
}

// Broadcast implements [Adapter].
func (n *hubNode) Broadcast(topic string, data []byte) error {
	h := n.hub
	h.mu.RLock()
	defer h.mu.RUnlock()
	if h.nodes[n.name] != n {
		return ErrNotJoined
	}
	var errs []error
	for _, to := range h.nodes {
		if to == n {
			continue
		}
		if err := to.put(topic, data); err != nil {
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
	if h.nodes[n.name] != n {
		return ErrNotJoined
	}
	to := h.nodes[node]
	if to == nil || to == n {
		return ErrNoNode
	}
	return to.put(topic, data)
}

// put is called with the hub's lock held for reading, of a member.
func (n *hubNode) put(topic string, data []byte) error {
	p := packet{topic, data}
	if n.reserve(p.size()) {
		select {
		case n.queue <- p:
			return nil
		default:
			n.waiting.Add(-p.size())
		}
	}
	return fmt.Errorf("node %q: %w", n.name, ErrOverloaded)
}

// reserve counts the bytes of a message, if there is room for them.
func (n *hubNode) reserve(size int64) bool {
	for {
		waiting := n.waiting.Load()
		if waiting > 0 && waiting+size > n.limit {
			return false
		}
		if n.waiting.CompareAndSwap(waiting, waiting+size) {
			return true
		}
	}
}

// Leave implements [Adapter].
func (n *hubNode) Leave(ctx context.Context) error {
	h := n.hub
	h.mu.Lock()
	joined := n.queue != nil
	if h.nodes[n.name] == n {
		delete(h.nodes, n.name)
		n.left.Store(true)
		close(n.queue)
	}
	h.mu.Unlock()
	if !joined {
		return nil
	}
	select {
	case <-n.done:
		return nil
	default:
	}
	select {
	case <-n.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
