package supervisor_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// A program with an HTTP server and a job beside it. The server is the last to
// start and the first to stop.
func ExampleMain() {
	refresh := func(ctx context.Context) error {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				// …
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	newServer := func() *http.Server { return &http.Server{Addr: ":8080"} }

	supervisor.Main(supervisor.Program{Spec: supervisor.Spec{
		Children: []supervisor.Child{
			supervisor.Service("refresh", refresh),
			supervisor.Server("http", newServer, supervisor.Shutdown(20*time.Second)),
		},
	}})
}

// A test runs the program as main does, and stops it by its context.
func ExampleProgram_Run() {
	ctx, stop := context.WithCancel(context.Background())
	service := func(id string) supervisor.Child {
		return supervisor.Service(id, func(ctx context.Context) error {
			<-ctx.Done()
			fmt.Println(id, "stops")
			return nil
		})
	}
	err := supervisor.Program{
		Spec:   supervisor.Spec{Children: []supervisor.Child{service("database"), service("web")}},
		Config: actor.Config{Logger: slog.New(slog.DiscardHandler)},
		OnStart: func(_ *actor.System, root supervisor.Tree) {
			fmt.Println("all children run")
			stop()
		},
		Drain: func(context.Context) error {
			fmt.Println("the clients are sent away")
			return nil
		},
	}.Run(ctx)
	fmt.Println(err)
	// Output:
	// all children run
	// the clients are sent away
	// web stops
	// database stops
	// <nil>
}
