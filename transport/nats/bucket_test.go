package nats

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
)

// stream returns the node's JetStream, and the stream behind its bucket.
func (n *node) stream(t *testing.T) (jetstream.JetStream, jetstream.Stream) {
	t.Helper()
	js, err := jetstream.New(n.conn)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(t.Context(), "KV_"+bucketOf(n.leases))
	if err != nil {
		t.Fatal(err)
	}
	return js, s
}

// bucketLosses are what can become of a bucket, by its stream.
var bucketLosses = map[string]func(context.Context, jetstream.JetStream, jetstream.Stream) error{
	"deleted": func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
		return js.DeleteStream(ctx, s.CachedInfo().Config.Name)
	},
	// As servers of a cluster do it that have all been restarted.
	"made again as it was": func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
		return remake(ctx, js, s.CachedInfo().Config)
	},
	"made again from 1": func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
		c := s.CachedInfo().Config
		c.FirstSeq = 0
		return remake(ctx, js, c)
	},
	"emptied": func(ctx context.Context, _ jetstream.JetStream, s jetstream.Stream) error {
		return s.Purge(ctx)
	},
}

// remake makes a stream anew, and not a node that notices in between that there is none.
func remake(ctx context.Context, js jetstream.JetStream, c jetstream.StreamConfig) error {
	for {
		if err := js.DeleteStream(ctx, c.Name); err != nil {
			return err
		}
		if _, err := js.CreateStream(ctx, c); !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return err
		}
	}
}

// GLB-1: a holder that is there when the bucket is lost claims its name, and is found again.
// Nobody else is given it. Tokens grow.
func TestHolderLivesOnWhenTheBucketIsLost(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for how, lose := range bucketLosses {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cluster, config := prefix(), NamesConfig{} // the holder has as long as a lease to claim its name
			a, b := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
			ref, got := a.listener(t)
			other, _ := b.listener(t)
			tenure := a.tenure(t, "x", ref)
			down := monitor(t, b.lookup(t, "x"))
			js, stream := a.stream(t)
			if err := lose(t.Context(), js, stream); err != nil {
				t.Fatal(err)
			}
			// It waits until the bucket has settled; by then the name has been claimed.
			b.expectTaken(t, "x", other, a)
			next := b.tenure(t, "y", other)
			if !tenure.Valid() || tenure.Err() != nil || !ref.PID().Alive() {
				t.Errorf("valid: %v, %v; the holder has ended: %v", tenure.Valid(), tenure.Err(), ref.PID().Err())
			}
			if next.Token() <= tenure.Token() {
				t.Errorf("token %d after %d", next.Token(), tenure.Token())
			}
			if err := b.lookup(t, "x").TrySend("hello"); err != nil {
				t.Error(err)
			}
			if m := await(t, got); m != "hello" {
				t.Errorf("received %q", m)
			}
			if len(down) > 0 {
				t.Errorf("a monitor has fired: %v", <-down)
			}
			ref.PID().Exit(actor.Kill)
			expectDown(t, down, actor.Killed)
			await(t, tenure.Done())
			if err := tenure.Err(); !errors.Is(err, actor.NoProc) || tenure.Valid() {
				t.Errorf("tenure of a dead actor: %v, valid: %v", err, tenure.Valid())
			}
		})
	}
}

// GLB-2: a holder that is cut off when the bucket is lost has stopped before another one gets
// its name, also from a node that comes after that, and knows nothing.
func TestHolderThatIsCutOffHasStoppedBeforeTheNextOneOfANewBucket(t *testing.T) {
	s := startServer(t)
	for how, lose := range bucketLosses {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			cluster, config := prefix(), NamesConfig{Lease: shortLease}
			a, b := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
			ref, _ := a.listener(t)
			tenure := a.tenure(t, "x", ref)
			a.wire.cut()
			js, stream := b.stream(t)
			if err := lose(t.Context(), js, stream); err != nil {
				t.Fatal(err)
			}
			c := startNode(t, s, cluster, "c", config)
			other, _ := c.listener(t)
			next := c.tenure(t, "x", other)
			if tenure.Valid() {
				t.Error("two hold the name")
			}
			if next.Token() <= tenure.Token() {
				t.Errorf("token %d after %d", next.Token(), tenure.Token())
			}
			await(t, tenure.Done())
			if err := tenure.Err(); !errors.Is(err, ErrLost) {
				t.Errorf("the tenure ended with %v, want ErrLost", err)
			}
			await(t, ref.PID().Done())
		})
	}
}

// A restart of NATS, which kept the bucket in memory, does not end names: not those that there
// are, if it is short, and not that they can be had.
func TestNamesOutliveARestartOfNATS(t *testing.T) {
	t.Parallel()
	port := steadyPort(t)
	s := startServerAt(t, port)
	cluster, config := prefix(), NamesConfig{} // the server has as long as a lease to come back
	a, b := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
	ref, _ := a.listener(t)
	other, _ := b.listener(t)
	tenure := a.tenure(t, "x", ref)
	s.Shutdown()
	s.WaitForShutdown()
	startServerAt(t, port)
	defer func() { // while there is a server
		for _, n := range []*node{a, b} {
			if err := n.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}()
	next := b.tenure(t, "y", other)
	b.expectTaken(t, "x", other, a)
	if next.Token() <= tenure.Token() {
		t.Errorf("token %d after %d", next.Token(), tenure.Token())
	}
	if !tenure.Valid() {
		t.Errorf("the holder has not claimed its name: %v", tenure.Err())
	}
}

// stallable is a way to the server on which all bytes can be held up, in both directions. They
// arrive when it is released.
type stallable struct {
	mu   sync.Mutex
	held chan struct{} // closed unless it is stalled
}

func newStallable() *stallable {
	s := &stallable{held: make(chan struct{})}
	close(s.held)
	return s
}

type stallableConn struct {
	net.Conn
	by *stallable
}

// Dial implements [nats.CustomDialer].
func (s *stallable) Dial(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	return &stallableConn{c, s}, err
}

func (s *stallable) stall() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = make(chan struct{})
}

func (s *stallable) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.held:
	default:
		close(s.held)
	}
}

func (s *stallable) pass() {
	s.mu.Lock()
	held := s.held
	s.mu.Unlock()
	<-held
}

func (c *stallableConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.by.pass()
	return n, err
}

func (c *stallableConn) Write(p []byte) (int, error) {
	c.by.pass()
	return c.Conn.Write(p)
}

// GLB-2: a node whose connection stalls has stopped before another one gets its name; and what
// it had sent, and comes late, takes nothing back.
func TestHolderOnAConnectionThatStallsHasStoppedBeforeTheNextOne(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cluster, config := prefix(), NamesConfig{Lease: shortLease}
	way := newStallable()
	b := newNode(t, s, cluster, "b", config)
	a := startNode(t, s, cluster, "a", config, nats.SetCustomDialer(way))
	t.Cleanup(way.release) // before it is closed
	ref, _ := a.listener(t)
	other, _ := b.listener(t)
	tenure := a.tenure(t, "x", ref)
	gone := b.watch(t, "x")
	way.stall()
	awaitGone(t, gone)
	next := b.tenure(t, "x", other)
	if tenure.Valid() {
		t.Error("two hold the name")
	}
	if next.Token() <= tenure.Token() {
		t.Errorf("token %d after %d", next.Token(), tenure.Token())
	}
	await(t, tenure.Done())
	way.release()
	if err := a.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	late, _ := a.listener(t)
	a.expectTaken(t, "x", late, b)
	if !next.Valid() {
		t.Errorf("what came late has taken the name: %v", next.Err())
	}
}

// A clock that is behind does not have tokens shrink, if its node has seen the last one.
func TestTokensGrowUnderAClockThatGoesBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	cluster, config := prefix(), NamesConfig{Lease: shortLease}
	a := newNode(t, s, cluster, "a", config)
	ref, _ := a.listener(t)
	tenure := a.tenure(t, "x", ref)
	if err := a.Unregister(t.Context(), "x", ref.PID()); err != nil {
		t.Fatal(err)
	}
	a.leases.epochs.mu.Lock()
	a.leases.wall = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	a.leases.epochs.mu.Unlock()
	js, stream := a.stream(t)
	if err := bucketLosses["made again from 1"](t.Context(), js, stream); err != nil {
		t.Fatal(err)
	}
	if next := a.tenure(t, "x", ref); next.Token() <= tenure.Token() {
		t.Errorf("token %d after %d", next.Token(), tenure.Token())
	}
}

// A bucket that is new says so, and does not say that nobody has a name.
func TestNewBucketHasNotSettled(t *testing.T) {
	s := startServer(t)
	a := startNode(t, s, prefix(), "a", NamesConfig{})
	if _, err := a.Lookup(t.Context(), "x"); !errors.Is(err, ErrUnsettled) {
		t.Errorf("look up: %v, want ErrUnsettled", err)
	}
	ref, _ := a.listener(t)
	ctx, cancel := context.WithCancel(t.Context())
	asking := make(chan error)
	go func() {
		_, err := a.Register(ctx, "x", ref)
		asking <- err
	}()
	for a.leases.find("x") == nil { // until it is at it
		if _, err := a.Lookup(t.Context(), "x"); !errors.Is(err, ErrUnsettled) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := await(t, asking); !errors.Is(err, context.Canceled) {
		t.Errorf("register: %v, want the context's error", err)
	}
	if _, err := a.Register(ctx, "x", ref); !errors.Is(err, context.Canceled) {
		t.Errorf("register once more: %v, want the context's error", err)
	}
}

// A bucket that was not made for names is not used.
func TestBucketOfAnotherKindIsRefused(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	js, err := jetstream.New(a.conn)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]jetstream.KeyValueConfig{
		"one-ttl":  {TTL: time.Minute, LimitMarkerTTL: time.Minute},
		"no-ttls":  {},
		"versions": {History: 2, LimitMarkerTTL: time.Minute},
	} {
		c.Bucket = name
		if _, err := js.CreateKeyValue(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if _, err := StartNames(t.Context(), js, a.ps, NamesConfig{Bucket: name}); err == nil {
			t.Errorf("names have started in bucket %q", name)
		}
	}
}
