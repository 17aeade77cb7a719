// Command start is the program that docs/guide/start.md explains: an HTTP service that
// holds seats for people who are about to buy them.
//
//	go run ./examples/start
//	curl -X PUT 'http://127.0.0.1:4000/seats/A1?for=ann'
//
// A hold ends by itself after two minutes. The holds are the state of one actor, which a
// supervisor restarts when it crashes.
package main

import (
	"flag"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

func program(addr string) supervisor.Program {
	hall, seats := newSeats()
	actors := new(actors)
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: routes(seats, actors), ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:    supervisor.Spec{Children: []supervisor.Child{hall, web}},
		OnStart: actors.watch,
		Config:  actor.Config{Instruments: []actor.Instrument{actors.instrument()}},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "where to listen")
	flag.Parse()
	supervisor.Main(program(*addr))
}
