package nats

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// simServer is JetStream's side of one bucket: compare-and-set, TTLs and what can become of
// it, in the time of a bubble.
type simServer struct {
	mu      sync.Mutex
	exists  bool
	born    int64
	first   uint64 // of the configuration
	last    uint64
	entries map[string]simEntry
	feeds   []*simFeed
	gone    map[string]time.Time // when nodes should know that a registration is not there, by ID

	log *slog.Logger // of the nodes; nil: none

	way time.Duration // for how long a message is on its way at most; 20 ms if zero

	// meddle is asked about each message between a node and the server, if it is not nil.
	meddle func(n *simNode, what string) meddling
}

// meddling is what becomes of a message and, if it is a request, of the answer.
type meddling struct {
	lost, unanswered bool // it never arrives, or its answer does not
	refused          error
	there, back      time.Duration // how much longer it is on its way
	between          func()        // called when the server has done it
	taken            chan struct{} // until it is closed, the connection waits for a server that takes nothing, and minds no context
}

// near has all messages be on their way for at most so long.
func (s *simServer) near(way time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way = way
}

func (s *simServer) longest() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.way, 20*time.Millisecond)
}

// meddling asks what becomes of a message of a node's, or for it.
func (n *simNode) meddling(what string) (m meddling) {
	n.server.mu.Lock()
	meddle := n.server.meddle
	n.server.mu.Unlock()
	if meddle != nil {
		m = meddle(n, what)
	}
	if m.between == nil {
		m.between = func() {}
	}
	return m
}

type simEntry struct {
	entry
	id      string    // of the registration that it is; "" if it is none
	expires time.Time // zero: never
}

// losses are the ways in which a bucket is lost.
var losses = []func(s *simServer){
	func(s *simServer) { s.exists, s.feeds = false, nil },   // deleted, or its server has restarted
	func(s *simServer) { s.last, s.feeds = s.first-1, nil }, // its servers have restarted, and know how it was made
	func(s *simServer) { // made by somebody else
		s.born, s.first, s.last, s.feeds = time.Now().UnixNano(), 1, 0, nil
	},
	func(s *simServer) {},                          // emptied
	func(s *simServer) { s.last += 1_000_000_000 }, // emptied, after much traffic
}

func (s *simServer) lose(how int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	losses[how](s)
	for _, e := range s.entries {
		s.leave(e, 2*time.Second) // the longest lease in the model: the holder may have it still
	}
	s.entries = nil
}

// leave takes note that nodes should know, after a while, that an entry is not in the bucket
// any more.
func (s *simServer) leave(e simEntry, after time.Duration) {
	if e.id != "" {
		if s.gone == nil {
			s.gone = make(map[string]time.Time)
		}
		s.gone[e.id] = time.Now().Add(after)
	}
}

// set has something stand under a key, and tells of it.
func (s *simServer) set(key string, e simEntry) entry {
	s.leave(s.entries[key], 0)
	s.last++
	e.revision, e.stored = s.last, time.Now()
	if o, err := ownerIn(e.value); err == nil {
		e.id = o.ID
		delete(s.gone, o.ID) // it was renewed
	}
	if s.entries == nil {
		s.entries = make(map[string]simEntry)
	}
	s.entries[key] = e
	for _, f := range s.feeds {
		f.queue = append(f.queue, change{key: key, entry: e.entry, upTo: s.last, all: true})
		f.wake()
	}
	return e.entry
}

// at returns what stands under a key.
func (s *simServer) at(key string) entry {
	e, ok := s.entries[key]
	if ok && !e.expires.IsZero() && !time.Now().Before(e.expires) {
		return s.set(key, simEntry{entry: entry{lapsed: true}})
	}
	return e.entry
}

func (s *simServer) make(first uint64) bool {
	if s.exists {
		return s.first == first
	}
	s.exists, s.born, s.first, s.last, s.entries = true, time.Now().UnixNano(), first, first-1, nil
	return true
}

func (s *simServer) put(key string, value []byte, after uint64, ttl time.Duration) (uint64, error) {
	if !s.exists {
		return 0, errNoBucket
	}
	if s.at(key).revision != after {
		return 0, errMoved
	}
	e := simEntry{entry: entry{value: value}}
	if ttl > 0 {
		e.expires = time.Now().Add(wholeSeconds(ttl))
	}
	return s.set(key, e).revision, nil
}

func (s *simServer) remove(key string, note []byte, after uint64) (uint64, error) {
	if !s.exists {
		return 0, errNoBucket
	}
	if s.at(key).revision != after {
		return 0, errMoved
	}
	return s.set(key, simEntry{entry: entry{note: note}}).revision, nil
}

func (s *simServer) raise(first uint64) error {
	if !s.exists {
		return errNoBucket
	}
	for key, e := range s.entries {
		if e.revision < first {
			s.leave(e, 2*time.Second)
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
	log := cmp.Or(s.log, slog.New(slog.NewTextHandler(io.Discard, nil)))
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

// kill ends the program, if that has not been done.
func (n *simNode) kill() {
	if !n.alive() {
		return
	}
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
	way := n.server.longest()
	there, back := upTo(chance, way), upTo(chance, way)
	n.pass()
	by := n.meddling(what)
	if by.taken != nil {
		<-by.taken
	}
	type answer struct {
		v   T
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		if !n.travel(there+by.there) || by.lost {
			return
		}
		var a answer
		if a.err = by.refused; a.err == nil {
			n.server.mu.Lock()
			a.v, a.err = f(n.server)
			n.server.mu.Unlock()
		}
		by.between()
		if n.travel(back+by.back) && !by.unanswered {
			n.pass()
			answered <- a
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

func (n *simNode) born(ctx context.Context) (int64, error) {
	return ask(ctx, n, "born", func(s *simServer) (int64, error) {
		if !s.exists {
			return 0, errNoBucket
		}
		return s.born, nil
	})
}

func (n *simNode) raise(ctx context.Context, first uint64, born int64) error {
	now, err := ask(ctx, n, "raise", func(s *simServer) (int64, error) {
		if !s.exists {
			return 0, errNoBucket
		}
		return s.born, nil
	})
	switch {
	case err != nil:
		return err
	case now != born:
		return errMoved
	}
	_, err = ask(ctx, n, "purge", func(s *simServer) (struct{}, error) { return struct{}{}, s.raise(first) })
	return err
}

func (n *simNode) mayRaise(ctx context.Context, _ uint64) error {
	_, err := ask(ctx, n, "mayRaise", func(s *simServer) (struct{}, error) {
		if !s.exists {
			return struct{}{}, errNoBucket
		}
		return struct{}{}, nil
	})
	return err
}

func (n *simNode) remove(ctx context.Context, key string, note []byte, after uint64) (uint64, error) {
	return ask(ctx, n, "remove "+key, func(s *simServer) (uint64, error) { return s.remove(key, note, after) })
}

// simFeed is a feed of a bucket. What the server queues is sent in order.
type simFeed struct {
	woken chan struct{}
	queue []change // with the server's lock
}

func (f *simFeed) wake() {
	select {
	case f.woken <- struct{}{}:
	default:
	}
}

func (n *simNode) follow(ctx context.Context, every time.Duration) (*feed, error) {
	f, err := ask(ctx, n, "follow", func(s *simServer) (*simFeed, error) {
		if !s.exists {
			return nil, errNoBucket
		}
		f := &simFeed{woken: make(chan struct{}, 1)}
		for _, key := range slices.Sorted(maps.Keys(s.entries)) {
			f.queue = append(f.queue, change{key: key, entry: s.at(key)})
		}
		slices.SortFunc(f.queue, func(a, b change) int { return int(a.revision) - int(b.revision) })
		for i := range f.queue {
			f.queue[i].upTo, f.queue[i].all = f.queue[i].revision, i == len(f.queue)-1
		}
		s.feeds = append(s.feeds, f)
		f.wake()
		return f, nil
	})
	if err != nil {
		return nil, err
	}
	life, stop := context.WithCancel(context.Background())
	changes := make(chan change)
	go func() {
		if f.run(life, n, every, changes) {
			close(changes)
		}
	}()
	return &feed{changes, stop}, nil
}

// run sends what is queued, and that there is nothing. It reports whether something was lost,
// as soon as that can be seen.
func (f *simFeed) run(life context.Context, n *simNode, every time.Duration, changes chan<- change) (lost bool) {
	chance := n.chance("feed")
	for life.Err() == nil {
		beat := time.NewTimer(every)
		select {
		case <-f.woken:
		case <-beat.C:
		case <-life.Done():
		}
		beat.Stop()
		for _, c := range n.server.sent(f) {
			var by meddling
			if c.key != "" { // it is no sign of life
				by = n.meddling("feed " + c.key)
			}
			if !n.travel(upTo(chance, n.server.longest())+by.there) || by.lost {
				lost = true
				continue
			}
			if n.pass(); lost {
				return true
			}
			select {
			case changes <- c:
			case <-life.Done():
			}
		}
	}
	return false
}

// sent takes what is to be sent out of a feed's queue: a sign of life, if there is nothing.
func (s *simServer) sent(f *simFeed) []change {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(s.feeds, f) {
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(s.entries)) {
		s.at(key) // leases may have ended
	}
	queue := f.queue
	f.queue = nil
	if len(queue) == 0 {
		queue = append(queue, change{upTo: s.last, all: true})
	}
	return queue
}

// register is [Names.Register] without a PubSub.
func (n *simNode) register(ctx context.Context, name, id string) (*holding, error) {
	ref, err := actor.Spawn(n.sys, actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		return nil, err
	}
	h, err := n.leases.newHolding(name, ref.PID(), n.name, id)
	if err != nil {
		return nil, err
	}
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
