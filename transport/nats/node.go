package nats

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// Config says how a [Node] is connected, and what it is called.
type Config struct {
	// URL is that of a server, or of several with commas between; nats.DefaultURL if empty.
	URL string

	// Options are those of the connection besides, such as credentials. That the server
	// sends nothing back, and that it is never given up, is the node's own; what NATS refuses,
	// as for want of a permission, is logged, and told to an ErrorHandler among them as well.
	Options []nats.Option

	// Name is the node's name, of up to 256 bytes, which no other node of the cluster may have.
	// It must not be empty.
	Name string

	// Cluster is what all nodes of a cluster call it, and begins the subjects of all their
	// messages; "troupe" if empty. It has no spaces and none of NATS's wildcards, * and >.
	Cluster string

	// Codec is the default of what typed calls, groups and singletons encode, where a [Method], a
	// group.Message or a [Singleton] has no codec of its own: JSON if nil. All nodes of a cluster
	// have the same one. What comes from a node with another one is refused, with an error that
	// wraps [pubsub.ErrEncoding]: to the caller of a call, in the log and the counts of a group
	// and a singleton.
	Codec pubsub.Encoding

	// Observe, if not nil, is called with each event of the node: [MemberChanged],
	// [StateChanged], [TwinSeen] and [pubsub.MessagesLost]. They are events of the system that
	// its Child runs in as well. It is called for one after the other, on a goroutine of its
	// own. If it panics, calls runtime.Goexit, or takes longer than five seconds, that is
	// logged; events are left out while it has not returned, and when the node leaves.
	Observe func(actor.Event)

	// Lost is told how many messages of other nodes were lost, see [Adapter].
	Lost func(messages uint64)

	// QueueLimit, QueueBytes and TopicLimit bound what waits and how many topics the node asks
	// for by themselves, see [Adapter]: 1024 messages, 16 MiB and 16,384 topics if zero.
	QueueLimit, QueueBytes, TopicLimit int

	// Logger gets what goes wrong in the background, within the bounds of package boundlog;
	// slog.Default() if nil.
	Logger *slog.Logger
}

// Node is this program as a node of a cluster, with a connection of its own. It is all that a
// program of one node needs to be one of several:
//
//	node, err := nats.Join(ctx, nats.Config{URL: url, Name: "berlin"})
//	defer node.Close()
//	who := presence.New(presence.Config{Cluster: node.Cluster()})
//	endpoint := ws.New(ws.Config{Cluster: node.Cluster(), …})
//	children := []supervisor.Child{node.Child(), who.Child(), endpoint.Child()}
//
// What holds, in each failure:
//
//   - NATS is down, or the node cut off from it: the connection is made anew without end, and
//     a server that does not answer for ten seconds counts as lost. The node is [Away] then;
//     what it broadcasts is kept, up to 8 MB by default, or counted as Unsent; what others
//     broadcast is missed, and counted as Lost when the next of theirs comes.
//   - Another node crashes, hangs or is cut off: it is [Down] for this one after five seconds,
//     and its [MemberChanged] is an event.
//   - The Child crashes: a supervisor restarts it, and the node joins again.
//   - SIGTERM: the others are told that it leaves when its Child ends, after four seconds at
//     most, whatever NATS does.
//   - The connection is closed: the node is [Gone], and its broadcasts fail.
//
// All methods may be called from any goroutine, and are for the checks and metrics of a platform,
// too: but for Close they wait for nothing, also while the server takes nothing.
type Node struct {
	conn    *nats.Conn
	adapter *Adapter
	cluster *pubsub.Cluster
}

// pingEvery is how often the server is asked for a sign of life; two may be missing.
const pingEvery = 5 * time.Second

// reconnectWait is how long to wait before all servers are tried again, and how much longer by
// chance: a cluster is to be whole within a second when its network is.
const reconnectWait = 250 * time.Millisecond

const defaultCluster = "troupe"

// Join connects to NATS, and returns the node. It is a member of the cluster while its
// [Node.Child] runs, whose start fails with an error that wraps [ErrNameTaken] if a node of its
// name lives, and if the server does not answer within ten seconds.
//
// Join tries each server once. It fails with the error of NATS if none can be reached, with
// that of ctx if ctx is done before, and if Name or Cluster cannot be used. With the option
// nats.RetryOnFailedConnect(true) it does not wait for a server, and the Child's start does.
//
// OTP: net_kernel:start/2.
func Join(ctx context.Context, c Config) (*Node, error) {
	n, err := c.join(ctx)
	if err != nil {
		return nil, fmt.Errorf("nats: join: %w", err)
	}
	return n, nil
}

func (c Config) join(ctx context.Context) (*Node, error) {
	n := &Node{adapter: &Adapter{
		Name: c.Name, Prefix: cmp.Or(c.Cluster, defaultCluster) + ".pubsub", Logger: c.Logger,
		QueueLimit: c.QueueLimit, QueueBytes: c.QueueBytes, TopicLimit: c.TopicLimit, Lost: c.Lost,
		observe: c.Observe, gate: new(gate),
	}}
	if err := n.adapter.check(); err != nil {
		return nil, err
	}
	opts, err := c.options(n.adapter)
	if err != nil {
		return nil, fmt.Errorf("node %q: %w", c.Name, err)
	}
	n.cluster = pubsub.NewCluster(n.adapter)
	if c.Codec != nil {
		if err := n.cluster.SetEncoding(c.Codec); err != nil {
			return nil, fmt.Errorf("node %q: %w", c.Name, err)
		}
	}
	if n.conn, err = connectBy(ctx, opts); err != nil {
		return nil, fmt.Errorf("node %q: %w", c.Name, err)
	}
	n.adapter.Conn = n.conn
	return n, nil
}

// options returns the connection's, whose reads pass the adapter's gate.
func (c Config) options(a *Adapter) (nats.Options, error) {
	opts := nats.GetDefaultOptions()
	opts.Name, opts.PingInterval = c.Name, pingEvery
	opts.ReconnectWait, opts.ReconnectJitter = reconnectWait, reconnectWait
	opts.AsyncErrorCB = func(*nats.Conn, *nats.Subscription, error) {}
	for _, o := range append([]nats.Option{nats.MaxPingsOutstanding(1)}, c.Options...) {
		if o == nil { // as nats.Connect
			continue
		}
		if err := o(&opts); err != nil {
			return opts, err
		}
	}
	// So that no other node may listen to what NATS answers this one.
	opts.InboxPrefix = cmp.Or(opts.InboxPrefix, nats.InboxPrefix+subjectToken(c.Name))
	if all := cmp.Or(c.URL, opts.Url); all != "" || len(opts.Servers) == 0 {
		opts.Url, opts.Servers = "", serversOf(cmp.Or(all, nats.DefaultURL)) // Url is one
	}
	opts.NoEcho, opts.AllowReconnect, opts.MaxReconnect, opts.IgnoreAuthErrorAbort = true, true, -1, true
	opts.AsyncErrorCB = a.refusals(opts.AsyncErrorCB)
	g := a.gate
	g.CustomDialer = opts.CustomDialer
	if g.CustomDialer == nil {
		g.CustomDialer = cmp.Or(opts.Dialer, &net.Dialer{Timeout: opts.Timeout})
	}
	opts.CustomDialer = g
	return opts, nil
}

// serversOf returns the URLs of a list with commas.
func serversOf(list string) (urls []string) {
	for url := range strings.SplitSeq(list, ",") {
		if url = strings.TrimSuffix(strings.TrimSpace(url), "/"); url != "" {
			urls = append(urls, url)
		}
	}
	return urls
}

// connectBy connects, and does not wait longer than for ctx.
func connectBy(ctx context.Context, opts nats.Options) (*nats.Conn, error) {
	if ctx.Err() != nil { // Guard lets either be first, and the connection may be quick
		return nil, context.Cause(ctx)
	}
	var conn *nats.Conn
	var settled atomic.Bool // of the connection and a caller that gives up, the one that comes second closes it
	err := actor.Guard(ctx, func() error {
		made, err := opts.Connect()
		if err != nil {
			return err
		}
		if conn = made; settled.Swap(true) {
			made.Close()
		}
		return nil
	})
	if err != nil {
		if settled.Swap(true) {
			conn.Close()
		}
		return nil, err
	}
	return conn, nil
}

// Cluster returns the node's membership, for all that talk to other nodes.
func (n *Node) Cluster() *pubsub.Cluster { return n.cluster }

// Child returns the node as a child of a supervisor, with the ID "node". It comes before all
// that use the cluster. If it crashes and is restarted the node joins again.
func (n *Node) Child() supervisor.Child { return supervisor.Actor("node", n.cluster.Behavior) }

// Conn returns the connection, for [StartNames] and what the program has of its own. It is
// closed by Close only.
func (n *Node) Conn() *nats.Conn { return n.conn }

// Name returns the node's name.
func (n *Node) Name() string { return n.adapter.Name }

// Members returns the other nodes, see [Adapter.Members].
func (n *Node) Members() []Member { return n.adapter.Members() }

// State returns how the node is connected.
func (n *Node) State() State { return n.adapter.State() }

// Stats returns what has gone between this node and the others.
func (n *Node) Stats() pubsub.Traffic { return n.cluster.Traffic() }

// Health returns nil if the node is a member of the cluster and connected, and what is wrong
// otherwise: also if the server refuses it subscriptions, though it asks for no topic by itself
// any more. It is for the checks of a platform, and asks nobody.
func (n *Node) Health() error {
	switch s := n.State(); s {
	case Connected:
		if n.adapter.deaf() {
			return fmt.Errorf("nats: node %q: %w", n.Name(), errDeaf)
		}
		return nil
	case Apart:
		return fmt.Errorf("nats: node %q: %w", n.Name(), pubsub.ErrNotJoined)
	default:
		return fmt.Errorf("nats: node %q is %v: %w", n.Name(), s, errCutOff)
	}
}

var errCutOff = errors.New("it has no connection to NATS")

// Close closes the connection, when the node's Child has ended. If it has not, the node is
// [Gone].
func (n *Node) Close() { n.conn.Close() }
