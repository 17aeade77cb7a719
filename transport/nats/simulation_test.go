package nats

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
)

// simServer is JetStream's side of one bucket: compare-and-set, TTLs and what can become of
// it, in the time of a bubble.
type simServer struct {
	mu      sync.Mutex
	exists  bool
	first   uint64 // of the configuration
	last    uint64
	entries map[string]simEntry
}

type simEntry struct {
	entry
	expires time.Time // zero: never
}

// losses are the ways in which a bucket is lost.
var losses = []func(s *simServer){
	func(s *simServer) { s.exists = false },        // deleted, or its server has restarted
	func(s *simServer) { s.last = s.first - 1 },    // its servers have restarted, and know how it was made
	func(s *simServer) { s.first, s.last = 1, 0 },  // made by somebody else
	func(s *simServer) {},                          // emptied
	func(s *simServer) { s.last += 1_000_000_000 }, // emptied, after much traffic
}

func (s *simServer) lose(how int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	losses[how](s)
	s.entries = nil
}

// at returns what stands under a key.
func (s *simServer) at(key string) entry {
	e, ok := s.entries[key]
	if ok && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		s.last++
		e = simEntry{entry{nil, s.last}, time.Time{}}
		s.entries[key] = e
	}
	return e.entry
}

func (s *simServer) make(first uint64) bool {
	if s.exists {
		return false
	}
	s.exists, s.first, s.last, s.entries = true, first, first-1, nil
	return true
}

func (s *simServer) put(key string, value []byte, after uint64, ttl time.Duration) (uint64, error) {
	if !s.exists {
		return 0, errNoBucket
	}
	if s.at(key).revision != after {
		return 0, errMoved
	}
	s.last++
	e := simEntry{entry: entry{value, s.last}}
	if ttl > 0 {
		e.expires = time.Now().Add(wholeSeconds(ttl))
	}
	if s.entries == nil {
		s.entries = make(map[string]simEntry)
	}
	s.entries[key] = e
	return s.last, nil
}

func (s *simServer) raise(first uint64) error {
	if !s.exists {
		return errNoBucket
	}
	for key, e := range s.entries {
		if e.revision < first {
			delete(s.entries, key)
		}
	}
	s.last = max(s.last, first-1)
	return nil
}

// simNode is a program with names, and its way to the server. It is a [bucket].
type simNode struct {
	*place
	server *simServer
	leases *leases
	sys    *actor.System
	skew   time.Duration // of its wall clock
}

func newSimNode(s *simServer, name string, seed uint64, sys *actor.System, lease, skew time.Duration) *simNode {
	n := &simNode{place: newPlace(name, seed), server: s, sys: sys, skew: skew}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	n.leases = newLeases(n, lease, log, func(*holding) {})
	n.leases.wall = func() time.Time { return time.Now().Add(n.skew) }
	n.leases.after = func(d time.Duration, f func()) *time.Timer {
		return time.AfterFunc(d, func() {
			n.pass()
			f()
		})
	}
	n.leases.start()
	return n
}

// kill ends the program.
func (n *simNode) kill() {
	n.die()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	_ = n.leases.close(done, func(*holding) {})
}

// ask takes a request to the server and its answer back. It fails by itself only with the
// error of ctx, or if the node is dead; then the request may come through all the same, or
// later.
func ask[T any](ctx context.Context, n *simNode, what string, f func(*simServer) (T, error)) (T, error) {
	chance := n.chance(what)
	there, back := upTo(chance, 20*time.Millisecond), upTo(chance, 20*time.Millisecond)
	n.pass()
	type answer struct {
		v   T
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		if !n.travel(there) {
			return
		}
		n.server.mu.Lock()
		v, err := f(n.server)
		n.server.mu.Unlock()
		if n.travel(back) {
			n.pass()
			answered <- answer{v, err}
		}
	}()
	select {
	case a := <-answered:
		return a.v, a.err
	case <-ctx.Done():
		n.pass()
		return *new(T), ctx.Err()
	case <-n.gone:
		return *new(T), errDead
	}
}

func (n *simNode) make(ctx context.Context, first uint64) (bool, error) {
	return ask(ctx, n, "make", func(s *simServer) (bool, error) { return s.make(first), nil })
}

func (n *simNode) get(ctx context.Context, key string) (entry, error) {
	return ask(ctx, n, "get "+key, func(s *simServer) (entry, error) {
		if !s.exists {
			return entry{}, errNoBucket
		}
		return s.at(key), nil
	})
}

func (n *simNode) put(ctx context.Context, key string, value []byte, after uint64, ttl time.Duration) (uint64, error) {
	return ask(ctx, n, "put "+key, func(s *simServer) (uint64, error) { return s.put(key, value, after, ttl) })
}

func (n *simNode) raise(ctx context.Context, first uint64) error {
	_, err := ask(ctx, n, "raise", func(s *simServer) (struct{}, error) { return struct{}{}, s.raise(first) })
	return err
}

func (*simNode) watch(context.Context, string) (jetstream.KeyWatcher, error) {
	return nil, errors.ErrUnsupported
}

// register is [Names.Register] without a PubSub.
func (n *simNode) register(ctx context.Context, name, id string) (*holding, error) {
	ref, err := actor.Spawn(n.sys, actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		return nil, err
	}
	value, err := json.Marshal(owner{n.name, id, n.leases.term})
	if err != nil {
		return nil, err
	}
	h := n.leases.newHolding(name, ref.PID(), value)
	if err := n.leases.add(h); err != nil {
		return nil, err
	}
	holder, err := h.take(ctx)
	if err == nil && holder != nil {
		err = &TakenError{name, holder.Node}
	}
	if err != nil {
		ref.PID().Exit(actor.Kill)
		return nil, err
	}
	return h, nil
}
