package group_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/group"
)

func Example() {
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())

	var workers group.Set[string]
	observer := workers.Observe("resize", func(e group.Event[string]) {
		fmt.Println(e.Group, e.Kind, len(e.PIDs))
	})
	defer observer.Stop()

	worker, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], job string) error {
		fmt.Println("working on", job)
		return nil
	}))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := workers.Join("resize", worker.PID()); err != nil {
		fmt.Println(err)
	}
	for _, pid := range workers.Members("resize") {
		if ref, ok := actor.RefOf[string](pid); ok {
			ref.Send("cat.png")
		}
	}

	worker.PID().Stop(context.Background(), nil)
	err = workers.Leave("resize", worker.PID())
	fmt.Println(errors.Is(err, group.ErrNotJoined))
	// Output:
	// resize members 0
	// resize joined 1
	// working on cat.png
	// resize left 1
	// true
}
