package supervisor_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// A service that fails is run anew, until it has done its work.
func ExampleService() {
	sys := quietSystem()
	defer sys.Shutdown(context.Background())

	attempt, done := 0, make(chan struct{})
	importer := func(ctx context.Context) error {
		attempt++
		fmt.Println("attempt", attempt)
		if attempt < 3 {
			return errors.New("database is not there yet")
		}
		close(done)
		return nil
	}
	_, err := supervisor.Start(sys, supervisor.Spec{
		Intensity: 5, Period: time.Minute,
		Children: []supervisor.Child{supervisor.Service("importer", importer, supervisor.Transient)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	<-done
	// Output:
	// attempt 1
	// attempt 2
	// attempt 3
}

// A program with an HTTP server and a job beside it. The server is the last to
// start and the first to stop.
func ExampleRun() {
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

	sys := actor.NewSystem(actor.Config{})
	top, err := supervisor.Start(sys, supervisor.Spec{
		Children: []supervisor.Child{
			supervisor.Service("refresh", refresh),
			supervisor.Server("http", newServer, supervisor.Shutdown(20*time.Second)),
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := supervisor.Run(context.Background(), sys, 25*time.Second, top.PID()); err != nil {
		log.Fatal(err)
	}
}
