package presence

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// replicator tells the other nodes of a shard's own presences, and hears of theirs.
// What it has heard is in the shard's state, and outlives it.
type replicator struct {
	shard   *shard
	self    actor.Ref[replicatorMsg]
	silent  int // periods since the others were last told something
	peers   map[string]*peer
	retired map[uint64]retired // by incarnation
	warned  bool               // of a peer with another pool size
	looked  time.Time          // when it last looked after the peers
	called  time.Time          // when it last called because of a gap
}

// retired is an incarnation of a node that is not heard, though a message of it may still be
// under way. One that has said goodbye never is. One in whose place another one came is, when
// that is gone: then it was a twin of it that ran for a while.
type retired struct {
	until time.Time // when it is forgotten
	left  bool
}

// peer is another node.
type peer struct {
	id     crdt.ID
	heard  time.Time // when it gave the last sign of life
	clock  uint64    // of its events that there are, as far as known
	behind int       // periods since some of them were found to be lacking
	down   bool      // its presences have left, for the moment
}

// replicatorMsg is a message to a replicator.
type replicatorMsg interface{ isReplicatorMsg() }

type (
	tick  struct{} // a period is over
	heard struct{ packet }
	gap   struct{} // something of other nodes was lost, or may have been
	call  struct{} // it is time to call
)

func (tick) isReplicatorMsg()  {}
func (heard) isReplicatorMsg() {}
func (gap) isReplicatorMsg()   {}
func (call) isReplicatorMsg()  {}

// packet is what goes from node to node.
type packet struct {
	from string // the node that has sent it, as the cluster's adapter vouches
	data []byte
}

// clusterName is what the trackers of a cluster are called in it.
const clusterName = "troupe.presence"

// rawCodec takes messages between nodes that are bytes already.
type rawCodec struct{}

// Encode implements [pubsub.Codec].
func (rawCodec) Encode(_ string, p packet) ([]byte, error) { return p.data, nil }

// Decode implements [pubsub.Codec].
func (rawCodec) Decode(_ string, data []byte) (packet, error) { return packet{data: data}, nil }

// DecodeFrom implements [pubsub.OriginCodec].
func (rawCodec) DecodeFrom(node, _ string, data []byte) (packet, error) {
	return packet{node, data}, nil
}

// Init implements [actor.Initializer].
func (r *replicator) Init(ctx *actor.Context[replicatorMsg]) error {
	r.peers = make(map[string]*peer)
	r.retired = make(map[uint64]retired)
	r.looked = time.Now()
	r.shard.heard.Store(0) // what waited for a former incarnation is lost
	r.shard.mu.RLock()
	for _, id := range r.shard.state.Peers() { // known to a former incarnation
		r.peers[id.Node] = &peer{id: id, heard: time.Now()}
	}
	r.shard.mu.RUnlock()
	r.self = ctx.Self()
	if err := r.shard.cluster.Subscribe(ctx.PID(), r.shard.name, r); err != nil {
		return err
	}
	toGap := func(pubsub.Gap) replicatorMsg { return gap{} }
	if err := pubsub.SubscribeGapsTo(r.shard.cluster, r.self, r.shard.name, toGap); err != nil {
		return err
	}
	ctx.TrapExit(true) // so that Terminate runs
	ctx.SendEvery(r.config().BroadcastPeriod, tick{})
	r.call()
	return nil
}

// Receive implements [actor.Behavior].
func (r *replicator) Receive(ctx *actor.Context[replicatorMsg], m replicatorMsg) error {
	switch m := m.(type) {
	case tick:
		r.tell()
		r.look()
	case heard:
		r.shard.heard.Add(-int64(len(m.data)))
		in, err := crdt.Decode(m.data)
		if err == nil && in.From.Node != m.from {
			err = fmt.Errorf("%w: it is of node %q, and says of %q", crdt.ErrMessage, m.from, in.From.Node)
		}
		if err != nil {
			r.shard.log.Error("presence: message of another node", "shard", r.shard.index, "error", err)
			return nil
		}
		r.hear(in)
	case gap:
		if wait := callEvery - time.Since(r.called); wait > 0 {
			ctx.SetTimer("call", wait, call{})
		} else {
			r.call()
		}
	case call:
		r.call()
	}
	return nil
}

// callEvery is how often a gap has a node call at most.
const callEvery = 250 * time.Millisecond

// call tells all others that this node is there, and asks for what it has missed: those that it
// knows for what is lacking of them, and those that it does not know for a word. For it begins, or
// has found a gap, as a node does that was cut off and is back; of two that were, the one that is
// back last calls when both can hear each other.
func (r *replicator) call() {
	r.called = time.Now()
	r.broadcast(r.message(crdt.Ask)) // of nobody
	for _, p := range r.peers {
		if !p.down { // one that is will be asked when it answers
			r.ask(p)
		}
	}
}

// ask asks a peer for all that is lacking of it.
func (r *replicator) ask(p *peer) {
	r.shard.mu.RLock()
	m := r.shard.message(crdt.Ask)
	m.To, m.Seen = p.id.Incarnation, r.shard.state.Seen(p.id)
	r.shard.mu.RUnlock()
	p.behind = 0
	r.send(p, m)
}

// lacks reports whether something of a peer is lacking.
func (r *replicator) lacks(p *peer) bool {
	r.shard.mu.RLock()
	defer r.shard.mu.RUnlock()
	return !r.shard.state.Seen(p.id).Covers(p.clock)
}

// misses reports whether a peer is down.
func (r *replicator) misses() bool {
	for _, p := range r.peers {
		if p.down {
			return true
		}
	}
	return false
}

func (r *replicator) config() *Config { return &r.shard.tracker.cfg }

// message returns a message of this node. It is called without the shard's lock.
func (r *replicator) message(kind crdt.Kind) crdt.Message {
	r.shard.mu.RLock()
	defer r.shard.mu.RUnlock()
	return r.shard.message(kind)
}

// message returns a message of this node. It is called with mu held.
func (s *shard) message(kind crdt.Kind) crdt.Message {
	return crdt.Message{Kind: kind, From: s.state.ID(), Shards: s.tracker.cfg.PoolSize, Clock: s.state.Clock()}
}

// tell tells the others what has happened here in the last period, or at times that
// this node is there.
func (r *replicator) tell() {
	s := r.shard
	s.mu.Lock()
	deltas, m := s.state.Flush(), s.message(crdt.Told)
	s.mu.Unlock()
	r.silent++
	// A peer that is down may be back any moment, and answers at once.
	if len(deltas) == 0 && (r.silent >= r.config().MaxSilentPeriods || r.misses()) {
		m.Kind = crdt.Beat
		r.broadcast(m)
	}
	for _, m.Delta = range deltas {
		r.broadcast(m)
	}
}

// send sends to one other node. An error is of no consequence, and logged: a node that
// lacks what was lost will notice, and ask.
func (r *replicator) send(to *peer, m crdt.Message) {
	r.sent(r.shard.cluster.DirectBroadcast(to.id.Node, r.shard.name, packet{data: m.Encode()}))
}

// broadcast sends to all other nodes.
func (r *replicator) broadcast(m crdt.Message) {
	r.silent = 0
	r.sent(r.shard.cluster.BroadcastFrom(r.self.PID(), r.shard.name, packet{data: m.Encode()}))
}

func (r *replicator) sent(err error) {
	if err != nil && !errors.Is(err, pubsub.ErrNoNode) && !errors.Is(err, pubsub.ErrNotJoined) {
		r.shard.log.Warn("presence: message to other nodes", "shard", r.shard.index, "error", err)
	}
}

// heardLimit is how many bytes of the other nodes may wait for a replicator. What is
// lost it will notice, and ask for.
const heardLimit = 16 << 20

// Deliver implements [pubsub.Subscriber]: it takes what another node sends.
func (r *replicator) Deliver(_ string, p packet) {
	waiting, size := &r.shard.heard, int64(len(p.data))
	if waiting.Add(size) > heardLimit || r.self.TrySend(heard{p}) != nil {
		waiting.Add(-size)
	}
}

// Terminate implements [actor.Terminator]: it tells the others that this node goes and
// will not come back.
func (r *replicator) Terminate(_ *actor.Context[replicatorMsg], reason error) {
	if r.config().PermDownOnShutdown && errors.Is(reason, actor.Shutdown) {
		r.broadcast(r.message(crdt.Leave))
	}
}

// look looks after the peers. It drops those that are silent, and asks those of which
// something is lacking.
func (r *replicator) look() {
	now, cfg := time.Now(), r.config()
	late := r.lateness(now)
	for name, p := range r.peers {
		p.heard = p.heard.Add(late)
		switch silence := now.Sub(p.heard); {
		case silence > cfg.PermDownPeriod:
			r.change(func(s *crdt.State) []crdt.Change { return s.Drop(p.id) })
			delete(r.peers, name)
			continue
		case silence > cfg.DownPeriod:
			p.down = true
			r.change(func(s *crdt.State) []crdt.Change { return s.Down(p.id) })
			continue
		}
		if !r.lacks(p) {
			p.behind = 0
			continue
		}
		if p.behind++; p.behind >= cfg.ClockSamplePeriods {
			r.ask(p)
		}
	}
	for incarnation, old := range r.retired {
		if now.After(old.until) {
			delete(r.retired, incarnation)
		}
	}
}

// lateness returns for how long this node has been held up: it has heard nobody meanwhile,
// whatever they have said.
func (r *replicator) lateness(now time.Time) time.Duration {
	period, before := r.config().BroadcastPeriod, r.looked
	r.looked = now
	if late := now.Sub(before) - period; late > period {
		return late
	}
	return 0
}

// change changes the state, and has that told.
func (r *replicator) change(f func(*crdt.State) []crdt.Change) {
	r.shard.mu.Lock()
	defer r.shard.mu.Unlock()
	r.shard.announce(f(r.shard.state)...)
}

// hear takes in what another node says.
func (r *replicator) hear(m crdt.Message) {
	self := r.shard.state.ID() // never changes
	if m.From.Node == self.Node || r.isRetired(m.From) {
		return
	}
	if m.Shards != r.config().PoolSize {
		if !r.warned {
			r.warned = true
			r.shard.log.Error("presence: another node has another PoolSize, and is not heard",
				"node", m.From.Node, "its", m.Shards, "ours", r.config().PoolSize)
		}
		return
	}
	if m.Kind == crdt.Leave {
		r.retire(m.From, true)
		return
	}
	p, missed := r.meet(m.From)
	p.heard, p.clock = time.Now(), max(p.clock, m.Clock)
	calls := m.Kind == crdt.Ask && m.To == 0
	switch m.Kind {
	case crdt.Told:
		r.change(func(s *crdt.State) []crdt.Change { return s.Merge(p.id, m.Delta) })
	case crdt.Ask:
		if m.To == self.Incarnation {
			r.answer(p, m.Seen)
		}
	}
	if calls && !missed { // else it has been sent one
		r.send(p, r.message(crdt.Beat))
	}
	if (calls || missed) && r.lacks(p) { // it is not under way
		r.ask(p)
	}
}

// isRetired reports whether an incarnation of a node is not heard any more.
func (r *replicator) isRetired(id crdt.ID) bool {
	old, is := r.retired[id.Incarnation]
	p := r.peers[id.Node]
	if is && !old.left && (p == nil || p.down) { // the one that came in its place is gone
		delete(r.retired, id.Incarnation)
		is = false
	}
	return is
}

// meet returns the peer that speaks, and whether it was not heard until now. It is there,
// whatever was known of it before.
func (r *replicator) meet(id crdt.ID) (p *peer, missed bool) {
	p = r.peers[id.Node]
	if p != nil && p.id != id { // the node was started anew
		r.retire(p.id, false)
		p = nil
	}
	r.change(func(s *crdt.State) []crdt.Change { return s.Up(id) })
	if p == nil {
		p = &peer{id: id, down: true}
		r.peers[id.Node] = p
	}
	if p.down {
		p.down, missed = false, true
		r.send(p, r.message(crdt.Beat)) // so that it need not wait to hear of us
	}
	return p, missed
}

// retire drops an incarnation that has left, or in whose place another one came.
func (r *replicator) retire(id crdt.ID, left bool) {
	r.change(func(s *crdt.State) []crdt.Change { return s.Drop(id) })
	if p := r.peers[id.Node]; p != nil && p.id == id {
		delete(r.peers, id.Node)
	}
	r.retired[id.Incarnation] = retired{time.Now().Add(r.config().PermDownPeriod), left}
}

// answer tells a peer what it lacks.
func (r *replicator) answer(to *peer, seen crdt.Spans) {
	r.shard.mu.RLock()
	deltas, m := r.shard.state.Since(seen), r.shard.message(crdt.Told)
	r.shard.mu.RUnlock()
	for _, m.Delta = range deltas {
		r.send(to, m)
	}
}
