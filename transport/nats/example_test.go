package nats_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/nats"
)

// startServer runs a server in this program; a real node connects to the cluster's.
func startServer() (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "nats")
	if err != nil {
		return "", nil, err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		return "", nil, err
	}
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		return "", nil, errors.New("the server is not ready")
	}
	return s.ClientURL(), func() {
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}, nil
}

// run is what main does: it makes a program a node of the cluster, for as long as it runs.
func run(ctx context.Context, url, name string, program func(*pubsub.Cluster) supervisor.Program) error {
	node, err := nats.Join(ctx, nats.Config{URL: url, Name: name})
	if err != nil {
		return err
	}
	defer node.Close() // when all has ended, and the node has left
	return program(node.Cluster()).Run(ctx)
}

// join makes a node of the cluster that has a tree of its own, as in a test. In a program its
// Child comes first in the program's tree.
func join(ctx context.Context, sys *actor.System, url, name string) (*nats.Node, error) {
	node, err := nats.Join(ctx, nats.Config{URL: url, Name: name})
	if err != nil {
		return nil, err
	}
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{node.Child()}}); err != nil {
		node.Close()
		return nil, err
	}
	return node, nil
}

// member makes a node of the cluster, and connects a PubSub to those of the other nodes.
func member(ctx context.Context, sys *actor.System, url, name string, ps *pubsub.PubSub[string]) (*nats.Node, error) {
	node, err := join(ctx, sys, url, name)
	if err != nil {
		return nil, err
	}
	return node, ps.Connect(node.Cluster(), "rooms", pubsub.JSON[string]{})
}

// claim gives the name to the actor, if no other one in the cluster has it, and returns the
// address of the one that has it.
func claim(ctx context.Context, names *nats.Names[string], name string, ref actor.Ref[string]) (nats.Remote[string], error) {
	_, err := names.Register(ctx, name, ref)
	if _, taken := errors.AsType[*nats.TakenError](err); err != nil && !taken {
		return nats.Remote[string]{}, err
	}
	return names.Lookup(ctx, name)
}

// speaker prints what it hears, and then sends on done.
func speaker(done chan<- struct{}) func() actor.Behavior[string] {
	return actor.Func(func(_ *actor.Context[string], line string) error {
		fmt.Println(line)
		done <- struct{}{}
		return nil
	})
}

// Two nodes: what is broadcast on one reaches the subscribers of the other, and each knows how
// it is.
func ExampleJoin() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})

	var berlin, tokyo pubsub.PubSub[string]
	nodes := make(map[string]*nats.Node)
	for name, ps := range map[string]*pubsub.PubSub[string]{"berlin": &berlin, "tokyo": &tokyo} {
		node, err := member(ctx, sys, url, name, ps)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer node.Close()
		nodes[name] = node
	}
	defer sys.Shutdown(ctx) // the nodes leave before their connections close

	done := make(chan struct{})
	ref, err := actor.Spawn(sys, speaker(done))
	if err != nil {
		fmt.Println(err)
		return
	}
	toLine := func(topic, line string) string { return topic + ": " + line }
	if err := pubsub.SubscribeTo(&tokyo, ref, "room:1", toLine); err != nil {
		fmt.Println(err)
		return
	}
	if err := berlin.Broadcast("room:1", "hello from "+berlin.Node()); err != nil {
		fmt.Println(err)
	}
	<-done
	fmt.Println(nodes["tokyo"].State(), nodes["tokyo"].Health())
	for _, m := range nodes["tokyo"].Members() {
		fmt.Println(m.Name, m.State)
	}
	// Output:
	// room:1: hello from berlin
	// connected <nil>
	// berlin up
}

// A program that is a node: its tree has the cluster's child first.
func ExampleNode() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, end := context.WithCancel(context.Background())
	defer end()
	program := func(cluster *pubsub.Cluster) supervisor.Program {
		return supervisor.Program{
			Spec: supervisor.Spec{Children: []supervisor.Child{supervisor.Actor("cluster", cluster.Behavior)}},
			OnStart: func(*actor.System, supervisor.Tree) {
				fmt.Println(cluster.Node(), "is a node")
				end() // as SIGTERM does
			},
		}
	}
	if err := run(ctx, url, "berlin", program); err != nil {
		fmt.Println(err)
	}
	// Output:
	// berlin is a node
}

// On connections that the program has already, a node is an adapter.
func ExampleAdapter() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	sys := actor.NewSystem(actor.Config{})

	var berlin, tokyo pubsub.PubSub[string]
	for name, ps := range map[string]*pubsub.PubSub[string]{"berlin": &berlin, "tokyo": &tokyo} {
		conn, err := natsgo.Connect(url, natsgo.Name(name), natsgo.NoEcho(), natsgo.MaxReconnects(-1))
		if err != nil {
			fmt.Println(err)
			return
		}
		defer conn.Close()
		cluster := pubsub.NewCluster(&nats.Adapter{Conn: conn, Name: name})
		if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
			fmt.Println(err)
			return
		}
		if err := ps.Connect(cluster, "rooms", pubsub.JSON[string]{}); err != nil {
			fmt.Println(err)
			return
		}
	}
	defer sys.Shutdown(context.Background()) // the nodes leave before their connections close

	done := make(chan struct{})
	ref, err := actor.Spawn(sys, speaker(done))
	if err != nil {
		fmt.Println(err)
		return
	}
	toLine := func(topic, line string) string { return topic + ": " + line }
	if err := pubsub.SubscribeTo(&tokyo, ref, "room:1", toLine); err != nil {
		fmt.Println(err)
		return
	}
	if err := berlin.Broadcast("room:1", "hello from "+berlin.Node()); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output:
	// room:1: hello from berlin
}

// A name has one holder in the cluster, and is found from everywhere.
func ExampleNames() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	sys := actor.NewSystem(actor.Config{})
	ctx := context.Background()

	nodes := make(map[string]*nats.Names[string])
	for _, name := range []string{"berlin", "tokyo"} {
		ps := new(pubsub.PubSub[string])
		node, err := member(ctx, sys, url, name, ps)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer node.Close()
		js, err := jetstream.New(node.Conn())
		if err != nil {
			fmt.Println(err)
			return
		}
		// In a new bucket no name is granted for a lease: the example does not wait for long.
		names, err := nats.StartNames(ctx, js, ps, nats.NamesConfig{Lease: 3 * time.Second})
		if err != nil {
			fmt.Println(err)
			return
		}
		defer names.Shutdown(ctx)
		nodes[name] = names
	}
	defer sys.Shutdown(ctx) // the names' actors end, and the nodes leave

	done := make(chan struct{})
	lobby, err := actor.Spawn(sys, speaker(done))
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := claim(ctx, nodes["tokyo"], "lobby", lobby); err != nil {
		fmt.Println(err)
		return
	}
	late, err := actor.Spawn(sys, speaker(done))
	if err != nil {
		fmt.Println(err)
		return
	}
	remote, err := claim(ctx, nodes["berlin"], "lobby", late)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(remote)
	if err := remote.TrySend("hello from berlin"); err != nil {
		fmt.Println(err)
	}
	<-done
	// Output:
	// lobby@tokyo
	// hello from berlin
}

var errFenced = errors.New("another holder has written since")

// ledger is what must not be written by a former holder, such as a row in a database.
type ledger struct {
	value string
	fence uint64
}

// write is what a database does: UPDATE … SET value = $1, fence = $2 WHERE fence <= $2.
func (l *ledger) write(token uint64, value string) error {
	if token < l.fence {
		return fmt.Errorf("token %d after %d: %w", token, l.fence, errFenced)
	}
	l.fence, l.value = token, value
	return nil
}

// A holder asks before it acts, and writes with its token. What it has sent when it has lost
// the name comes too late.
func ExampleTenure() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	var rooms pubsub.PubSub[string]
	node, err := member(ctx, sys, url, "berlin", &rooms)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	js, err := jetstream.New(node.Conn())
	if err != nil {
		fmt.Println(err)
		return
	}
	names, err := nats.StartNames(ctx, js, &rooms, nats.NamesConfig{Lease: 3 * time.Second})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sys.Shutdown(ctx)
	defer names.Shutdown(ctx)

	var books ledger
	var tenures []*nats.Tenure
	for range 2 { // the second one after the first
		boss, err := actor.Spawn(sys, speaker(nil))
		if err != nil {
			fmt.Println(err)
			return
		}
		tenure, err := names.Register(ctx, "boss", boss)
		if err != nil {
			fmt.Println(err)
			return
		}
		tenures = append(tenures, tenure)
		if tenure.Valid() {
			fmt.Println(books.write(tenure.Token(), "closed"))
		}
		if err := names.Unregister(ctx, "boss", boss.PID()); err != nil {
			fmt.Println(err)
			return
		}
		<-tenure.Done()
		fmt.Println(tenure.Valid())
	}
	err = books.write(tenures[0].Token(), "open") // it was on its way
	fmt.Println(errors.Is(err, errFenced), books.value)
	// Output:
	// <nil>
	// false
	// <nil>
	// false
	// true closed
}
