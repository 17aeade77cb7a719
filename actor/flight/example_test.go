package flight_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/flight"
)

func ExampleStart() {
	dir, err := os.MkdirTemp("", "flight")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	rec, err := flight.Start(sys, flight.Config{Dir: dir})
	if err != nil {
		panic(err)
	}
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return errors.New("no such cart") }))
	if err != nil {
		panic(err)
	}
	ref.Send(1)
	<-ref.PID().Done()

	// What is due is written before the system has shut down.
	if err := sys.Shutdown(context.Background()); err != nil {
		panic(err)
	}
	dumps, err := rec.Dumps()
	if err != nil {
		panic(err)
	}
	for _, d := range dumps {
		fmt.Println(d.Cause, "of", d.PID == "0.2", d.Bytes > 0)
	}
	// Output: crash of true true
}
