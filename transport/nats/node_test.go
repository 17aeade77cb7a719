package nats

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// patiently is [Join], for as long as it takes on a machine that is busy with others: NATS's client
// gives a server two seconds.
func patiently(tb testing.TB, c Config) (*Node, error) {
	c.Options = append([]nats.Option{nats.Timeout(patience)}, c.Options...)
	return Join(tb.Context(), c)
}

// newMember returns a node that runs under a supervisor, and a PubSub in its cluster.
func newMember(t *testing.T, c Config) (*Node, *pubsub.PubSub[string]) {
	t.Helper()
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	n, err := patiently(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	sys, ps := newSystem(t), new(pubsub.PubSub[string])
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{n.Child()}}); err != nil {
		t.Fatal(err)
	}
	if err := ps.Connect(n.Cluster(), "rooms", pubsub.JSON[string]{}); err != nil {
		t.Fatal(err)
	}
	return n, ps
}

// deliver is a subscriber that calls a function.
type deliver[T any] func(T)

func (f deliver[T]) Deliver(_ string, msg T) { f(msg) }

type subscriber chan string

func (s subscriber) Deliver(_ string, msg string) { s <- msg }

// listen subscribes to a topic.
func listen(t *testing.T, ps *pubsub.PubSub[string], topic string) subscriber {
	t.Helper()
	ref, err := actor.Spawn(newSystem(t), actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	s := make(subscriber, 100)
	if err := ps.Subscribe(ref.PID(), topic, s); err != nil {
		t.Fatal(err)
	}
	return s
}

// Nodes are made by one object each, know each other, and are well.
func TestNodesJoin(t *testing.T) {
	s := startServer(t)
	c := Config{URL: s.ClientURL(), Cluster: prefix()}
	c.Name = "berlin"
	berlin, rooms := newMember(t, c)
	c.Name = "tokyo"
	tokyo, others := newMember(t, c)
	heard := listen(t, others, "room:1")
	if err := rooms.Broadcast("room:1", "hello"); err != nil {
		t.Fatal(err)
	}
	if got := await(t, heard); got != "hello" {
		t.Errorf("heard %q", got)
	}
	for _, n := range []*Node{berlin, tokyo} {
		if err := n.Health(); err != nil || n.State() != Connected {
			t.Errorf("%s: %v", n.Name(), err)
		}
	}
	if m := tokyo.Members(); len(m) != 1 || m[0].Name != "berlin" {
		t.Errorf("members %+v", m)
	}
	if got := berlin.Stats(); got.Published != 1 || got.Lost != 0 {
		t.Errorf("%+v", got)
	}
	// A second one of a name finds no place.
	twin, err := patiently(t, Config{URL: c.URL, Cluster: c.Cluster, Name: "berlin", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer twin.Close()
	twin.adapter.times = defaultTimes
	twin.adapter.times.ask = patience
	_, err = supervisor.Start(newSystem(t), supervisor.Spec{Children: []supervisor.Child{twin.Child()}})
	if !errors.Is(err, ErrNameTaken) || twin.Health() == nil {
		t.Errorf("a twin: %v", err)
	}
	berlin.Close()
	for berlin.State() != Gone {
		if err := tokyo.Conn().Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := berlin.Health(); err == nil {
		t.Error("a node without a connection is well")
	}
}

func TestNodeDoesNotJoinWithoutAServerOrAName(t *testing.T) {
	done, cancel := context.WithCancel(t.Context())
	cancel()
	s := startServer(t)
	for name, join := range map[string]func() (*Node, error){
		"no name":   func() (*Node, error) { return Join(t.Context(), Config{URL: s.ClientURL()}) },
		"no server": func() (*Node, error) { return Join(t.Context(), Config{URL: "nats://127.0.0.1:1", Name: "a"}) },
		"no time":   func() (*Node, error) { return Join(done, Config{URL: s.ClientURL(), Name: "a"}) },
	} {
		if n, err := join(); err == nil || n != nil {
			t.Errorf("%s: joined", name)
		}
	}
}

// A node may be made before there is a server, as the connection's options say.
func TestNodeJoinsAServerThatStartsLater(t *testing.T) {
	port := steadyPort(t)
	s := startServerAt(t, port)
	url := s.ClientURL()
	s.Shutdown()
	s.WaitForShutdown()
	n, err := Join(t.Context(), Config{URL: url, Name: "a", Logger: slog.New(slog.DiscardHandler), Options: []nats.Option{
		nil, nats.RetryOnFailedConnect(true), nats.ReconnectWait(time.Millisecond),
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Health(); !errors.Is(err, pubsub.ErrNotJoined) {
		t.Errorf("health of a node that is none yet: %v", err)
	}
	startServerAt(t, port)
	enter(t, n.adapter)
	if err := n.adapter.Broadcast("t", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := n.adapter.Leave(t.Context()); err != nil {
		t.Error(err)
	}
}

// What would be a wildcard or no subject at all names no cluster, nor does it begin subjects.
func TestClusterHasANameThatFitsIntoSubjects(t *testing.T) {
	s := startServer(t)
	for _, name := range []string{"*", ">", "a.>", "a b", "a..b", ".a", "a.", "a\r\nPUB x 0", "\x00"} {
		if _, err := Join(t.Context(), Config{URL: s.ClientURL(), Name: "a", Cluster: name}); err == nil {
			t.Errorf("joined cluster %q", name)
		}
		a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: name}
		if err := a.Join(newRecorder()); err == nil {
			t.Errorf("joined with prefix %q", name)
		}
	}
	if !isSubject("shop.eu-1_Ü") {
		t.Error("a good name is refused")
	}
}

// A node that is given several servers joins by the one that it reaches.
func TestNodeJoinsByAnyServerOfAList(t *testing.T) {
	const nobody = "nats://127.0.0.1:1"
	s := startServer(t)
	for _, list := range []string{nobody + "," + s.ClientURL(), " " + s.ClientURL() + "/ , " + nobody + ","} {
		n, err := patiently(t, Config{URL: list, Name: "a", Cluster: prefix()})
		if err != nil {
			t.Errorf("join by %q: %v", list, err)
			continue
		}
		n.Close()
	}
}
