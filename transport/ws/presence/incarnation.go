package presence

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// incarnation is a tracker from a start to the next end: what a restart makes anew. It is
// an [actor.Resource] of the tracker's supervisor, so that it ends with that one, however
// that comes, and before a restart.
type incarnation struct {
	tracker *Tracker
	log     *slog.Logger
	cluster pubsub.PubSub[packet] // of the replicators of all nodes, one topic for each shard
	tree    supervisor.Tree
	shards  []*shard
}

// errRunning says that a tracker is started that runs.
var errRunning = errors.New("it is running already")

// errDown says that a tracker does not run.
var errDown = fmt.Errorf("the tracker is down: %w", actor.NoProc)

// now returns the incarnation that runs.
func (t *Tracker) now() (*incarnation, error) {
	if in := t.current.Load(); in != nil && in.tree.PID().Alive() {
		return in, nil
	}
	return nil, errDown
}

// open starts an incarnation. What spawns its supervisor is up to the caller.
func (t *Tracker) open(sys *actor.System, spawn func(supervisor.Spec) (actor.PID, error)) (actor.PID, error) {
	pid, err := t.tryOpen(sys, spawn)
	if err != nil {
		return actor.PID{}, fmt.Errorf("presence: start: %w", err)
	}
	return pid, nil
}

func (t *Tracker) tryOpen(sys *actor.System, spawn func(supervisor.Spec) (actor.PID, error)) (actor.PID, error) {
	if t.fault != nil {
		return actor.PID{}, t.fault
	}
	if !t.opening.CompareAndSwap(false, true) {
		return actor.PID{}, errRunning
	}
	defer t.opening.Store(false)
	if _, err := t.now(); err == nil {
		return actor.PID{}, errRunning
	}
	in := &incarnation{tracker: t, log: sys.Logger()}
	in.cluster.Logger = in.log
	if t.cfg.Cluster != nil {
		if err := in.cluster.Connect(t.cfg.Cluster, clusterName, rawCodec{}); err != nil {
			return actor.PID{}, err
		}
	}
	pid, err := spawn(in.spec(t.current.Load()))
	if err != nil {
		in.cluster.Disconnect()
		return actor.PID{}, err
	}
	in.tree, _ = supervisor.TreeOf(pid)
	t.current.Store(in)
	if !pid.Own(in) {
		in.Release(pid, pid.Err()) // it has ended already
	}
	return pid, nil
}

// spec makes the shards, and returns what they need. What the shards of a
// former incarnation have left untold is told first; that one may be nil.
func (in *incarnation) spec(former *incarnation) supervisor.Spec {
	// Enough for the tellers and replicators of some shards to crash at once.
	spec := supervisor.Spec{Intensity: 3, Period: 5 * time.Second}
	for i := range in.tracker.cfg.PoolSize {
		s := newShard(in, i)
		if former != nil {
			s.untold = former.shards[i].leftover()
		}
		in.shards = append(in.shards, s)
		spec.Children = append(spec.Children, s.children()...)
	}
	return spec
}

// Release implements [actor.Resource]: the actors that are present end with the tracker.
func (in *incarnation) Release(_ actor.PID, reason error) {
	in.cluster.Disconnect()
	for _, s := range in.shards {
		for _, pid := range s.end() {
			pid.Exit(fmt.Errorf("presence: the tracker has ended: %w", reason))
		}
	}
}
