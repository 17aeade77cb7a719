package group

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/registry/internal/book"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// replica is the actor that tells other nodes of the members here, and hears of theirs.
type replica[G comparable] struct {
	set     *Set[G]
	cluster *pubsub.Cluster
	name    string // of the set in the cluster
	post    post[G]

	sys    *actor.System
	self   actor.Ref[replicaMessage]
	log    *slog.Logger
	own    ledger[G]
	diary  diary[G]
	told   bool // all others have been sent what has changed here
	ticks  int
	lost   uint64 // messages, as far as that was told
	jobs   map[string]*job
	pacing bool // jobs go on in a moment

	waiting atomic.Int64 // bytes in the mailbox

	mu    sync.Mutex // held while peers change, against the end
	peers map[string]*peer[G]
	over  bool
	stop  func() // to listen
}

// job is an answer under way, to one node.
type job struct {
	nonce  uint64
	number uint64
	parts  [][]byte
	next   int
}

// replicaMessage is a message to a replica.
type replicaMessage interface{ isReplicaMessage() }

type (
	tick    struct{} // some time has passed
	stirred struct{} // other nodes are there than before
	noted   struct{} // something has changed here
	paced   struct{} // there may be room for the rest of an answer
	missed  struct{} // something of other nodes was lost
	heard   struct{ packet }
)

func (tick) isReplicaMessage()    {}
func (stirred) isReplicaMessage() {}
func (noted) isReplicaMessage()   {}
func (paced) isReplicaMessage()   {}
func (missed) isReplicaMessage()  {}
func (heard) isReplicaMessage()   {}

const (
	tickEvery  = 500 * time.Millisecond
	haveTicks  = 20 // after so many, the others are told how much there is
	mindTicks  = 60 // of silence, after which a set is asked for
	goneTicks  = 90 // and after which it is no more
	askAfter   = 250 * time.Millisecond
	askEvery   = 8 * time.Second // at most so long
	paceEvery  = 20 * time.Millisecond
	heardLimit = 16 << 20 // bytes of others that may wait; what is lost will be asked for
	askTries   = 5        // of a node that has never said anything
)

// stateTopic is what sets tell each other on of their members.
const stateTopic = "s"

// Init implements [actor.Initializer].
func (r *replica[G]) Init(ctx *actor.Context[replicaMessage]) error {
	r.sys, r.self = ctx.System(), ctx.Self()
	r.log = boundlog.New(r.sys.Logger().With("groups", r.name))
	r.post.log = r.log
	if r.name == "" {
		return errors.New("group: a set needs a name")
	}
	if _, _, err := r.cluster.Nodes(); err != nil {
		return fmt.Errorf("group: %q: %w", r.name, err)
	}
	r.begin()
	if !ctx.PID().Own((*ending[G])(r)) {
		return actor.NoProc
	}
	if err := r.connect(ctx.PID()); err != nil {
		return fmt.Errorf("group: %q: %w", r.name, err)
	}
	r.diary.wake = func() { _ = r.self.TrySend(noted{}) }
	r.stop = r.set.book.Listen(true, r.diary.note, ctx.PID().Exit)
	ctx.SendEvery(tickEvery, tick{})
	go r.watch(ctx.PID().Done())
	r.look()
	r.have()
	return nil
}

// begin has it know nothing.
func (r *replica[G]) begin() {
	r.own = ledger[G]{set: 1 + rand.Uint64N(1<<63), rows: make(map[entry[G]]int64), actors: make(map[actor.PID]*resident)}
	r.peers, r.jobs = make(map[string]*peer[G]), make(map[string]*job)
	r.lost = r.set.counts.lost.Load()
}

// connect has what comes from other nodes come here.
func (r *replica[G]) connect(self actor.PID) error {
	if !r.set.link.CompareAndSwap(nil, &r.post) {
		return errors.New("the set is connected already")
	}
	nodes := r.post.nodes
	if err := nodes.Connect(r.cluster, "troupe.group."+r.name, rawCodec{}); err != nil {
		return err
	}
	if err := nodes.Subscribe(self, stateTopic, r); err != nil {
		return err
	}
	if err := pubsub.SubscribeGapsTo(nodes, r.self, stateTopic, func(pubsub.Gap) replicaMessage { return missed{} }); err != nil {
		return err
	}
	// What comes on the lanes is sent to this node alone: no network need know of them.
	for i := range laneCount {
		if err := nodes.SubscribeWide(self, laneName(i), &r.post); err != nil {
			return err
		}
		if err := nodes.SubscribeGaps(self, laneName(i), &r.post.gaps); err != nil {
			return err
		}
	}
	return nil
}

// watch has the replica look after the nodes whenever they are others.
func (r *replica[G]) watch(done <-chan struct{}) {
	for {
		_, changed, err := r.cluster.Nodes()
		_ = r.self.TrySend(stirred{})
		var again <-chan time.Time
		if err != nil || changed == nil { // the adapter hangs, or does not tell
			again = time.After(time.Second)
		}
		select {
		case <-changed:
		case <-again:
		case <-done:
			return
		}
	}
}

// Deliver implements [pubsub.Subscriber]: it takes what another node says of its members.
func (r *replica[G]) Deliver(_ string, p packet) {
	size := sizeOfHeard(p)
	if r.waiting.Add(size) > heardLimit || r.self.TrySend(heard{p}) != nil {
		r.waiting.Add(-size)
	}
}

// sizeOfHeard returns what a packet takes in the mailbox, about.
func sizeOfHeard(p packet) int64 { return int64(len(p.data)) + 64 }

// Receive implements [actor.Behavior].
func (r *replica[G]) Receive(_ *actor.Context[replicaMessage], m replicaMessage) error {
	switch m := m.(type) {
	case tick:
		r.tick()
	case stirred:
		r.look()
	case noted:
		r.tell()
	case paced:
		r.pacing = false
		for node := range r.jobs {
			r.work(node)
		}
	case missed:
		for _, p := range r.peers {
			r.want(p)
		}
	case heard:
		r.waiting.Add(-sizeOfHeard(m.packet))
		n, err := decode(m.data)
		if err != nil {
			r.set.counts.malformed.Add(1)
			r.log.Error("group: message of another node", "node", m.from, "error", err)
			return nil
		}
		r.hear(m.from, n)
	}
	return nil
}

// ending is a replica as its actor's resource. It is a type of its own so that Release is not a
// method of the actor.
type ending[G comparable] replica[G]

// Release implements [actor.Resource]: the others are told that this set is no more, and their
// members leave.
func (e *ending[G]) Release(actor.PID, error) {
	r := (*replica[G])(e)
	if r.stop != nil { // it has been connected
		r.stop()
		_ = r.broadcast(notice{kind: kindBye})
	}
	r.post.nodes.Disconnect()
	r.set.link.CompareAndSwap(&r.post, nil)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	for name := range r.peers {
		r.drop(name)
	}
}

// tick asks again, and tells again.
func (r *replica[G]) tick() {
	r.ticks++
	now := time.Now()
	for _, p := range r.peers {
		r.mind(p)
		if p.wanted && !now.Before(p.next) {
			r.ask(p)
		}
	}
	if len(r.jobs) == 0 {
		r.own.parts = nil
	}
	if len(r.peers) > 0 && (!r.told || r.ticks%haveTicks == 0) {
		r.have()
	}
	if n := r.set.counts.lost.Load(); n > r.lost {
		r.sys.Emit(MessagesLost{Node: r.cluster.Node(), Set: r.name, Messages: n - r.lost, Total: n})
		r.lost = n
	}
}

// have tells all others how much there is.
func (r *replica[G]) have() {
	r.told = r.broadcast(notice{kind: kindHave, number: r.own.number}) == nil
}

func (r *replica[G]) broadcast(n notice) error {
	n.set = r.own.set
	return r.sent(r.post.nodes.BroadcastFrom(r.self.PID(), stateTopic, packet{data: n.encode()}))
}

func (r *replica[G]) send(node string, n notice) error {
	n.set = r.own.set
	return r.sent(r.post.nodes.DirectBroadcast(node, stateTopic, packet{data: n.encode()}))
}

// sent logs an error, which is of no consequence: what is lost will be asked for.
func (r *replica[G]) sent(err error) error {
	if err != nil && !errors.Is(err, pubsub.ErrNoNode) && !errors.Is(err, pubsub.ErrNotJoined) && !errors.Is(err, pubsub.ErrOverloaded) {
		r.log.Warn("group: message to other nodes", "error", err)
	}
	return err
}

// tell tells the others what has changed here.
func (r *replica[G]) tell() {
	out := notice{kind: kindDelta, number: r.own.number}
	size := 0
	flush := func() {
		if len(out.rows) > 0 && len(r.peers) > 0 && r.broadcast(out) != nil {
			r.told = false
		}
		out.number, out.rows, size = r.own.number, nil, 0
	}
	note := func(joined bool, group G, pid actor.PID) {
		c, ok := r.own.take(r.post.name, joined, group, pid)
		if !ok {
			return
		}
		out.rows = append(out.rows, c)
		if size += len(c.group) + 16; size >= noticeSize {
			flush()
		}
	}
	for _, c := range r.diary.take() {
		if c.Kind != book.Present {
			note(c.Kind == book.Added, c.Key, c.PID)
			continue
		}
		for _, row := range c.Rows {
			if !row.Far() {
				note(true, c.Key, row.PID)
			}
		}
	}
	flush()
}
