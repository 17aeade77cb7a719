package ws

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Config says how an [Endpoint] works. Sockets are all it needs.
type Config struct {
	// Sockets are where clients connect. There must be one at least.
	Sockets []Socket

	// Trackers are the presence trackers that the endpoint's channels use. Each tells the
	// clients of the endpoint who comes and goes, for as long as the endpoint runs.
	//
	// Phoenix: the pubsub_server of a Presence and its endpoint.
	Trackers []Tracker

	// Cluster is this node's membership in a cluster; nil if there is none. With it
	// Broadcast, BroadcastFrom and Disconnect reach the clients of the endpoints of all
	// nodes, intercepted events included. It belongs to the program, which starts it
	// before the endpoint; a node has one endpoint in it at a time. While the node is
	// no member, clients here get what is broadcast all the same, and the error wraps
	// [pubsub.ErrNotJoined].
	//
	// A client that polls must reach the same endpoint with each request: let the
	// balancer send it there by its address or a cookie.
	Cluster *pubsub.Cluster

	// DrainBatch is how many connections [Endpoint.Drain] closes at a time; 10,000 if 0.
	DrainBatch int

	// DrainInterval is how long Drain waits after each batch but the last; 2 s if 0.
	DrainInterval time.Duration
}

// mounts returns the sockets with their defaults, or what is wrong with the Config.
func (c Config) mounts() ([]Socket, error) {
	if c.DrainBatch < 0 || c.DrainInterval < 0 {
		return nil, fmt.Errorf("drain in batches of %d every %v", c.DrainBatch, c.DrainInterval)
	}
	if err := checkTrackers(c.Trackers); err != nil {
		return nil, err
	}
	if len(c.Sockets) == 0 {
		return nil, errors.New("no sockets: nobody could connect")
	}
	mounts := make([]Socket, len(c.Sockets))
	for i, s := range c.Sockets {
		var err error
		if mounts[i], err = s.withDefaults(); err != nil {
			return nil, fmt.Errorf("socket %d, %q: %w", i, s.Path, err)
		}
		for j, earlier := range c.Sockets[:i] {
			switch {
			case earlier.Path == s.Path:
				return nil, fmt.Errorf("socket %d, %q: socket %d has that path", i, s.Path, j)
			case s.Channels.disagree(earlier.Channels):
				return nil, fmt.Errorf("sockets %d and %d record the same topics by different Histories", j, i)
			case pathCovers(earlier.Path, s.Path):
				return nil, fmt.Errorf("socket %d, %q, is never reached: socket %d, %q, has all of its paths", i, s.Path, j, earlier.Path)
			}
		}
	}
	for i, s := range c.Sockets {
		for _, other := range c.Sockets {
			if s.Overflow == DropNewest && s.Channels.haveTopicsOf(other.Channels) {
				return nil, fmt.Errorf("socket %d, %q, drops messages by its Overflow on topics that have a History, and its clients would not know", i, s.Path)
			}
		}
	}
	return mounts, nil
}

// checkTrackers checks that each is there, and once: clients would be told twice.
func checkTrackers(list []Tracker) error {
	for i, t := range list {
		if isNil(t) {
			return fmt.Errorf("tracker %d is nil", i)
		}
		for j, earlier := range list[:i] {
			if reflect.TypeOf(t).Comparable() && earlier == t {
				return fmt.Errorf("trackers %d and %d are the same", j, i)
			}
		}
	}
	return nil
}

// Tracker is a *presence.Tracker, of package
// [github.com/troupe-go/troupe/transport/ws/presence].
type Tracker interface {
	// Serve has the tracker tell the clients of an endpoint, until stop is called. An
	// endpoint calls Serve at its start, before it lets a client in, and stop at its end.
	// Neither may block.
	Serve(e *Endpoint) (stop func())
}
