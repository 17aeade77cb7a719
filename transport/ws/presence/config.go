package presence

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Config says how a [Tracker] works. The zero Config is for one node.
type Config struct {
	// Cluster is this node's membership in a cluster; nil if there is none. With it the
	// trackers of all nodes agree on who is present. It belongs to the program, which
	// starts it before the tracker; a node has one tracker in it at a time. While the
	// node is no member, its presences are tracked here, and the other nodes hear of
	// them later.
	//
	// Phoenix: the option pubsub_server of Phoenix.Presence.
	Cluster *pubsub.Cluster

	// Fetch, if not nil, adds to the entries of a topic what is not in their metas,
	// such as names from a database. It returns a value for each key that it has
	// something about. The value must marshal to a JSON object, whose fields come to
	// stand next to the entry's metas.
	//
	// It is called in a task, once for each list that somebody wants, and once each for
	// the joins and the leaves of a diff: never for each client. While it runs, later
	// diffs of the topic wait. If it fails or panics for a list, those that want the list
	// get an error. If it does for a diff, that is logged, and the diff goes out without
	// its data. If it takes longer than FetchTimeout, so do the diffs that have come to
	// wait.
	Fetch func(ctx context.Context, topic string, entries map[string]Entry) (map[string]any, error)

	// FetchTimeout is how long one call of Fetch may take; 5 s if 0. Then its context
	// is done, and nobody waits for it any more. If 64 calls have not returned even
	// so, Fetch is not called until one does.
	FetchTimeout time.Duration

	// OnDiff, if not nil, is called with each diff on this node, those of a topic one
	// after the other, when the clients have been sent it. A panic or a runtime.Goexit
	// is logged, and costs nothing else. If it takes so long that 10,000 diffs of a
	// shard wait for it, it misses further ones, which is logged.
	//
	// Phoenix: Phoenix.Presence.handle_metas/4.
	OnDiff func(Diff)

	// PoolSize is the number of shards over which topics are spread, by their
	// hash; 1 if 0. It must be the same on all nodes.
	PoolSize int

	// BroadcastPeriod is how often the other nodes are told of changes; 1.5 s if 0.
	BroadcastPeriod time.Duration

	// MaxSilentPeriods is the number of periods without changes after which this node
	// sends the others a sign of life; 10 if 0.
	MaxSilentPeriods int

	// ClockSamplePeriods is the number of periods that this node waits for changes of
	// another that it lacks, which may be under way, before it asks for them; 2 if 0.
	ClockSamplePeriods int

	// DownPeriod is the silence of another node after which its presences leave; 30 s
	// if 0. They come back when the node is heard again.
	DownPeriod time.Duration

	// PermDownPeriod is the silence of another node after which it is forgotten; 20 min
	// if 0.
	PermDownPeriod time.Duration

	// PermDownOnShutdown makes this node's presences leave the others at once when the
	// Tracker ends, and not after DownPeriod. Without it, users who have come back on
	// another node by then are never seen to leave.
	PermDownOnShutdown bool
}

func (c Config) withDefaults() (Config, error) {
	for name, n := range map[string]int64{
		"FetchTimeout":       int64(c.FetchTimeout),
		"PoolSize":           int64(c.PoolSize),
		"BroadcastPeriod":    int64(c.BroadcastPeriod),
		"MaxSilentPeriods":   int64(c.MaxSilentPeriods),
		"ClockSamplePeriods": int64(c.ClockSamplePeriods),
		"DownPeriod":         int64(c.DownPeriod),
		"PermDownPeriod":     int64(c.PermDownPeriod),
	} {
		if n < 0 {
			return c, fmt.Errorf("%s is negative", name)
		}
	}
	c.FetchTimeout = cmp.Or(c.FetchTimeout, 5*time.Second)
	c.PoolSize = cmp.Or(c.PoolSize, 1)
	c.BroadcastPeriod = cmp.Or(c.BroadcastPeriod, 1500*time.Millisecond)
	c.MaxSilentPeriods = cmp.Or(c.MaxSilentPeriods, 10)
	c.ClockSamplePeriods = cmp.Or(c.ClockSamplePeriods, 2)
	c.DownPeriod = cmp.Or(c.DownPeriod, 30*time.Second)
	c.PermDownPeriod = cmp.Or(c.PermDownPeriod, 20*time.Minute)
	switch {
	case c.DownPeriod <= time.Duration(c.MaxSilentPeriods)*c.BroadcastPeriod:
		return c, errors.New("DownPeriod is not longer than a node may be silent")
	case c.PermDownPeriod < c.DownPeriod:
		return c, errors.New("PermDownPeriod is shorter than DownPeriod")
	}
	return c, nil
}
