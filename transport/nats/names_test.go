package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// wire is how a node reaches its server, until it is cut.
type wire struct {
	mu    sync.Mutex
	conns []net.Conn
	down  bool
}

var errCut = errors.New("the wire is cut")

// Dial implements [nats.CustomDialer].
func (w *wire) Dial(network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.down {
		return nil, errCut
	}
	conn, err := net.Dial(network, address)
	w.conns = append(w.conns, conn)
	return conn, err
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = true
	for _, conn := range w.conns {
		_ = conn.Close()
	}
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = false
}

// node is a node with names for actors that take strings.
type node struct {
	*Names[string]
	ps   *pubsub.PubSub[string]
	wire *wire
	conn *nats.Conn
	sys  *actor.System

	cluster *pubsub.Cluster
}

// newNode returns a node called name of the cluster with the given subjects, whose bucket has
// settled.
func newNode(t *testing.T, s *server.Server, cluster, name string, c NamesConfig) *node {
	t.Helper()
	js, err := jetstream.New(connect(t, s))
	if err != nil {
		t.Fatal(err)
	}
	settle(t, js, strings.ReplaceAll(cluster, ".", "-"))
	return startNode(t, s, cluster, name, c)
}

// startNode is newNode for a bucket as it is.
func startNode(t *testing.T, s *server.Server, cluster, name string, c NamesConfig, options ...nats.Option) *node {
	t.Helper()
	n := &node{ps: new(pubsub.PubSub[string]), wire: new(wire), sys: newSystem(t)}
	options = append([]nats.Option{nats.SetCustomDialer(n.wire), nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1)}, options...)
	n.conn = connect(t, s, options...)
	member := pubsub.NewCluster(&Adapter{Conn: n.conn, Name: name, Prefix: cluster})
	n.cluster = member
	if _, err := actor.Spawn(n.sys, member.Behavior); err != nil {
		t.Fatal(err)
	}
	if err := n.ps.Connect(member, "test", pubsub.JSON[string]{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.conn.Close) // before the node leaves: one that is cut off would wait
	js, err := jetstream.New(n.conn)
	if err != nil {
		t.Fatal(err)
	}
	c.Bucket = strings.ReplaceAll(cluster, ".", "-")
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if n.Names, err = StartNames(t.Context(), js, n.ps, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if n.wire.down {
			cancel()
		}
		if err := n.Shutdown(ctx); err != nil && !n.wire.down {
			t.Error(err)
		}
	})
	return n
}

func (n *node) register(t *testing.T, name string, ref actor.Ref[string]) {
	t.Helper()
	n.tenure(t, name, ref)
}

// tenure is register, for those that want to know.
func (n *node) tenure(t *testing.T, name string, ref actor.Ref[string]) *Tenure {
	t.Helper()
	tenure, err := n.Register(t.Context(), name, ref)
	if err != nil {
		t.Fatal(err)
	}
	return tenure
}

// settle makes a bucket that is settled, as it is a lease after it was made.
func settle(tb testing.TB, js jetstream.JetStream, bucket string) {
	tb.Helper()
	settleCopies(tb, js, bucket, 1)
}

// settleCopies is settle for a bucket that is on so many servers.
func settleCopies(tb testing.TB, js jetstream.JetStream, bucket string, copies int) {
	tb.Helper()
	b := newEpochs(newKVBucket(js, bucket, copies), minLease, func(epoch) {})
	if _, err := b.tend(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	b.since = b.since.Add(-minLease)
	if e, err := b.tend(tb.Context()); err != nil || !e.Open {
		tb.Fatal(e, err)
	}
}

// bucketOf returns the name of the bucket.
func bucketOf(l *leases) string { return l.bucket.(persistent).bucket.(*kvBucket).name }

// kv returns the node's bucket as anybody can have it.
func (n *node) kv(t *testing.T) jetstream.KeyValue {
	t.Helper()
	js, err := jetstream.New(n.conn)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(t.Context(), bucketOf(n.leases))
	if err != nil {
		t.Fatal(err)
	}
	return kv
}

// expectTaken checks that the actor does not get the name, because it belongs to one
// of the holder's node.
func (n *node) expectTaken(t *testing.T, name string, ref actor.Ref[string], holder *node) {
	t.Helper()
	var taken *TakenError
	if _, err := n.Register(t.Context(), name, ref); !errors.As(err, &taken) {
		t.Errorf("register on %q: %v, want a TakenError", n.ps.Node(), err)
	} else if want := (TakenError{name, holder.ps.Node()}); *taken != want {
		t.Errorf("register on %q: %+v, want %+v", n.ps.Node(), *taken, want)
	}
}

func (n *node) expectNobody(t *testing.T, name string) {
	t.Helper()
	if r, err := n.Lookup(t.Context(), name); !errors.Is(err, actor.NoProc) {
		t.Errorf("look up on %q: %v, %v, want NoProc", n.ps.Node(), r, err)
	}
}

// listener starts an actor that passes on what it gets.
func (n *node) listener(t *testing.T) (actor.Ref[string], <-chan string) {
	t.Helper()
	got := make(chan string, 100)
	ref, err := actor.Spawn(n.sys, actor.Func(func(_ *actor.Context[string], m string) error {
		got <- m
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	return ref, got
}

// watch reports what happens to the name in the bucket from now on.
func (n *node) watch(t *testing.T, name string) <-chan jetstream.KeyValueEntry {
	t.Helper()
	w, err := n.kv(t).Watch(context.Background(), keyOf(name), jetstream.UpdatesOnly())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Stop() })
	return w.Updates()
}

// awaitGone waits until the name has gone from the bucket.
func awaitGone(t *testing.T, events <-chan jetstream.KeyValueEntry) {
	t.Helper()
	for {
		if e := await(t, events); e != nil && e.Operation() != jetstream.KeyValuePut {
			return
		}
	}
}

// GLB-1: one holder in the cluster, whichever node asks; and what is sent to the name
// reaches it from everywhere.
func TestNameHasOneHolderInTheCluster(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	ref, got := a.listener(t)
	other, gotOther := a.listener(t)
	stranger, gotStranger := b.listener(t)

	const name = "any name. at > all *"
	a.expectNobody(t, name)
	a.register(t, name, ref)
	for _, who := range []actor.Ref[string]{ref, other} {
		a.expectTaken(t, name, who, a)
	}
	b.expectTaken(t, name, stranger, a)
	b.register(t, "", stranger)

	for _, n := range []*node{a, b} {
		r, err := n.Lookup(t.Context(), name)
		if err != nil || r.Node != "a" || r.Name != name || r.String() != name+"@a" {
			t.Fatalf("look up on %q: %v, %v", n.ps.Node(), r, err)
		}
		for i := range 3 {
			if err := r.TrySend(fmt.Sprint(n.ps.Node(), i)); err != nil {
				t.Error(err)
			}
		}
		for i := range 3 {
			if m := await(t, got); m != fmt.Sprint(n.ps.Node(), i) {
				t.Errorf("message %d from %q is %q", i, n.ps.Node(), m)
			}
		}
	}
	if n := len(gotOther) + len(gotStranger); n > 0 {
		t.Errorf("%d messages came to others", n)
	}
	if err := (Remote[string]{}).TrySend("x"); !errors.Is(err, actor.NoProc) {
		t.Errorf("send to nobody: %v", err)
	}
}

// GLB-1, whatever the race.
func TestOneOfThoseWhoRaceForANameGetsIt(t *testing.T) {
	const names = 20
	s := startServer(t)
	cluster := prefix()
	var nodes []*node
	for i := range 3 {
		nodes = append(nodes, newNode(t, s, cluster, fmt.Sprint("node ", i), NamesConfig{}))
	}
	for i := range names {
		name := fmt.Sprint("name ", i)
		var got, refused atomic.Int32
		var racing sync.WaitGroup
		for _, n := range nodes {
			for range 2 {
				ref, _ := n.listener(t)
				racing.Go(func() {
					var taken *TakenError
					switch _, err := n.Register(t.Context(), name, ref); {
					case err == nil:
						got.Add(1)
					case errors.As(err, &taken):
						refused.Add(1)
					default:
						t.Error(err)
					}
				})
			}
		}
		racing.Wait()
		if got.Load() != 1 || refused.Load() != 5 {
			t.Fatalf("%d got %q, %d were refused", got.Load(), name, refused.Load())
		}
	}
}

// GLB-1: the entry goes with the actor.
func TestNameGoesWithItsActorAtOnce(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	ref, _ := a.listener(t)
	next, got := b.listener(t)
	a.register(t, "x", ref)
	a.register(t, "y", ref)
	x, y := b.watch(t, "x"), b.watch(t, "y")
	ref.PID().Exit(actor.Kill)
	awaitGone(t, x) // far within the lease
	awaitGone(t, y)
	b.expectNobody(t, "x")
	b.register(t, "x", next)
	r, err := a.Lookup(t.Context(), "x")
	if err != nil || r.Node != "b" {
		t.Fatalf("look up: %v, %v", r, err)
	}
	if err := r.TrySend("hello"); err != nil {
		t.Error(err)
	}
	if m := await(t, got); m != "hello" {
		t.Errorf("received %q", m)
	}
	if _, err := a.Register(t.Context(), "z", ref); !errors.Is(err, actor.NoProc) {
		t.Errorf("register a dead actor: %v, want NoProc", err)
	}
	a.expectNobody(t, "z")
}

func TestUnregisterFreesTheHoldersNameOnly(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	ref, _ := a.listener(t)
	other, _ := a.listener(t)
	a.register(t, "x", ref)
	for _, n := range []*node{a, b} {
		if err := n.Unregister(t.Context(), "x", other.PID()); err != nil {
			t.Error(err)
		}
	}
	if err := b.Unregister(t.Context(), "x", ref.PID()); err != nil { // not the node
		t.Error(err)
	}
	b.expectTaken(t, "x", other, a)
	if err := a.Unregister(t.Context(), "x", ref.PID()); err != nil {
		t.Error(err)
	}
	b.expectNobody(t, "x")
	if n := a.ps.Topics(); n != 0 {
		t.Errorf("%d topics are left", n)
	}
	a.register(t, "x", other)
	ref.PID().Exit(actor.Kill) // which has not got it any more
	await(t, ref.PID().Done())
	b.expectTaken(t, "x", other, a)
}

// The race of the next test, step by step: the actor ends after it has come to own
// the name and before that is in the bucket, where nobody finds it to take it out.
func TestNameOfAnActorThatEndsBeforeItIsTakenIsNotLeft(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := a.listener(t)
	h, err := a.leases.newHolding("x", ref.PID(), "a", "1")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.leases.add(h); err != nil {
		t.Fatal(err)
	}
	if !a.leases.remove(h, actor.NoProc) {
		t.Fatal("not held")
	}
	h.drop(nil)
	if holder, err := h.take(t.Context()); holder != nil || !errors.Is(err, actor.NoProc) {
		t.Errorf("take: %v, %v, want NoProc", holder, err)
	}
	a.expectNobody(t, "x")
}

// Nothing of those that end while they are being registered is left.
func TestRegisterRacesWithDeathAndLeavesNothing(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	for i := range 100 {
		ref, _ := a.listener(t)
		var racing sync.WaitGroup
		racing.Go(func() { ref.PID().Exit(actor.Kill) })
		var taken *TakenError
		_, err := a.Register(t.Context(), fmt.Sprint(i%3), ref)
		if err != nil && !errors.Is(err, actor.NoProc) && !errors.As(err, &taken) {
			t.Error(err)
		}
		racing.Wait()
		await(t, ref.PID().Done())
	}
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	for i := range 3 {
		a.expectNobody(t, fmt.Sprint(i))
	}
}

func TestCloseUnregistersAllNames(t *testing.T) {
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	ref, _ := a.listener(t)
	a.register(t, "x", ref)
	a.register(t, "y", ref)
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	b.expectNobody(t, "x")
	b.expectNobody(t, "y")
	if !ref.PID().Alive() {
		t.Error("the holder has ended")
	}
	if _, err := a.Register(t.Context(), "x", ref); !errors.Is(err, ErrClosed) {
		t.Errorf("register after close: %v, want ErrClosed", err)
	}
	if err := a.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestNamesNeedAConnectedPubSubAndALease(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := a.listener(t)
	a.ps.Disconnect()
	if _, err := a.Register(t.Context(), "x", ref); !errors.Is(err, pubsub.ErrNotJoined) {
		t.Errorf("register without a node: %v, want ErrNotJoined", err)
	}
	js, err := jetstream.New(a.conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := StartNames(t.Context(), js, a.ps, NamesConfig{Lease: time.Millisecond}); err == nil {
		t.Error("started with a lease of a millisecond")
	}
}

// shortLease is for tests in which leases end. A node that is to keep a name must not be held up
// for longer than half of it, for example by a machine that is busy with others.
const shortLease = 3 * time.Second

// A lease lasts for as long as it is renewed.
func TestLeaseIsRenewed(t *testing.T) {
	t.Parallel() // it takes its time, as all with a short lease
	s := startServer(t)
	cluster := prefix()
	config := NamesConfig{Lease: shortLease}
	a, b := newNode(t, s, cluster, "a", config), newNode(t, s, cluster, "b", config)
	ref, _ := a.listener(t)
	other, _ := b.listener(t)
	a.register(t, "x", ref)
	events := b.watch(t, "x")
	for range 5 {
		if e := await(t, events); e.Operation() != jetstream.KeyValuePut {
			t.Fatalf("the name has gone: %v", e.Operation())
		}
	}
	b.expectTaken(t, "x", other, a)
	if !ref.PID().Alive() {
		t.Errorf("the holder has ended: %v", ref.PID().Err())
	}
}

// A renewal whose answer was lost is no other one's.
func TestRenewalThatCameThroughUnknownIsOnesOwn(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := a.listener(t)
	a.register(t, "x", ref)
	h := a.leases.find("x")
	again := func() {
		if _, err := a.kv(t).Update(t.Context(), keyOf("x"), h.value, h.revision); err != nil {
			t.Fatal(err)
		}
	}
	again()
	h.renew(t.Context())
	if !a.leases.holds(h) {
		t.Fatal("the name was given up")
	}
	again()
	if err := a.Unregister(t.Context(), "x", ref.PID()); err != nil {
		t.Error(err)
	}
	a.expectNobody(t, "x")
}

// Somebody with his hands in the bucket takes the name away.
func TestNameThatIsTakenAwayInTheBucketIsLost(t *testing.T) {
	s := startServer(t)
	a := newNode(t, s, prefix(), "a", NamesConfig{})
	for _, meddle := range []func(kv jetstream.KeyValue, key string) error{
		func(kv jetstream.KeyValue, key string) error { return kv.Purge(t.Context(), key) },
		func(kv jetstream.KeyValue, key string) error {
			_, err := kv.Put(t.Context(), key, []byte("{}"))
			return err
		},
	} {
		ref, _ := a.listener(t)
		a.register(t, "x", ref)
		h := a.leases.find("x")
		if err := meddle(a.kv(t), keyOf("x")); err != nil {
			t.Fatal(err)
		}
		h.renew(t.Context())
		await(t, ref.PID().Done())
		if !errors.Is(ref.PID().Err(), ErrLost) {
			t.Errorf("the holder ended with %v, want ErrLost", ref.PID().Err())
		}
	}
}

// GLB-2, GO-28: in a split the node that is cut off loses its names, and knows it
// before others can have them. The holder is killed, or somebody is told.
func TestNodeThatIsCutOffLosesItsNamesBeforeOthersGetThem(t *testing.T) {
	type loss struct {
		name string
		pid  actor.PID
	}
	for _, kill := range []bool{true, false} {
		t.Run(fmt.Sprint("kill=", kill), func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			cluster := prefix()
			told := make(chan loss, 1)
			config := NamesConfig{Lease: shortLease}
			b := newNode(t, s, cluster, "b", config)
			if !kill {
				config.Lost = func(name string, pid actor.PID) { told <- loss{name, pid} }
			}
			a := newNode(t, s, cluster, "a", config)
			ref, _ := a.listener(t)
			next, gotNext := b.listener(t)
			tenure := a.tenure(t, "x", ref)
			events := b.watch(t, "x")

			a.wire.cut()
			b.expectTaken(t, "x", next, a)
			awaitGone(t, events)
			// By now the other side knows, if it asks; it is told in a moment.
			if tenure.Valid() {
				t.Error("the lease has ended, and its holder does not know")
			}
			await(t, tenure.Done())
			b.register(t, "x", next)
			if kill {
				await(t, ref.PID().Done())
				if reason := ref.PID().Err(); !errors.Is(reason, ErrLost) {
					t.Errorf("the holder ended with %v, want ErrLost", reason)
				}
			} else if l := await(t, told); l != (loss{"x", ref.PID()}) || !ref.PID().Alive() {
				t.Errorf("lost %+v; alive: %v", l, ref.PID().Alive())
			}

			// After the split: the name stays where it is, and there are others.
			a.wire.mend()
			later, got := a.listener(t)
			a.expectTaken(t, "x", later, b)
			a.register(t, "y", later)
			r, err := a.Lookup(t.Context(), "x")
			if err != nil || r.Node != "b" {
				t.Fatalf("look up: %v, %v", r, err)
			}
			if err := r.TrySend("hello"); err != nil {
				t.Error(err)
			}
			if m := await(t, gotNext); m != "hello" || len(got) > 0 {
				t.Errorf("received %q; the former holder %d messages", m, len(got))
			}
		})
	}
}

// A connection that waits for a server that takes nothing does not keep its names longer than
// their caller has time.
func TestShutdownDoesNotWaitForAStalledServer(t *testing.T) {
	s := startServer(t)
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	cluster := prefix()
	newNode(t, s, cluster, "b", NamesConfig{})
	a := startNode(t, s, cluster, "a", NamesConfig{}, nats.SetCustomDialer(gate))
	defer close(gate.open)
	ref, _ := a.listener(t)
	tenure := a.tenure(t, "x", ref)
	gate.shut.Store(true)
	if err := a.ps.Broadcast("t", "x"); err != nil {
		t.Fatal(err)
	}
	await(t, gate.waiting)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- a.Shutdown(ctx) }()
	if err := await(t, ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shut down: %v", err)
	}
	if tenure.Valid() || !errors.Is(tenure.Err(), ErrClosed) {
		t.Errorf("the name is held still: %v", tenure.Err())
	}
	gate.shut.Store(false)
}
