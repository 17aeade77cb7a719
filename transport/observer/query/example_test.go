package query_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// shop starts a system with a supervisor of two actors.
func shop() (*actor.System, error) {
	sys := actor.NewSystem(actor.Config{})
	idle := actor.Func(func(*actor.Context[string], string) error { return nil })
	_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Actor("orders", idle),
		supervisor.Actor("stock", idle),
	}}, actor.Name("shop"))
	return sys, err
}

// The answers are plain data: a program can look at itself.
func ExampleNew() {
	sys, err := shop()
	if err != nil {
		panic(err)
	}
	defer func() { _ = sys.Shutdown(context.Background()) }()

	source := query.New(sys, query.Config{})
	defer source.Close()
	// The children of the root are always among the nodes, further ones if they are asked for.
	tree, err := source.Tree(context.Background(), query.TreeRequest{})
	if err != nil {
		panic(err)
	}
	top := tree.Root.Children[0]
	fmt.Println(top.Name, top.Kind, "of", top.Count)
	tree, err = source.Tree(context.Background(), query.TreeRequest{Open: []string{top.PID}})
	if err != nil {
		panic(err)
	}
	for _, child := range tree.Root.Children[0].Children {
		fmt.Println(child.ID, child.Status)
	}
	// Output:
	// shop supervisor of 2
	// orders idle
	// stock idle
}

// A server of tools, of MCP say, offers what Names returns, and hands each request on to Ask:
// both sides are JSON.
func ExampleSource_Ask() {
	sys, err := shop()
	if err != nil {
		panic(err)
	}
	defer func() { _ = sys.Shutdown(context.Background()) }()
	source := query.New(sys, query.Config{})
	defer source.Close()

	fmt.Println(query.Names())
	call := func(name, params string) {
		answer, err := source.Ask(context.Background(), name, json.RawMessage(params))
		if why, ok := errors.AsType[*query.Error](err); ok {
			fmt.Println(why.Reason)
			return
		}
		text, err := json.Marshal(answer)
		fmt.Println(len(text) > 0, err)
	}
	call("tree", `{"filter": "stock", "limit": 10}`)
	call("actor", `{"pid": "<0.99>"}`)
	call("stop", `{}`) // no question changes anything
	// Output:
	// [actor cluster crashes node socket sockets table timeline top topic topics tree]
	// true <nil>
	// gone
	// invalid
}
