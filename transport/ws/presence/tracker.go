package presence

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Tracker keeps the presences of all topics. [New] makes one, and [Tracker.Child] is its
// place in the supervision tree:
//
//	presence               supervisor
//	├── observer 0         calls OnDiff, if there is one
//	├── teller 0           tells this node's members of changes
//	├── replicator 0       tells the other nodes, and hears from them, if there are any
//	└── …                  for each shard
//
// It tells the clients of the endpoints that have it in their [ws.Config]. All methods
// may be called from any goroutine. While the Tracker is down, which it is before its
// start, after its end and for the moment of a restart, their errors wrap [actor.NoProc].
type Tracker struct {
	cfg   Config
	fault error // why it cannot start

	opening   atomic.Bool                    // it is being started
	current   atomic.Pointer[incarnation]    // the latest one, which may have ended
	endpoints atomic.Pointer[[]*ws.Endpoint] // whose members are told

	fetching, telling foreign.Calls // the user's code, by what it is for
}

// New makes a tracker, and starts nothing: [Tracker.Child] puts it into a supervision
// tree. A Config that makes no sense fails the start.
//
// Phoenix: use Phoenix.Presence.
func New(cfg Config) *Tracker {
	t := new(Tracker)
	t.cfg, t.fault = cfg.withDefaults()
	t.fetching.Limit, t.fetching.Most = t.cfg.FetchTimeout, 64
	t.telling.Limit, t.telling.Most = tellFor, 64
	return t
}

// Start makes a tracker and starts it at the top of a system, which stops it at its
// shutdown. It is the short form for tests and small programs: nothing restarts such a
// tracker when it has crashed for good.
func Start(sys *actor.System, cfg Config) (*Tracker, error) {
	t := New(cfg)
	_, err := t.open(sys, func(spec supervisor.Spec) (actor.PID, error) {
		tree, err := supervisor.Start(sys, spec)
		return tree.PID(), err
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Child returns the tracker as a child of a supervisor, with the ID "presence". It comes
// before the endpoint whose channels use it. To have two trackers in a supervisor, give
// one of the children another ID.
//
// What a tracker knew ends with it, and so do the actors that were present by it: as if
// linked to it, they get an exit signal with its reason. So a channel tells its client of
// an error, the client joins again, and the channel tracks again. Clients are first told
// that all have left, then who is there again. A change right before a crash may not be
// told.
//
// The child may be started again when it has ended, but runs once at a time: a second
// start fails.
func (t *Tracker) Child() supervisor.Child {
	return supervisor.Child{
		ID:   "presence",
		Type: supervisor.TypeSupervisor,
		Start: func(parent actor.Self) (actor.PID, error) {
			return t.open(parent.System(), func(spec supervisor.Spec) (actor.PID, error) {
				return supervisor.Supervisor("presence", spec).Start(parent)
			})
		},
	}
}

// PID returns the tracker's supervisor as it runs now, or the zero PID while it is down.
func (t *Tracker) PID() actor.PID {
	if in, err := t.now(); err == nil {
		return in.tree.PID()
	}
	return actor.PID{}
}

// Shutdown ends the tracker: see [supervisor.Tree.Stop]. It is for a tracker from [Start]. One in a tree ends with its
// supervisor, which restarts it after a Shutdown as after any other end.
func (t *Tracker) Shutdown(ctx context.Context) error {
	in, err := t.now()
	if err != nil {
		return nil
	}
	if err := in.tree.Stop(ctx); err != nil && !errors.Is(err, actor.NoProc) {
		return fmt.Errorf("presence: shutdown: %w", err)
	}
	return nil
}

// shard returns the shard of a topic, the same on all nodes.
func (t *Tracker) shard(topic string) (*shard, error) {
	in, err := t.now()
	if err != nil {
		return nil, err
	}
	if len(in.shards) == 1 {
		return in.shards[0], nil
	}
	return in.shards[crc32.ChecksumIEEE([]byte(topic))%uint32(len(in.shards))], nil
}
