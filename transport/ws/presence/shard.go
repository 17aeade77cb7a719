package presence

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// shard has a part of the topics. Its state is not an actor's, so that nobody waits
// for one who only wants to read it.
type shard struct {
	tracker    *Tracker
	cluster    *pubsub.PubSub[packet]
	log        *slog.Logger
	index      int
	name       string       // of its topic in the cluster
	heard      atomic.Int64 // bytes that wait for the replicator
	teller     supervisor.Ref[tellerMsg]
	observer   supervisor.Ref[told] // if there is an OnDiff
	replicator supervisor.Ref[replicatorMsg]

	// mu is held for microseconds, at most for the time that it takes to copy a
	// list. What changes state tells the teller before it unlocks, so that the
	// teller hears of changes in the order in which they were made.
	mu     sync.RWMutex
	state  *crdt.State
	owners map[actor.PID]*owner
	ended  bool          // there are no new owners
	stats  Stats         // of which the Joins and Leaves are kept here
	untold []crdt.Change // by a former incarnation, or by this one when it has ended
}

func newShard(in *incarnation, index int) *shard {
	return &shard{
		tracker: in.tracker,
		cluster: &in.cluster,
		log:     in.log,
		index:   index,
		name:    strconv.Itoa(index),
		state:   crdt.New(crdt.ID{Node: in.cluster.Node(), Incarnation: rand.Uint64()}),
		owners:  make(map[actor.PID]*owner),
	}
}

// children returns the actors of the shard.
func (s *shard) children() (children []supervisor.Child) {
	if s.tracker.cfg.OnDiff != nil {
		observer := supervisor.Actor(fmt.Sprint("observer ", s.index),
			func() *observer { return &observer{shard: s} },
			supervisor.With(actor.Mailbox(observerLimit)))
		observer, s.observer = supervisor.Follow[told](observer)
		children = append(children, observer)
	}
	teller := supervisor.Actor(fmt.Sprint("teller ", s.index),
		func() *teller { return &teller{shard: s} })
	teller, s.teller = supervisor.Follow[tellerMsg](teller)
	children = append(children, teller)
	if s.tracker.cfg.Cluster != nil {
		replicator := supervisor.Actor(fmt.Sprint("replicator ", s.index),
			func() *replicator { return &replicator{shard: s} })
		replicator, s.replicator = supervisor.Follow[replicatorMsg](replicator)
		children = append(children, replicator)
	}
	return children
}

// announce passes changes on to the teller. It is called with mu held.
func (s *shard) announce(changes ...crdt.Change) {
	for _, c := range changes {
		s.stats.Joins += uint64(len(c.Joins))
		s.stats.Leaves += uint64(len(c.Leaves))
		s.teller.Send(s.notice(c))
	}
}

// notice returns what the teller gets to know of a change. It is called with mu held.
func (s *shard) notice(c crdt.Change) notice {
	n := notice{Change: c}
	if s.tracker.cfg.OnDiff != nil {
		n.present = s.present(c)
	}
	return n
}

// present returns what the keys that a change is about have right after it.
func (s *shard) present(c crdt.Change) (keys []crdt.Snapshot) {
	seen := make(map[string]bool)
	for _, e := range slices.Concat(c.Joins, c.Leaves) {
		if !seen[e.Key] {
			seen[e.Key] = true
			keys = append(keys, s.state.Key(c.Topic, e.Key))
		}
	}
	return keys
}

// end has all presences leave, this node's and those of others, which is left to the next
// incarnation to tell. It returns the actors that were present.
func (s *shard) end() (present []actor.PID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	var entries []*crdt.Entry
	for pid, o := range s.owners {
		if all := o.all(); len(all) > 0 {
			present = append(present, pid)
			entries = append(entries, all...)
		}
		o.few, o.many = nil, nil
	}
	s.untold = append(s.untold, s.state.Leave(inOrder(entries)...)...)
	for _, peer := range s.state.Peers() {
		s.untold = append(s.untold, s.state.Drop(peer)...)
	}
	return present
}

// leftover returns what the next incarnation has to tell, when this one has ended.
func (s *shard) leftover() []crdt.Change {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.untold
}
