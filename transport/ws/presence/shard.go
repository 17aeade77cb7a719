package presence

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// shard has a part of the topics. Its state is not an actor's, so that nobody waits
// for one who only wants to read it.
type shard struct {
	tracker    *Tracker
	index      int
	name       string // of its topic in the cluster
	teller     supervisor.Ref[tellerMsg]
	replicator supervisor.Ref[replicatorMsg]

	// mu is held for microseconds, at most for the time that it takes to copy a
	// list. What changes state tells the teller before it unlocks, so that the
	// teller hears of changes in the order in which they were made.
	mu     sync.RWMutex
	state  *crdt.State
	owners map[actor.PID]*owner
}

func newShard(t *Tracker, index int) *shard {
	node := ""
	if t.cfg.Adapter != nil {
		node = t.cfg.Adapter.Node()
	}
	return &shard{
		tracker: t,
		index:   index,
		name:    strconv.Itoa(index),
		state:   crdt.New(crdt.ID{Node: node, Incarnation: rand.Uint64()}),
		owners:  make(map[actor.PID]*owner),
	}
}

// children returns the actors of the shard.
func (s *shard) children() []supervisor.Child {
	teller := supervisor.Actor(fmt.Sprint("teller ", s.index),
		func() actor.Behavior[tellerMsg] { return &teller{tracker: s.tracker} })
	teller, s.teller = supervisor.Follow[tellerMsg](teller)
	if s.tracker.cfg.Adapter == nil {
		return []supervisor.Child{teller}
	}
	replicator := supervisor.Actor(fmt.Sprint("replicator ", s.index),
		func() actor.Behavior[replicatorMsg] { return &replicator{shard: s} })
	replicator, s.replicator = supervisor.Follow[replicatorMsg](replicator)
	return []supervisor.Child{teller, replicator}
}

// announce passes changes on to the teller. It is called with mu held.
func (s *shard) announce(changes ...crdt.Change) {
	for _, c := range changes {
		n := notice{Change: c}
		if s.tracker.cfg.OnDiff != nil {
			n.present = s.present(c)
		}
		s.teller.Send(n)
	}
}

// present returns all entries of the keys that a change is about.
func (s *shard) present(c crdt.Change) (entries []*crdt.Entry) {
	seen := make(map[string]bool)
	for _, e := range slices.Concat(c.Joins, c.Leaves) {
		if !seen[e.Key] {
			seen[e.Key] = true
			entries = append(entries, s.state.Key(c.Topic, e.Key)...)
		}
	}
	return entries
}

// owner is an actor that has presences in a shard. It is an [actor.Resource] of that
// actor.
type owner struct {
	shard   *shard
	entries []*crdt.Entry
}

// own returns the owner record of an actor, a new one if need be, or an error that
// wraps [actor.NoProc]. It is called with mu held: an actor gives up its resources
// without a lock of its own, so to own one while holding mu is safe.
func (s *shard) own(pid actor.PID) (*owner, error) {
	if o := s.owners[pid]; o != nil {
		return o, nil
	}
	o := &owner{shard: s}
	if !pid.Own(o) {
		return nil, fmt.Errorf("%v: %w", pid, actor.NoProc)
	}
	s.owners[pid] = o
	return o, nil
}

// Release removes the actor's presences at its end. It implements [actor.Resource].
// Whoever owns after that is refused, and whoever did before has been removed here.
func (o *owner) Release(pid actor.PID, _ error) {
	o.shard.mu.Lock()
	defer o.shard.mu.Unlock()
	delete(o.shard.owners, pid)
	o.shard.announce(o.shard.state.Leave(o.entries...)...)
	o.entries = nil
}

// find returns the owner's presence of a key, or nil.
func (s *shard) find(o *owner, topic, key string) *crdt.Entry {
	if o == nil {
		return nil
	}
	for _, e := range s.state.Key(topic, key) {
		if slices.Contains(o.entries, e) {
			return e
		}
	}
	return nil
}
