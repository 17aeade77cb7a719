package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// trio is a cluster of three NATS servers.
type trio struct {
	t       *testing.T
	dirs    [3]string
	servers [3]*server.Server
}

func startTrio(t *testing.T) *trio {
	t.Helper()
	c := &trio{t: t}
	for i := range c.servers {
		c.dirs[i] = t.TempDir()
		c.start(i)
	}
	t.Cleanup(func() {
		for _, s := range c.servers {
			s.Shutdown()
			s.WaitForShutdown()
		}
	})
	c.unite()
	return c
}

// unite waits until the servers know each other well enough for a stream to be on all three:
// their leader may have heard of two yet.
func (c *trio) unite() {
	c.t.Helper()
	js, err := jetstream.New(connect(c.t, c.servers[0]))
	if err != nil {
		c.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for {
		once, done := context.WithTimeout(ctx, 5*time.Second)
		_, err := js.CreateStream(once, jetstream.StreamConfig{
			Name: "united", Subjects: []string{"united"}, Storage: jetstream.MemoryStorage, Replicas: len(c.servers),
		})
		done()
		if err == nil {
			return
		}
		if sleep(ctx, 50*time.Millisecond); ctx.Err() != nil {
			c.t.Fatal("waited too long for three servers: ", err)
		}
	}
}

// start starts a server on ports that are free: also when it is started again, for another program
// may have the former ones. The others, and the clients, are told.
func (c *trio) start(i int) {
	c.t.Helper()
	var routes []*url.URL
	for j, other := range c.servers {
		switch {
		case j == i:
		case other != nil:
			routes = append(routes, &url.URL{Scheme: "nats", Host: other.ClusterAddr().String()})
		default: // it will connect to this one, which must know how many there are
			routes = append(routes, &url.URL{Scheme: "nats", Host: "127.0.0.1:1"})
		}
	}
	s, err := server.NewServer(&server.Options{
		ServerName: fmt.Sprint("s", i), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		JetStream: true, StoreDir: c.dirs[i], JetStreamMaxStore: storage, Routes: routes,
		Cluster: server.ClusterOpts{Name: "trio", Host: "127.0.0.1", Port: server.RANDOM_PORT},
	})
	if err != nil {
		c.t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		c.t.Fatal("a server is not ready")
	}
	c.servers[i] = s
}

func (c *trio) restart(i int) {
	c.t.Helper()
	c.servers[i].Shutdown()
	c.servers[i].WaitForShutdown()
	c.start(i)
}

// URL returns where clients connect.
func (c *trio) URL() string {
	var all []string
	for _, s := range c.servers {
		all = append(all, s.ClientURL())
	}
	return strings.Join(all, ",")
}

// whole waits until a stream is on all three servers, and up to date there. It returns the number
// of its leader.
func (c *trio) whole(js jetstream.JetStream, stream string) (leader int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	for ; ctx.Err() == nil; sleep(ctx, 50*time.Millisecond) {
		once, done := context.WithTimeout(ctx, time.Second)
		s, err := js.Stream(once, stream)
		done()
		if err != nil {
			continue
		}
		current, info := 0, s.CachedInfo().Cluster
		if info != nil && info.Leader != "" {
			for _, r := range info.Replicas {
				if r.Current && !r.Offline {
					current++
				}
			}
		}
		if current == 2 {
			return slices.IndexFunc(c.servers[:], func(other *server.Server) bool { return other.Name() == info.Leader })
		}
	}
	c.t.Fatalf("waited too long for the replicas of %s", stream)
	return 0
}

// consul is a node on a trio, with names, the singleton "consul", and what it hears of the others.
type consul struct {
	node  *Node
	names *Names[string]
	ps    *pubsub.PubSub[string]
	heard chan string
	began chan *Tenure
}

func startConsul(t *testing.T, servers *trio, name string) *consul {
	t.Helper()
	c := &consul{ps: new(pubsub.PubSub[string]), heard: make(chan string, 10_000), began: make(chan *Tenure, 10)}
	t.Cleanup(func() { c.close(t) })
	quiet, sys := slog.New(slog.DiscardHandler), newSystem(t) // which ends before that
	var err error
	c.node, err = patiently(t, Config{URL: servers.URL(), Name: name, Cluster: "rome", Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{c.node.Child()}}); err != nil {
		t.Fatal(err)
	}
	if err := c.ps.Connect(c.node.Cluster(), "rome", pubsub.JSON[string]{}); err != nil {
		t.Fatal(err)
	}
	ears, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], m string) error {
		c.heard <- m
		return nil
	}))
	if err == nil {
		err = pubsub.SubscribeTo(c.ps, ears, "forum", func(_ string, m string) string { return m })
	}
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(c.node.Conn())
	if err != nil {
		t.Fatal(err)
	}
	if name == "a" { // the first
		settleCopies(t, js, "rome", 3)
	}
	// Servers on a busy machine take seconds for an election: the lease is longer than any.
	c.names, err = StartNames(t.Context(), js, c.ps, NamesConfig{Bucket: "rome", Replicas: 3, Lease: patience, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	single := Singleton[string, struct{}]{Names: c.names, Name: "consul"}
	single.New = func(tenure *Tenure, _ *struct{}) actor.Behavior[string] {
		c.began <- tenure
		return actor.Func(func(*actor.Context[string], string) error { return nil })()
	}
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{single.Child()}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *consul) close(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if c.names != nil {
		if err := c.names.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}
	if c.node != nil {
		c.node.Close()
	}
}

// reaches broadcasts on a node, again and again, until the others have heard of it.
func (c *consul) reaches(t *testing.T, what string, others ...*consul) {
	t.Helper()
	text, late, again := c.node.Name()+" "+what, time.After(patience), time.NewTicker(50*time.Millisecond)
	defer again.Stop()
	for _, o := range others {
		for heard := o == c; !heard; {
			select {
			case m := <-o.heard:
				heard = m == text
			case <-again.C:
				_ = c.ps.Broadcast("forum", text) // it may be away just now
			case <-late:
				t.Fatalf("waited too long for %q to come to %s", text, o.node.Name())
			}
		}
	}
}

// The leader of the bucket, one server of three, is restarted, and in a long run then the others
// in turn: names and the singleton stay where they are, nobody else gets one, broadcasts come
// through again, and recorded ones come all, in order.
func TestNodesOutliveTheRestartOfEachServer(t *testing.T) {
	t.Parallel()
	servers := startTrio(t)
	nodes := []*consul{startConsul(t, servers, "a")}
	consul := await(t, nodes[0].began)
	nodes = append(nodes, startConsul(t, servers, "b"), startConsul(t, servers, "c"))
	js, err := jetstream.New(nodes[0].node.Conn())
	if err != nil {
		t.Fatal(err)
	}
	ref, err := actor.Spawn(newSystem(t), actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	tenure, err := nodes[1].names.Register(t.Context(), "x", ref)
	if err != nil {
		t.Fatal(err)
	}
	press := startPress(t, servers)
	leader := servers.whole(js, "KV_rome")
	for round := range long.Rounds(1, len(servers.servers)) {
		servers.whole(js, "KV_rome")
		servers.whole(js, defaultHistory)
		servers.restart((leader + round) % len(servers.servers))
		what := fmt.Sprint("after restart ", round)
		for _, n := range nodes {
			n.reaches(t, what, nodes...)
		}
		servers.whole(js, "KV_rome")
		for _, held := range []*Tenure{consul, tenure} {
			if !held.Valid() || held.Err() != nil {
				t.Errorf("%s: valid: %v, %v", what, held.Valid(), held.Err())
			}
		}
		var taken *TakenError
		if _, err := nodes[2].names.Register(t.Context(), "x", ref); !errors.As(err, &taken) || taken.Node != "b" {
			t.Errorf("%s: register on c: %v, want a TakenError", what, err)
		}
	}
	press.finish(t)
	for _, n := range nodes {
		if len(n.began) > 0 {
			t.Errorf("another consul has begun, on %s", n.node.Name())
		}
	}
}
