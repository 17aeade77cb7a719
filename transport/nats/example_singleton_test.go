package nats_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/nats"
)

// bookkeeper writes down what it is sent. There is one in the cluster.
type bookkeeper struct {
	node   string
	tenure *nats.Tenure
	books  books
	says   chan<- string
}

// books are what one bookkeeper hands off to the next, as JSON.
type books struct{ Lines []string }

// newBookkeeper returns what is made of one for each tenure of this node.
func newBookkeeper(node string, says chan<- string) func(*nats.Tenure, *books) actor.Behavior[string] {
	return func(t *nats.Tenure, handed *books) actor.Behavior[string] {
		b := &bookkeeper{node: node, tenure: t, says: says}
		if handed != nil { // without it, b would read what is in its database
			b.books = *handed
		}
		says <- fmt.Sprint(node, " begins with ", b.books.Lines)
		return b
	}
}

func (b *bookkeeper) Receive(_ *actor.Context[string], line string) error {
	if !b.tenure.Valid() {
		return nats.ErrLost // another node may have one by now; this one stands by again
	}
	b.books.Lines = append(b.books.Lines, line)
	b.says <- fmt.Sprint(b.node, " has written ", b.books.Lines)
	return nil
}

// HandOff returns the books as they are when the child is stopped.
func (b *bookkeeper) HandOff() (books, error) { return b.books, nil }

// standBy returns the child that is in the tree of each node, after that of the node itself.
func standBy(names *nats.Names[string], node string, says chan<- string) supervisor.Child {
	return nats.Singleton[string, books]{Names: names, Name: "bookkeeper", New: newBookkeeper(node, says)}.Child()
}

// branch is a node of the cluster that stands by for the bookkeeper.
type branch struct {
	sys   *actor.System
	node  *nats.Node
	names *nats.Names[string]
	tree  supervisor.Tree
}

func openBranch(ctx context.Context, url, name string, says chan<- string) (b branch, err error) {
	ps := new(pubsub.PubSub[string])
	b.sys = actor.NewSystem(actor.Config{})
	if b.node, err = member(ctx, b.sys, url, name, ps); err != nil {
		return b, err
	}
	js, err := jetstream.New(b.node.Conn())
	if err != nil {
		return b, err
	}
	if b.names, err = nats.StartNames(ctx, js, ps, nats.NamesConfig{Lease: 3 * time.Second}); err != nil {
		return b, err
	}
	children := []supervisor.Child{standBy(b.names, name, says)}
	b.tree, err = supervisor.Start(b.sys, supervisor.Spec{Children: children})
	return b, err
}

// close ends the tree, then the names, then the connection.
func (b branch) close(ctx context.Context) {
	b.sys.Shutdown(ctx)
	b.names.Shutdown(ctx)
	b.node.Close()
}

// write sends a line to the bookkeeper, wherever it is now.
func write(ctx context.Context, names *nats.Names[string], line string) error {
	keeper, err := names.Lookup(ctx, "bookkeeper")
	if err != nil {
		return err
	}
	return keeper.TrySend(line)
}

// One bookkeeper for all nodes. When its node is stopped, the next one goes on with its books.
func ExampleSingleton() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	says := make(chan string)
	berlin, err := openBranch(ctx, url, "berlin", says)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer berlin.close(ctx)
	fmt.Println(<-says)
	if err := write(ctx, berlin.names, "one"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-says)

	tokyo, err := openBranch(ctx, url, "tokyo", says)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer tokyo.close(ctx)
	if err := berlin.tree.PID().Stop(ctx, actor.Shutdown); err != nil { // as SIGTERM does in a Program
		fmt.Println(err)
	}
	fmt.Println(<-says)
	if err := write(ctx, tokyo.names, "two"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-says)
	// Output:
	// berlin begins with []
	// berlin has written [one]
	// tokyo begins with [one]
	// tokyo has written [one two]
}
