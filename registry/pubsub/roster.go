package pubsub

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/actor/foreign"
)

// Node is another node of a cluster.
type Node struct {
	Name        string
	Incarnation uint64 // another one each time that a node of this name joins
}

// Roster is an [Adapter] that knows which other nodes are there: nats.Adapter, and those of a
// [Hub]. It may be called from any goroutine, and must not block.
type Roster interface {
	// Nodes returns the other nodes that are there, as far as this one knows: not those that
	// have left, or have not been heard of for so long that they count as down. Changed is
	// closed when they are others. There are none before Join and after Leave.
	//
	// A node is among them before its first message is received.
	Nodes() (list []Node, changed <-chan struct{})
}

// ErrNoRoster says that an adapter does not know the other nodes: it is no [Roster].
var ErrNoRoster = errors.New("the adapter does not tell which nodes there are")

// rosterFor is how long a Roster may take.
const rosterFor = time.Second

// Nodes returns the other nodes that are there, as far as this one knows, and a channel that
// is closed when they are others: then ask again. With a program that does, no change is
// missed in the end, though short ones may be. It fails if the adapter is no [Roster], with
// [ErrNoRoster], and if it panics or takes longer than a second.
//
// OTP: nodes/0, net_kernel:monitor_nodes/1.
func (c *Cluster) Nodes() (list []Node, changed <-chan struct{}, err error) {
	r, ok := c.adapter.(Roster)
	if !ok {
		return nil, nil, ErrNoRoster
	}
	type answer struct {
		list    []Node
		changed <-chan struct{}
	}
	a, err := foreign.Value(context.Background(), &c.asking, func(context.Context) (answer, error) {
		list, changed := r.Nodes()
		return answer{list, changed}, nil
	})
	return a.list, a.changed, err
}
