package group_test

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// network is a cluster of a simulation, in the time of a bubble: what is sent takes a moment, may
// be lost, and does not come through where the way is cut. A node that has not been heard of for
// five seconds is down. Its order is that of an adapter.
type network struct {
	mu    sync.Mutex
	rng   *rand.Rand
	loss  float64
	cut   map[[2]string]time.Time // from, to: until then nothing comes through
	nodes map[string]*netNode
	joins uint64
}

// beatEvery and downAfter are those of nats.Adapter.
const (
	beatEvery = time.Second
	downAfter = 5 * time.Second
)

// netNode is an adapter.
type netNode struct {
	net  *network
	name string

	joined  uint64 // 0: it is no member
	stop    chan struct{}
	running *sync.WaitGroup
	inbox   []netPacket
	wake    chan struct{}
	paused  time.Time
	heard   map[string]netPeer
	changed chan struct{}
}

type netPeer struct {
	joined uint64
	at     time.Time
	up     bool
}

type netPacket struct {
	due         time.Time
	from, topic string
	joined      uint64
	data        []byte // nil: a beat
}

func newNetwork(seed uint64) *network {
	return &network{rng: rand.New(rand.NewPCG(seed, 1)), cut: make(map[[2]string]time.Time), nodes: make(map[string]*netNode)}
}

// node returns another adapter of the name. The one before is as good as killed.
func (w *network) node(name string) *netNode {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := &netNode{net: w, name: name, changed: make(chan struct{})}
	w.nodes[name] = n
	return n
}

// kill has nothing go out from a node any more, nor come in.
func (w *network) kill(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.nodes, name)
}

func (n *netNode) Node() string { return n.name }

func (n *netNode) Join(r pubsub.Receiver) error {
	w := n.net
	w.mu.Lock()
	defer w.mu.Unlock()
	if n.joined != 0 {
		return errors.New("it has joined")
	}
	w.joins++
	n.joined, n.stop, n.running = w.joins, make(chan struct{}), new(sync.WaitGroup)
	n.heard, n.inbox, n.wake = make(map[string]netPeer), nil, make(chan struct{}, 1)
	n.running.Go(func() { n.receive(r, n.stop) })
	n.running.Go(func() { n.beat(n.stop) })
	return nil
}

func (n *netNode) Leave(context.Context) error {
	w := n.net
	w.mu.Lock()
	if n.joined != 0 {
		close(n.stop)
		n.joined = 0
		n.change()
	}
	running := n.running
	w.mu.Unlock()
	if running != nil {
		running.Wait()
	}
	return nil
}

func (n *netNode) change() {
	close(n.changed)
	n.changed = make(chan struct{})
}

func (n *netNode) Nodes() (list []pubsub.Node, changed <-chan struct{}) {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	for name, p := range n.heard {
		if p.up && n.joined != 0 {
			list = append(list, pubsub.Node{Name: name, Incarnation: p.joined})
		}
	}
	return list, n.changed
}

func (n *netNode) Broadcast(topic string, data []byte) error {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if n.joined == 0 {
		return pubsub.ErrNotJoined
	}
	for _, name := range slices.Sorted(maps.Keys(n.net.nodes)) {
		n.put(name, topic, data)
	}
	return nil
}

func (n *netNode) Send(node, topic string, data []byte) error {
	n.net.mu.Lock()
	defer n.net.mu.Unlock()
	if n.joined == 0 {
		return pubsub.ErrNotJoined
	}
	n.put(node, topic, data)
	return nil
}

// put sends to one node. It is called with mu held.
func (n *netNode) put(to, topic string, data []byte) {
	w := n.net
	t := w.nodes[to]
	if w.nodes[n.name] != n || t == nil || t == n || t.joined == 0 || time.Now().Before(w.cut[[2]string{n.name, to}]) {
		return
	}
	if data != nil && w.rng.Float64() < w.loss {
		return
	}
	due := time.Now().Add(time.Duration(w.rng.Int64N(int64(3 * time.Millisecond))))
	if last := len(t.inbox) - 1; last >= 0 && due.Before(t.inbox[last].due) {
		due = t.inbox[last].due // in order
	}
	t.inbox = append(t.inbox, netPacket{due, n.name, topic, n.joined, data})
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// pass waits until the node is not paused.
func (n *netNode) pass(stop chan struct{}) {
	n.net.mu.Lock()
	left := time.Until(n.paused)
	n.net.mu.Unlock()
	if left > 0 {
		select {
		case <-time.After(left):
		case <-stop:
		}
	}
}

// receive passes on what has come.
func (n *netNode) receive(r pubsub.Receiver, stop chan struct{}) {
	for {
		n.net.mu.Lock()
		var p netPacket
		some := len(n.inbox) > 0
		if some {
			p = n.inbox[0]
		}
		n.net.mu.Unlock()
		if !some {
			select {
			case <-n.wake:
				continue
			case <-stop:
				return
			}
		}
		select {
		case <-time.After(time.Until(p.due)):
		case <-stop:
			return
		}
		n.pass(stop)
		n.net.mu.Lock()
		n.inbox = n.inbox[1:]
		n.hear(p)
		n.net.mu.Unlock()
		if p.data != nil {
			r.Receive(p.from, p.topic, p.data)
		}
	}
}

// hear notes a sign of life. It is called with mu held.
func (n *netNode) hear(p netPacket) {
	if n.heard[p.from].joined > p.joined {
		return
	}
	was := n.heard[p.from]
	n.heard[p.from] = netPeer{p.joined, time.Now(), true}
	if !was.up || was.joined != p.joined {
		n.change()
	}
}

// beat gives signs of life, and notices when those of others do not come.
func (n *netNode) beat(stop chan struct{}) {
	ticks := time.NewTicker(beatEvery)
	defer ticks.Stop()
	last := time.Now()
	for {
		n.net.mu.Lock()
		late := time.Since(last) - beatEvery
		last = time.Now()
		for _, name := range slices.Sorted(maps.Keys(n.net.nodes)) {
			n.put(name, "", nil)
		}
		for _, name := range slices.Sorted(maps.Keys(n.heard)) {
			p := n.heard[name]
			if late > beatEvery { // its own pause is not the others' silence
				p.at = p.at.Add(late)
			}
			if down := time.Since(p.at) > downAfter; down && p.up {
				p.up = false
				n.heard[name] = p
				n.change()
				continue
			}
			n.heard[name] = p
		}
		n.net.mu.Unlock()
		select {
		case <-ticks.C:
		case <-stop:
			return
		}
		n.pass(stop)
	}
}
