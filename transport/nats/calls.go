package nats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// calls are what a node's names know of calls: the methods, and the exchange once it is
// needed, for only then the node is known to be in a cluster.
type calls[M any] struct {
	start func(node string) (*exchange, error)

	mu      sync.Mutex
	methods map[string]*servedMethod[M] // replaced, not changed
	x       *exchange
	begins  *opening // nil unless x is about to come
	closed  bool

	shown atomic.Pointer[exchange] // x, for those that do not wait
}

// Serve has this node carry out requests of other nodes by the given methods, for the actors
// that have a name here. It is for before the first of them registers: until then, others get
// [ErrNoMethod]. It fails, and changes nothing, if a method has no Name or no Make, or the
// name of another one.
func (n *Names[M]) Serve(methods ...Served[M]) error {
	var list []*servedMethod[M]
	for _, m := range methods {
		if m == nil {
			return errors.New("nats: serve: a method is nil")
		}
		e, err := m.served()
		if err != nil {
			return fmt.Errorf("nats: serve: %w", err)
		}
		list = append(list, e)
	}
	c := &n.calls
	c.mu.Lock()
	defer c.mu.Unlock()
	table := maps.Clone(c.methods)
	if table == nil {
		table = make(map[string]*servedMethod[M])
	}
	for _, e := range list {
		if table[e.name] != nil {
			return fmt.Errorf("nats: serve: method %q is served already", e.name)
		}
		table[e.name] = e
	}
	c.methods = table
	return nil
}

// opening is an exchange that begins, which a slow server may hold up.
type opening struct {
	done chan struct{} // closed when that has ended, one way or the other
	x    *exchange
	err  error
}

// exchange returns this node's end of the calls. It begins it if this is the first time, and
// waits for that no longer than for ctx.
func (n *Names[M]) exchange(ctx context.Context) (*exchange, error) {
	node := n.pubsub.Node()
	x, b, err := n.calls.begun(node)
	switch {
	case err != nil:
		return nil, err
	case b != nil:
		select {
		case <-b.done:
			x, err = b.x, b.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if err == nil && x.node != node {
		return nil, fmt.Errorf("this node was called %q before", x.node)
	}
	return x, err
}

// begun returns the exchange, or its opening.
func (c *calls[M]) begun(node string) (*exchange, *opening, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, nil, ErrClosed
	case node == "":
		return nil, nil, pubsub.ErrNotJoined
	case c.x == nil && c.begins == nil:
		c.begins = &opening{done: make(chan struct{})}
		go c.begin(c.begins, node)
	}
	return c.x, c.begins, nil
}

// begin begins the exchange, which ends at once if the names have been shut down.
func (c *calls[M]) begin(b *opening, node string) {
	defer close(b.done)
	b.x, b.err = c.start(node)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.begins = nil; {
	case b.err != nil:
	case c.closed:
		b.err = ErrClosed
		b.x.end()
	default:
		c.x = b.x
		c.shown.Store(b.x)
	}
}

// closeFor is how long the end of an exchange may take.
const closeFor = 1500 * time.Millisecond

// close ends the exchange, and lets none begin any more. What does not end in time, for a
// server that takes nothing or users' code that does not return, goes on by itself.
func (c *calls[M]) close(ctx context.Context) error {
	c.mu.Lock()
	x, b := c.x, c.begins
	closed := c.closed
	c.closed = true
	c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, closeFor)
	defer cancel()
	if b != nil {
		select {
		case <-b.done:
			x = b.x // it ends by itself
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if x == nil {
		return nil
	}
	if b == nil && !closed {
		x.end()
	}
	return x.wait(ctx)
}

// carryOut is what an exchange does with a request, see its work.
func (n *Names[M]) carryOut(s *served) bool {
	n.calls.mu.Lock()
	e := n.calls.methods[s.method]
	n.calls.mu.Unlock()
	ref, ok := n.holder(s.name)
	switch {
	case e == nil:
		s.refuse(ErrNoMethod)
		return true
	case !ok:
		s.refuse(actor.NoProc)
		return true
	}
	s.x.counts.served.Add(1)
	ctx := s.x.extract(s.ctx, s.header)
	err, here := e.calls.Here(func() { e.handle(ctx, n, ref, s) }, s.lost)
	if here && err != nil { // Make or a codec has panicked, or others do not return
		s.refuse(err)
	}
	return here
}

// holder returns the actor of this node that has the name.
func (n *Names[M]) holder(name string) (actor.Ref[M], bool) {
	h := n.leases.find(name)
	if h == nil {
		return actor.Ref[M]{}, false
	}
	return actor.RefOf[M](h.pid)
}

// here reports whether r is of this node, and returns its actor; the zero Ref if there is none.
func (n *Names[M]) here(r Remote[M]) (ref actor.Ref[M], here bool) {
	if r.Node != n.pubsub.Node() {
		return ref, false
	}
	ref, _ = n.holder(r.Name)
	return ref, true
}

// CallStats are counts of the calls between nodes since they began, with a few that say how
// it is now. Calls within a node are not among them.
type CallStats struct {
	Sent    uint64 // requests of this node
	Served  uint64 // requests of others that have reached a method here
	Refused uint64 // requests of others that there was no room, name or method for
	Late    uint64 // requests of others whose caller had given up before their turn
	Lost    uint64 // messages that this node could not send, for want of a connection or room
	// Malformed counts what has come as a request and is none, or one of another version.
	Malformed uint64

	Waiting int // calls of this node that wait for their answers
	Open    int // requests of others that have no answer yet
	Queued  int // messages that wait to be sent
}

// Stats returns what has come of the calls to and from other nodes. It waits for nothing.
func (n *Names[M]) Stats() CallStats {
	x := n.calls.shown.Load()
	if x == nil {
		return CallStats{}
	}
	return x.stats()
}

// callSubjects begin the subjects of calls; the bucket of the names follows.
const callSubjects = "troupe.call."
