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
//	├── observer 0         calls OnDiff, if there is one
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

	fetching, telling, sending, broadcasting foreign // the user's code, by what it is for
}

// Start starts a tracker, which the system stops at its shutdown, or Shutdown does
// before. It fails if cfg makes no sense, if the adapter cannot join or panics, or if
// the system is shut down.
func Start(sys *actor.System, cfg Config) (*Tracker, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("presence: start: %w", err)
	}
	t := &Tracker{cfg: cfg, log: sys.Logger()}
	t.fetching.limit, t.fetching.most = cfg.FetchTimeout, 64
	t.telling.limit, t.telling.most = tellFor, 64
	t.sending.limit, t.sending.most = time.Second, 8
	t.broadcasting.limit, t.broadcasting.most = time.Second, 8
	node, err := t.node()
	if err != nil {
		return nil, fmt.Errorf("presence: start: %w", err)
	}
	// Enough for the tellers and replicators of some shards to crash at once.
	spec := supervisor.Spec{Intensity: 3, Period: 5 * time.Second}
	if cfg.Adapter != nil {
		spec.Children = append(spec.Children, supervisor.Actor("membership",
			func() actor.Behavior[none] { return &membership{tracker: t} },
			supervisor.Temporary)) // an adapter cannot be joined twice
	}
	for i := range cfg.PoolSize {
		s := newShard(t, node, i)
		t.shards = append(t.shards, s)
		spec.Children = append(spec.Children, s.children()...)
	}
	if t.tree, err = supervisor.Start(sys, spec); err != nil {
		return nil, fmt.Errorf("presence: start: %w", err)
	}
	return t, nil
}

// node returns this node's name, or "" if it is the only one.
func (t *Tracker) node() (name string, err error) {
	if t.cfg.Adapter == nil {
		return "", nil
	}
	err = actor.Guard(context.Background(), func() error {
		name = t.cfg.Adapter.Node() // which panics if it is a nil pointer
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("the adapter's node: %w", err)
	}
	return name, nil
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
	err := actor.Guard(ctx, func() error { return m.tracker.cfg.Adapter.Join(m.tracker.receive) })
	if err != nil {
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
	err := actor.Guard(ctx, func() error { return m.tracker.cfg.Adapter.Leave(ctx) })
	if err != nil {
		m.tracker.log.Warn("presence: the cluster was not left in time", "error", err)
	}
}

// heardLimit is how many bytes of the other nodes may wait for a replicator. What is
// lost it will notice, and ask for.
const heardLimit = 16 << 20

// receive gets what the other nodes send. It runs on the adapter's goroutine.
func (t *Tracker) receive(topic string, data []byte) {
	i, err := strconv.Atoi(topic)
	if err != nil || i < 0 || i >= len(t.shards) {
		return
	}
	s := t.shards[i]
	if s.heard.Add(int64(len(data))) > heardLimit || s.replicator.TrySend(heard{data}) != nil {
		s.heard.Add(-int64(len(data)))
	}
}
