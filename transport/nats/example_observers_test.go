package nats_test

import (
	"context"
	"fmt"

	natsgo "github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/nats"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// observed starts a node with an observer that shows the others, too. In a program the page
// is mounted, and a child of its supervisor: see package observer.
func observed(sys *actor.System, url, name string) (*natsgo.Conn, error) {
	conn, err := natsgo.Connect(url, natsgo.Name(name), natsgo.MaxReconnects(-1))
	if err != nil {
		return nil, err
	}
	_, err = observer.Start(sys, observer.Config{Cluster: &nats.Observers{Conn: conn, Name: name}})
	return conn, err
}

// The observers of all nodes answer each other, so that each page shows all of them.
func ExampleObservers() {
	url, stop, err := startServer()
	if err != nil {
		panic(err)
	}
	defer stop()
	for _, name := range []string{"berlin", "paris"} {
		sys := actor.NewSystem(actor.Config{Node: name})
		conn, err := observed(sys, url, name)
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		defer func() { _ = sys.Shutdown(context.Background()) }()
		if err := conn.Flush(); err != nil { // from here on the others find it
			panic(err)
		}
	}

	// What the pages ask can be asked by a program, which need not answer itself.
	conn, err := natsgo.Connect(url)
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	sys := actor.NewSystem(actor.Config{})
	defer func() { _ = sys.Shutdown(context.Background()) }()
	source := query.New(sys, query.Config{Peers: &nats.Observers{Conn: conn, Name: "desk"}})
	defer source.Close()
	cluster, err := source.Cluster(context.Background(), query.ClusterRequest{})
	if err != nil {
		panic(err)
	}
	for _, node := range cluster.Nodes {
		fmt.Println(node.Name, node.State)
	}
	// Output:
	// berlin running
	// desk running
	// paris running
}
