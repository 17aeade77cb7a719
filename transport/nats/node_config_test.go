package nats

import (
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// follower is a subscriber that holds up what comes until it is released.
type follower struct{ began, release chan struct{} }

func (f follower) Deliver(string, string) {
	f.began <- struct{}{}
	<-f.release
}

// What bounds an adapter's queues bounds a node's, and what is lost for it is told to both of
// the functions.
func TestNodeIsBoundedAsConfigured(t *testing.T) {
	s := startServer(t)
	lost, events := make(chan uint64, 10), make(chan actor.Event, 100)
	n, ps := newMember(t, Config{
		URL: s.ClientURL(), Name: "a", Cluster: prefix(), QueueLimit: 2, QueueBytes: 1 << 10, TopicLimit: 7,
		Lost: func(n uint64) { lost <- n }, Observe: func(e actor.Event) { events <- e },
	})
	if got := n.adapter.now; got.routes.limit != 7 || got.out.queue.most != 2 || got.out.queue.mostBytes != 1<<10 {
		t.Errorf("bounds of %d topics, %d messages, %d bytes", got.routes.limit, got.out.queue.most, got.out.queue.mostBytes)
	}
	ref, err := actor.Spawn(newSystem(t), actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	f := follower{make(chan struct{}, 10), make(chan struct{})}
	defer close(f.release)
	if err := ps.Subscribe(ref.PID(), "t", f); err != nil {
		t.Fatal(err)
	}
	conn := connect(t, s)
	publish := func() {
		data := frame{incarnation: 1, topic: "rooms/t", data: []byte(`"x"`)}.append(nil)
		if err := conn.Publish(subjectOf(n.adapter, "b", "rooms/t"), data); err != nil {
			t.Fatal(err)
		}
	}
	publish()
	await(t, f.began)
	for range 3 { // the third has no room
		publish()
	}
	if got := await(t, lost); got != 1 {
		t.Errorf("told of %d messages, want 1", got)
	}
	for {
		if e, ok := await(t, events).(pubsub.MessagesLost); ok {
			if e.Node != "a" || e.Messages != 1 {
				t.Errorf("%+v", e)
			}
			break
		}
	}
}

// Observe is told of each event in order, and costs the node nothing if it fails.
func TestNodeIsObserved(t *testing.T) {
	s := startServer(t)
	for name, fault := range map[string]func(){"sound": func() {}, "panic": func() { panic("observe") }, "Goexit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			cluster, changes := prefix(), make(chan Member, 100)
			newMember(t, Config{URL: s.ClientURL(), Name: "a", Cluster: cluster, Observe: func(e actor.Event) {
				if e, ok := e.(MemberChanged); ok {
					changes <- e.Member
				}
				fault()
			}})
			b := adapter(t, s, cluster+".pubsub", "b")
			enter(t, b)
			if m := await(t, changes); m.Name != "b" || m.State != Up {
				t.Errorf("%+v", m)
			}
			if err := b.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
			if m := await(t, changes); m.Name != "b" || m.State != Leaving {
				t.Errorf("%+v", m)
			}
		})
	}
}

// An Observe that does not return keeps neither messages nor the node's end.
func TestNodeIsNotHeldUpByItsObserver(t *testing.T) {
	s, cluster := startServer(t), prefix()
	began, release := make(chan struct{}, 1), make(chan struct{})
	defer close(release)
	n, err := patiently(t, Config{
		URL: s.ClientURL(), Name: "a", Cluster: cluster, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Observe: func(actor.Event) {
			began <- struct{}{}
			<-release
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	in := newRecorder()
	if err := n.adapter.Join(in); err != nil {
		t.Fatal(err)
	}
	b := adapter(t, s, cluster+".pubsub", "b")
	enter(t, b)
	await(t, began)
	if err := b.Broadcast("t", []byte("x")); err != nil {
		t.Fatal(err)
	}
	in.until(t, "the message", func() bool { return in.received["t"] == 1 })
	if err := n.adapter.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// What a node says of itself to a platform waits for nothing, also while the connection does.
func TestStatsDoNotWaitForAStalledServer(t *testing.T) {
	s := startServer(t)
	gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
	n, ps := newMember(t, Config{URL: s.ClientURL(), Name: "a", Cluster: prefix(), Options: []nats.Option{nats.SetCustomDialer(gate)}})
	gate.shut.Store(true)
	defer close(gate.open)
	if err := ps.Broadcast("t", strings.Repeat("x", 100_000)); err != nil {
		t.Fatal(err)
	}
	await(t, gate.waiting)
	said := make(chan struct{})
	go func() {
		defer close(said)
		n.adapter.Traffic() // Cluster.Traffic would give it up
		if got := n.Stats(); got.Published != 1 {
			t.Errorf("%+v", got)
		}
		if err := n.Health(); err != nil {
			t.Error(err)
		}
		n.State()
		n.Members()
		n.adapter.Nodes()
	}()
	await(t, said)
}

// Reconnects are counted by the node.
func TestReconnectsAreCounted(t *testing.T) {
	s := startServer(t)
	wire := new(wire)
	a := adapter(t, s, prefix(), "a", nats.SetCustomDialer(wire))
	in := enter(t, a)
	for want := range uint64(3) {
		if got := a.Traffic().Reconnects; got != want {
			t.Errorf("%d reconnects, want %d", got, want)
		}
		wire.cut()
		in.event(t, "it is away", inState(Away))
		wire.mend()
		in.event(t, "it is back", inState(Connected))
	}
}
