package pubsub

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
)

// Cluster is this node's membership in a cluster. A program makes one, and hands it to
// all that talk to other nodes: [PubSub.Connect], ws.Config and presence.Config take it.
// Each of these hears of its own kind only.
//
// The node is a member while the actor runs that [Cluster.Behavior] makes. It comes
// before what uses the cluster in the tree of supervisors, so that it is started first
// and stopped last:
//
//	cluster := pubsub.NewCluster(adapter)
//	supervisor.Actor("cluster", cluster.Behavior)
//
// If that actor ends, the node leaves; if its supervisor restarts it, the node joins
// again. Meanwhile broadcasts reach this node only, and return an error that wraps
// [ErrNotJoined]; what was connected stays connected.
//
// All methods may be called from any goroutine.
type Cluster struct {
	adapter Adapter
	router  Router // the adapter, or nil if it is none
	prompt  bool   // the adapter needs no guard
	node    string

	// turn has room for one: a Join under way, or a Leave that somebody waits for. A
	// Join keeps it until it has returned, also if its actor has ended before.
	turn    chan struct{}
	entered *membership // the last one for which Join was called, until Leave succeeds; of the turn's owner

	member atomic.Pointer[membership] // nil: not a member; changes under mu
	mu     sync.RWMutex
	users  map[string]user // by name
	stray  atomic.Uint64   // messages for nobody here

	traffic  traffic
	asking   foreign.Calls // of a Roster
	encoding atomic.Pointer[named]
}

// user is what has connected to a cluster.
type user interface {
	receive(m Message, w *worker)
	missed(Gap)
}

// NewCluster returns a cluster that is not joined yet. The adapter belongs to it. It
// panics if a is nil or a nil pointer, and calls its Node, and its Prompt if it has one, as they are.
func NewCluster(a Adapter) *Cluster {
	if isNil(a) {
		panic("pubsub: NewCluster: the adapter is nil")
	}
	c := &Cluster{adapter: a, node: a.Node(), turn: make(chan struct{}, 1)}
	c.router, _ = a.(Router)
	c.prompt = isPrompt(a)
	c.traffic.asking.Limit, c.traffic.asking.Most = reportFor, 1
	c.asking.Limit, c.asking.Most = rosterFor, 1
	return c
}

// Node returns this node's name.
func (c *Cluster) Node() string { return c.node }

// nameEnd separates the name of a user from its topic.
const nameEnd = "/"

// register has u called with what its like on other nodes send.
func (c *Cluster) register(name string, u user) error {
	switch {
	case name == "":
		return errors.New("a name is needed")
	case strings.Contains(name, nameEnd):
		return fmt.Errorf("a name has no %q", nameEnd)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users[name] != nil {
		return errors.New("the name is taken")
	}
	if c.users == nil {
		c.users = make(map[string]user)
	}
	c.users[name] = u
	return nil
}

func (c *Cluster) unregister(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.users, name)
}

// broadcast sends to the users of that name on all other nodes, or on those that want the
// topic.
func (c *Cluster) broadcast(name, topic string, data []byte, wide bool) error {
	switch {
	case c.member.Load() == nil:
		return c.traffic.sent(ErrNotJoined)
	case wide || c.router == nil:
		return c.traffic.sent(c.adapter.Broadcast(name+nameEnd+topic, data))
	}
	return c.traffic.sent(c.router.Publish(name+nameEnd+topic, data))
}

// send sends to the user of that name on one other node.
func (c *Cluster) send(node, name, topic string, data []byte) error {
	if c.member.Load() == nil {
		return c.traffic.sent(ErrNotJoined)
	}
	return c.traffic.sent(c.adapter.Send(node, name+nameEnd+topic, data))
}

// receiver gets what comes from other nodes for a membership.
type receiver struct {
	cluster *Cluster
	of      *membership
}

// selective is a receiver of a cluster that has a [Router].
type selective struct{ receiver }

// Selective implements [Selective].
func (selective) Selective() {}

func (c *Cluster) receiver(m *membership) Receiver {
	if c.router == nil {
		return receiver{c, m}
	}
	return selective{receiver{c, m}}
}

// Receive implements [Receiver].
func (r receiver) Receive(from, topic string, data []byte) {
	more := true
	r.ReceiveAll(func() (m Message, ok bool) {
		if more {
			more, m, ok = false, Message{from, topic, data}, true
		}
		return m, ok
	})
}

// receive takes a message to the one that it is for, on the goroutine of w.
func (r receiver) receive(m Message, w *worker) {
	c := r.cluster
	if c.member.Load() != r.of {
		return
	}
	c.traffic.received.Add(1)
	var name string
	name, m.Topic, _ = strings.Cut(m.Topic, nameEnd)
	if u := c.user(name); u != nil {
		u.receive(m, w)
	} else {
		c.miss(r.of.sys.Logger(), name)
	}
}

// Missed implements [Receiver].
func (r receiver) Missed(g Gap) {
	c := r.cluster
	if c.member.Load() != r.of {
		return
	}
	if !g.Anywhere {
		name, topic, _ := strings.Cut(g.Topic, nameEnd)
		if u := c.user(name); u != nil {
			g.Topic = topic
			u.missed(g)
		}
		return
	}
	c.mu.RLock()
	users := slices.Collect(maps.Values(c.users))
	c.mu.RUnlock()
	for _, u := range users {
		u.missed(g)
	}
}

// Emit implements [Receiver].
func (r receiver) Emit(e actor.Event) { r.of.sys.Emit(e) }

func (c *Cluster) user(name string) user {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.users[name]
}

// miss counts a message for a user that this node does not have: it has not connected
// yet, or the program of the other node is another one. It is logged for the first time,
// the tenth, the hundredth and so on.
func (c *Cluster) miss(log *slog.Logger, name string) {
	n := c.stray.Add(1)
	for x := n; ; x /= 10 {
		if x == 1 {
			break
		}
		if x%10 != 0 {
			return
		}
	}
	log.Info("message of another node for what is not connected here",
		"node", c.node, "name", name, "so_far", n)
}

// enter makes the node a member, as m. It does not return before Join has.
func (c *Cluster) enter(ctx context.Context, m *membership) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.give()
	if c.member.Load() != nil {
		return errors.New("it is a member already")
	}
	if err := c.leave(ctx); err != nil { // of a membership that was killed
		return fmt.Errorf("leave before: %w", err)
	}
	c.entered = m
	in := false
	defer func() {
		if !in { // also if Join panics: it may have done half
			_ = c.leave(context.Background())
		}
	}()
	err := c.adapter.Join(c.receiver(m))
	if err != nil {
		return err
	}
	in = c.begin(m)
	return nil
}

// begin makes m the membership, unless it has ended while it joined.
func (c *Cluster) begin(m *membership) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.over {
		return false
	}
	c.member.Store(m)
	return true
}

// end is the end of m as the membership. It reports whether it was.
func (c *Cluster) end(m *membership) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.over = true
	return c.member.CompareAndSwap(m, nil)
}

// exit leaves for m, unless another one has joined or left since.
func (c *Cluster) exit(ctx context.Context, m *membership) error {
	if err := c.take(ctx); err != nil {
		return err
	}
	defer c.give()
	if c.entered != m {
		return nil
	}
	return c.leave(ctx)
}

// leave leaves for the last one that has joined. The caller has the turn.
func (c *Cluster) leave(ctx context.Context) error {
	if c.entered == nil {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, leaveFor, errLeaving)
	defer cancel()
	err := actor.Guard(ctx, func() error { return c.adapter.Leave(ctx) })
	if err == nil {
		c.entered = nil
	}
	return err
}

// take waits for the turn.
func (c *Cluster) take(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Cluster) give() { <-c.turn }
