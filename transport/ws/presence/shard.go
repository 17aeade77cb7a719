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
