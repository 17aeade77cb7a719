package presence

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"log/slog"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Tracker keeps the presences of all topics:
//
//	tracker                supervisor
//	├── membership         joins and leaves the cluster, if there is one
//	├── teller 0           tells this node's members of changes
//	├── replicator 0       tells the other nodes, and hears from them
//	└── …                  for each shard
//
// All methods may be called from any goroutine.
type Tracker struct {
	cfg    Config
	log    *slog.Logger
	tree   supervisor.Tree
	shards []*shard

	endpoints atomic.Pointer[[]*ws.Endpoint] // whose members are told
}

// Start starts a tracker, which the system stops at its shutdown, or Shutdown does
// before. It fails if cfg makes no sense, if the adapter cannot join, or if the
// system is shut down.
func Start(sys *actor.System, cfg Config) (*Tracker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("presence: start: %w", err)
	}
	t := &Tracker{cfg: cfg, log: sys.Logger()}
	// Enough for the tellers and replicators of some shards to crash at once.
	spec := supervisor.Spec{Intensity: 3, Period: 5 * time.Second}
	if cfg.Adapter != nil {
		spec.Children = append(spec.Children, supervisor.Actor("membership",
			func() actor.Behavior[none] { return &membership{tracker: t} },
			supervisor.Temporary)) // an adapter cannot be joined twice
	}
	for i := range cfg.PoolSize {
		s := newShard(t, i)
		t.shards = append(t.shards, s)
		spec.Children = append(spec.Children, s.children()...)
	}
	if t.tree, err = supervisor.Start(sys, spec); err != nil {
		return nil, fmt.Errorf("presence: start: %w", err)
	}
	return t, nil
}

// Shutdown ends the tracker, and returns when it has left the cluster. It is for
// those who end it before their system: see [supervisor.Tree.Stop].
func (t *Tracker) Shutdown(ctx context.Context) error {
	if err := t.tree.Stop(ctx); err != nil && !errors.Is(err, actor.NoProc) {
		return fmt.Errorf("presence: shutdown: %w", err)
	}
	return nil
}

// shard returns the shard of a topic, the same on all nodes.
func (t *Tracker) shard(topic string) *shard {
	if len(t.shards) == 1 {
		return t.shards[0]
	}
	return t.shards[crc32.ChecksumIEEE([]byte(topic))%uint32(len(t.shards))]
}

// serve notes an endpoint whose members are to be told from now on.
func (t *Tracker) serve(e *ws.Endpoint) {
	for {
		old := t.endpoints.Load()
		var all []*ws.Endpoint
		if old != nil {
			all = *old
		}
		if slices.Contains(all, e) {
			return
		}
		all = append(slices.Clip(all), e)
		if t.endpoints.CompareAndSwap(old, &all) {
			return
		}
	}
}

// none is the message of an actor that gets none.
type none struct{}

// membership is the Tracker's membership in the cluster. It is started first and
// stopped last.
type membership struct{ tracker *Tracker }

// Init implements [actor.Initializer].
func (m *membership) Init(ctx *actor.Context[none]) error {
	ctx.TrapExit(true)
	if err := m.tracker.cfg.Adapter.Join(m.tracker.receive); err != nil {
		return fmt.Errorf("join the cluster: %w", err)
	}
	return nil
}

// Receive implements [actor.Behavior].
func (*membership) Receive(*actor.Context[none], none) error { return nil }

// Terminate implements [actor.Terminator].
func (m *membership) Terminate(ctx *actor.Context[none], _ error) {
	if m.tracker.cfg.PermDownOnShutdown {
		for _, s := range m.tracker.shards {
			s.sayGoodbye()
		}
	}
	if err := m.tracker.cfg.Adapter.Leave(ctx); err != nil {
		m.tracker.log.Warn("presence: the cluster was not left in time", "error", err)
	}
}

// receive gets what the other nodes send. It runs on the adapter's goroutine.
func (t *Tracker) receive(topic string, data []byte) {
	if i, err := strconv.Atoi(topic); err == nil && 0 <= i && i < len(t.shards) {
		t.shards[i].replicator.Send(heard{data})
	}
}
