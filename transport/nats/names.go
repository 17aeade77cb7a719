package nats

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// Names are names for actors that are unique in a cluster.
//
// A name stands in a bucket of JetStream, with the node whose actor has it. So NATS decides
// who is first. The node has a lease of the name, which it renews; the name of a node that
// has crashed is free when the lease has ended. The package's comment says what that means
// in a split, and when NATS loses the bucket.
//
// What is sent to a name goes through a [pubsub.PubSub] to the node that the actor
// lives on. All methods may be called from any goroutine.
//
// OTP: global.
type Names[M any] struct {
	leases *leases
	pubsub *pubsub.PubSub[M]
	calls  calls[M]
}

// NamesConfig says what may be chosen of [Names]. All nodes of a cluster must agree on Bucket
// and Replicas. The servers must be 2.11 or later. With permissions, a node needs those lines of
// permissions.conf that have the Bucket in them. A node that may register one name can then take,
// hand on or drop any: all nodes write one key to agree on who has it. That file says what else
// it can do, and when the right to purge the stream KV_<Bucket> is needed besides.
type NamesConfig struct {
	// Bucket is where the names stand; "troupe-names" if empty. Names that have
	// different types of messages must be in different buckets.
	Bucket string

	// Lease is for how long a name outlives the last word of its node; 15 s if
	// zero, and at least 1 s. The node renews its leases five times as often, and asks again
	// what has no answer: so names outlive an election of NATS's servers, which may take nine
	// seconds, if that takes six tenths of the Lease. It may differ from node to node, as in a
	// rolling change.
	Lease time.Duration

	// Replicas is how many servers keep the bucket, if this node makes it; 1 if zero.
	Replicas int

	// Lost is told when the lease of a name has ended because its node could not
	// renew it, before anybody else gets the name. It runs on a goroutine of its
	// own; the actor goes on without the name. If it panics or calls runtime.Goexit, that is
	// logged. If Lost is nil, the actor gets an
	// exit signal with a reason that wraps [ErrLost].
	Lost func(name string, pid actor.PID)

	// Propagator takes values of contexts along with calls to other nodes; none if nil. It is
	// called for what a [Method] calls and sends.
	Propagator Propagator

	// Logger gets what goes wrong in the background, within the bounds of
	// package boundlog; slog.Default() if nil.
	Logger *slog.Logger
}

const (
	defaultBucket = "troupe-names"
	defaultLease  = 15 * time.Second
	minLease      = time.Second
)

// ErrLost is the reason of an actor that had a name whose lease has ended, and of the end of
// such a [Tenure]. It comes wrapped with context.
var ErrLost = errors.New("the lease of its name has ended")

// ErrClosed says that the names of this node have been shut down.
var ErrClosed = errors.New("shut down")

// TakenError says that some living actor in the cluster has a name, or had it when
// its node was last heard of.
type TakenError struct {
	Name string
	Node string // where it lives
}

func (e *TakenError) Error() string {
	return fmt.Sprintf("nats: register %q: taken by an actor of node %q", e.Name, e.Node)
}

// StartNames returns the cluster's names as one node's, which renews its leases until
// [Names.Shutdown]. It makes the bucket if there is none, now and whenever NATS has lost it;
// then the first name is granted after a lease. While NATS does not answer, or the bucket needs a
// purge that the server does not permit, StartNames waits, and logs that once in a lease; when ctx
// is done, its error says what it has waited for, and wraps that of ctx.
//
// The PubSub is the node's, and connected to the others before a name is registered.
// Its topics that begin with "name:" are for the names.
func StartNames[M any](ctx context.Context, js jetstream.JetStream, ps *pubsub.PubSub[M], c NamesConfig) (*Names[M], error) {
	if js == nil || ps == nil {
		return nil, errors.New("nats: start names: the JetStream or the PubSub is nil")
	}
	if c.Bucket == "" {
		c.Bucket = defaultBucket
	}
	if c.Lease == 0 {
		c.Lease = defaultLease
	}
	if c.Lease < minLease {
		return nil, fmt.Errorf("nats: start names: a lease of %v is too short, want at least %v", c.Lease, minLease)
	}
	n := &Names[M]{pubsub: ps}
	b := newKVBucket(js, c.Bucket, c.Replicas)
	n.leases = newLeases(b, c.Lease, newLog(c.Logger), func(h *holding) {
		ps.Unsubscribe(h.pid, topicOf(h.name))
		if c.Lost != nil {
			n.leases.call("the function Lost failed", h.name, func() { c.Lost(h.name, h.pid) })
		} else {
			h.pid.Exit(h.Err())
		}
	})
	if err := n.leases.await(ctx); err != nil {
		return nil, fmt.Errorf("nats: start names in bucket %q: %w", c.Bucket, err)
	}
	n.leases.start()
	n.calls.start = func(node string) (*exchange, error) {
		return newExchange(js.Conn(), callSubjects+c.Bucket, node, paceOf(c.Lease), c.Propagator, n.leases.log, n.carryOut)
	}
	return n, nil
}

func topicOf(name string) string { return "name:" + name }

// owner is what stands in the bucket under a name.
type owner struct {
	Node  string        `json:"node"`
	ID    string        `json:"id"` // of the registration: no other one has it
	Lease time.Duration `json:"lease"`

	Before *farewell `json:"before,omitempty"` // of the holder before, for monitors that have missed it
}

// Register gives the name, of up to 1,024 bytes, to the actor, until it is unregistered or ends, or its lease does.
// The [Tenure] says whether the actor has it still. In a bucket that is new, or was made again
// because NATS had lost it, Register waits until that has settled, at most the longest lease
// of all nodes. It fails with
//
//   - a [*TakenError], if an actor has the name, even if that is this one;
//   - an error that wraps [actor.NoProc], if the actor has ended;
//   - an error that wraps [ErrLost], if the lease has ended before NATS had said all of it;
//   - an error that wraps [pubsub.ErrNotJoined], if the PubSub is not connected;
//   - the error of ctx or of NATS, if the bucket does not answer. The name may be free
//     then, or taken until the lease ends. While NATS's servers elect a leader, Register tries
//     again, and fails when ctx is done; so it does while the bucket needs a purge that the server
//     does not permit, and the error says so;
//   - an error that wraps [ErrUnsettled] and that of ctx, if the bucket has not settled.
//
// At the actor's end the name goes at once, but not before a link or a monitor hears of
// the end: the bucket is elsewhere.
//
// OTP: global:register_name/2.
func (n *Names[M]) Register(ctx context.Context, name string, ref actor.Ref[M]) (*Tenure, error) {
	node, pid := n.pubsub.Node(), ref.PID()
	if err := checkName(name); err != nil {
		return nil, fmt.Errorf("nats: register: %w", err)
	}
	if _, err := n.exchange(ctx); err != nil { // it can be called before it can be found
		return nil, fmt.Errorf("nats: register %q: %w", name, err)
	}
	h, err := n.leases.newHolding(name, pid, node, rand.Text())
	if err != nil {
		return nil, fmt.Errorf("nats: register %q: %w", name, err)
	}
	if err := n.leases.add(h); err != nil {
		if errors.Is(err, errHeld) {
			return nil, &TakenError{name, node}
		}
		return nil, fmt.Errorf("nats: register %q: %w", name, err)
	}
	// Before the name can be found, so that nothing that is sent to it is lost.
	if err := n.pubsub.Subscribe(pid, topicOf(name), pubsub.To(ref, func(_ string, m M) M { return m })); err != nil {
		n.leases.remove(h, err)
		return nil, fmt.Errorf("nats: register %q: %w", name, err)
	}
	holder, err := h.take(ctx)
	if err == nil && holder == nil {
		return h.Tenure, nil
	}
	n.pubsub.Unsubscribe(pid, topicOf(name))
	if err != nil {
		return nil, fmt.Errorf("nats: register %q: %w", name, err)
	}
	return nil, &TakenError{name, holder.Node}
}

// Unregister takes the name from the actor. It does nothing if the actor does not
// have it. Without an error nobody has the name when it returns, or somebody else. While NATS's
// servers elect a leader it tries again. If the bucket has not answered when ctx is done it fails
// with an error that wraps that of ctx: then the name may be free, or taken until the lease ends.
func (n *Names[M]) Unregister(ctx context.Context, name string, pid actor.PID) error {
	h := n.leases.find(name)
	if h == nil || h.pid != pid || !n.leases.remove(h, errUnregistered) {
		return nil
	}
	n.pubsub.Unsubscribe(pid, topicOf(name))
	if err := h.giveUp(ctx, h.bye(classFree)); err != nil {
		return fmt.Errorf("nats: unregister %q: %w", name, err)
	}
	return nil
}

// Lookup returns the address of the actor that has the name, on whatever node. It
// fails with an error that wraps [actor.NoProc] if there is none, or [ErrUnsettled] if that is
// not known yet.
//
// Look a name up for each use, rather than keep the address: the next actor of that name
// may live elsewhere. It costs less than a microsecond: from the first look-up on, the node is
// told of all changes of the bucket. That makes the answer as old as a message is under way,
// usually less than a millisecond:
//
//   - A name that is registered is found: if the node does not know it, Lookup asks the bucket.
//   - What this node has registered or unregistered itself, it knows at once.
//   - The actor may have gone, as it may before any answer is used. A [Method] says so at once,
//     by actor.NoProc, and then the next Lookup asks the bucket.
//   - A node that has heard nothing for three seconds, or three tenths of its lease if that is
//     less, asks the bucket: because it is cut off, or was paused. If NATS has lost the bucket,
//     a former holder may be found for a lease.
//
// So an address is where to ask, and no proof that its actor is the one holder still. What only
// that may do is made safe by its [Tenure].
//
// OTP: global:whereis_name/1.
func (n *Names[M]) Lookup(ctx context.Context, name string) (Remote[M], error) {
	o, err := n.leases.lookup(ctx, name)
	if err != nil {
		return Remote[M]{}, fmt.Errorf("nats: look up %.*q: %w", maxActorName, name, err)
	}
	return Remote[M]{o.Node, name, o.ID, n}, nil
}

// Shutdown unregisters all names of this node and ends what runs for them. The actors
// go on; calls to and from other nodes fail. All tenures have ended when it returns. If NATS
// has not answered for three seconds, or ctx is done before, it returns an error, for ctx its
// own, and the names that are left stay taken until their leases end: so a node ends within
// five seconds while NATS is away.
func (n *Names[M]) Shutdown(ctx context.Context) error {
	err := n.leases.close(ctx, func(h *holding) { n.pubsub.Unsubscribe(h.pid, topicOf(h.name)) })
	if err := errors.Join(err, n.calls.close(ctx)); err != nil {
		return fmt.Errorf("nats: shut down names: %w", err)
	}
	return nil
}
