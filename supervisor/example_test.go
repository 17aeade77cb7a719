package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// quietSystem returns a system whose crash reports go nowhere.
func quietSystem() *actor.System {
	return actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
}

// greeter tells when it starts, and crashes when it is sent something.
type greeter struct {
	id      string
	started chan<- string
}

func (g greeter) Init(*actor.Context[string]) error {
	g.started <- g.id
	return nil
}

func (g greeter) Receive(_ *actor.Context[string], m string) error { return errors.New(m) }

// greeters returns three of them, with their IDs as names.
func greeters(started chan<- string) []supervisor.Child {
	var children []supervisor.Child
	for _, id := range []string{"a", "b", "c"} {
		children = append(children, supervisor.Actor(id,
			func() greeter { return greeter{id, started} },
			supervisor.With(actor.Name(id))))
	}
	return children
}

// crashB starts three greeters, makes the second one crash, and prints the
// starts, n in all.
func crashB(strategy supervisor.Strategy, n int) {
	sys := quietSystem()
	defer sys.Shutdown(context.Background())

	started := make(chan string, n)
	_, err := supervisor.Start(sys, supervisor.Spec{Strategy: strategy, Children: greeters(started)})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := actor.Lookup[string](sys, "b")
	if err != nil {
		fmt.Println(err)
		return
	}
	b.Send("boom")
	for range n {
		fmt.Print(<-started, " ")
	}
}

func ExampleStart_oneForOne() {
	crashB(supervisor.OneForOne, 4)
	// Output: a b c b
}

func ExampleStart_oneForAll() {
	crashB(supervisor.OneForAll, 6)
	// Output: a b c a b c
}

func ExampleStart_restForOne() {
	crashB(supervisor.RestForOne, 5)
	// Output: a b c b c
}

func ExampleStartDynamic() {
	sys := quietSystem()
	ctx := context.Background()
	defer sys.Shutdown(ctx)

	sessions, err := supervisor.StartDynamic(sys, supervisor.DynamicSpec{MaxChildren: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	started := make(chan string, 2)
	for _, user := range []string{"ann", "bob", "eve"} {
		_, err := sessions.StartChild(ctx, supervisor.Actor(user,
			func() greeter { return greeter{user, started} },
			supervisor.Temporary))
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("hello", <-started)
	}
	// Output:
	// hello ann
	// hello bob
	// supervisor: start child "eve": maximum of children reached
}
