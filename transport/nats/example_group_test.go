package nats_test

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/nats"
)

// Job is what a worker is sent. On the way to another node it is JSON.
type Job struct{ Picture string }

type workerMessage any

type resize struct{ Job }

// Resize is a message to workers, wherever they are.
var Resize = group.Message[workerMessage, Job]{
	Name: "resize",
	Make: func(j Job) workerMessage { return resize{j} },
}

// studio makes a node whose workers are in the groups of all nodes.
func studio(ctx context.Context, sys *actor.System, url, name string, workers *group.Set[string]) (*nats.Node, error) {
	node, err := nats.Join(ctx, nats.Config{URL: url, Name: name})
	if err != nil {
		return nil, err
	}
	if err := workers.Serve(Resize); err != nil {
		return nil, err
	}
	_, err = supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
		node.Child(),
		group.Child(workers, node.Cluster(), "workers"),
	}})
	return node, err
}

// A worker on one node gets what another node sends to its group.
func Example_groups() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	var sets [2]group.Set[string]
	for i, name := range []string{"berlin", "tokyo"} {
		node, err := studio(ctx, sys, url, name, &sets[i])
		if err != nil {
			fmt.Println(err)
			return
		}
		defer node.Close()
	}
	defer sys.Shutdown(ctx)

	events := make(chan group.Event[string], 2)
	observer := sets[0].Observe("images", func(e group.Event[string]) { events <- e })
	defer observer.Stop()
	done := make(chan string)
	worker, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[workerMessage], m workerMessage) error {
		if m, ok := m.(resize); ok {
			done <- m.Picture
		}
		return nil
	}))
	if err == nil {
		err = sets[1].Join("images", worker.PID())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	<-events // the members before
	e := <-events
	fmt.Println(e.Kind, e.Members[0].Node())

	err = Resize.SendOne(sets[0].Group("images"), Job{"cat.png"})
	fmt.Println(<-done, err)
	// Output:
	// joined tokyo
	// cat.png <nil>
}
