package group_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
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

// worker says what it does.
func worker(name string, done chan<- string) func() actor.Behavior[workerMessage] {
	return actor.Func(func(_ *actor.Context[workerMessage], m workerMessage) error {
		if m, ok := m.(resize); ok {
			done <- name + " resizes " + m.Picture
		}
		return nil
	})
}

func Example() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var workers group.Set[string]
	observer := workers.Observe("images", func(e group.Event[string]) {
		fmt.Println(e.Group, e.Kind, len(e.Members))
	})
	defer observer.Stop()

	done := make(chan string)
	ref, err := actor.Spawn(sys, worker("ann", done))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := workers.Join("images", ref.PID()); err != nil {
		fmt.Println(err)
	}
	if err := Resize.SendAll(workers.Group("images"), Job{"cat.png"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-done)

	ref.PID().Stop(context.Background(), nil)
	err = workers.Leave("images", ref.PID())
	fmt.Println(errors.Is(err, group.ErrNotJoined))
	err = Resize.SendOne(workers.Group("images"), Job{"dog.png"})
	fmt.Println(errors.Is(err, group.ErrNoMembers))
	// Output:
	// images members 0
	// images joined 1
	// ann resizes cat.png
	// images left 1
	// true
	// true
}

// What one object in main changes: with Child, the groups are those of all nodes.
func ExampleChild() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var hub pubsub.Hub // of a test; otherwise the cluster is that of nats.Join
	var sets [2]group.Set[string]
	for i, name := range []string{"berlin", "tokyo"} {
		cluster := pubsub.NewCluster(hub.Node(name))
		_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
			supervisor.Actor("cluster", cluster.Behavior),
			group.Child(&sets[i], cluster, "workers"),
		}})
		if err == nil {
			err = sets[i].Serve(Resize)
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}

	here := make(chan group.Event[string], 2) // berlin hears of tokyo's worker
	observer := sets[0].Observe("images", func(e group.Event[string]) { here <- e })
	defer observer.Stop()
	done := make(chan string)
	ref, err := actor.Spawn(sys, worker("ann", done))
	if err == nil {
		err = sets[1].Join("images", ref.PID())
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	<-here // the members before
	e := <-here
	fmt.Println(e.Kind, e.Members[0].Node())

	if err := Resize.SendOne(sets[0].Group("images"), Job{"cat.png"}); err != nil {
		fmt.Println(err)
	}
	fmt.Println(<-done)
	// Output:
	// joined tokyo
	// ann resizes cat.png
}
