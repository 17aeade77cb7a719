package supervisor_test

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

type house struct{ highest int }

type bid struct {
	amount int
	actor.Reply[int]
}

func (h *house) Receive(_ *actor.Context[bid], b bid) error {
	h.highest = max(h.highest, b.amount)
	b.Send(h.highest)
	return nil
}

// A call of a child by its Ref, which is good over restarts.
func ExampleCall() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	child, auction := supervisor.ActorRef("house", func() *house { return &house{} })
	tree, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}})
	if err != nil {
		fmt.Println(err)
		return
	}
	offer := func(amount int) func(actor.Reply[int]) bid {
		return func(r actor.Reply[int]) bid { return bid{amount, r} }
	}
	fmt.Println(supervisor.Call(ctx, auction, offer(7)))
	fmt.Println(supervisor.Call(ctx, auction, offer(5)))

	tree.TerminateChild(ctx, "house")
	_, err = supervisor.Call(ctx, auction, offer(9))
	fmt.Println(err)
	// Output:
	// 7 <nil>
	// 7 <nil>
	// supervisor: call child "house": not running
}
