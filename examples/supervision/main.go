// Command supervision tells what supervisors do about a crash: the same three
// actors, under each strategy in turn, and then with one crash too many. It goes with
// docs/guide/supervision.md. With -observe they live on, as trees on a page in the browser
// on which they can be made to crash:
//
//	go run ./examples/supervision -observe 127.0.0.1:4001
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
)

func main() {
	addr := flag.String("observe", "", "tell no story, but show living trees on a page at this `address`")
	rights := flag.String("rights", "act", "what visitors of the page may do: look, trace or act; they are on this machine")
	flag.Parse()
	if *addr != "" {
		supervisor.Main(live(*addr, rightsOf(*rights)))
		return
	}
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// rightsOf reads the name of a right.
func rightsOf(name string) observer.Rights {
	for _, rights := range []observer.Rights{observer.Look, observer.Trace, observer.Act} {
		if rights.String() == name {
			return rights
		}
	}
	log.Fatalf("-rights %q: must be look, trace or act", name)
	return observer.None
}

// run tells the whole story.
func run(ctx context.Context, w io.Writer) error {
	story := log.New(w, "", 0)
	for _, strategy := range []supervisor.Strategy{
		supervisor.OneForOne,
		supervisor.OneForAll,
		supervisor.RestForOne,
	} {
		if err := tell(ctx, story, strategy); err != nil {
			return err
		}
	}
	return tellTheEnd(ctx, story)
}

// tell tells what happens under one strategy when the second of three workers
// crashes.
func tell(ctx context.Context, story *log.Logger, strategy supervisor.Strategy) error {
	// The log would tell of each crash and restart. Here the story does.
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer shutdown(sys)

	story.Printf("%v: start", strategy)
	top, cache, err := start(sys, story, supervisor.Spec{Strategy: strategy})
	if err != nil {
		return err
	}

	story.Printf("%v: cache crashes", strategy)
	crashNow(cache)
	// The supervisor has been told by now, and answers when the restart is done.
	if _, err := top.Count(ctx); err != nil {
		return err
	}

	story.Printf("%v: stop", strategy)
	return top.Stop(ctx)
}

// tellTheEnd tells what happens when the restarts that a supervisor allows are spent.
func tellTheEnd(ctx context.Context, story *log.Logger) error {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer shutdown(sys)

	story.Print("too many restarts: start")
	top, cache, err := start(sys, story, supervisor.Spec{Intensity: 1, Period: time.Hour})
	if err != nil {
		return err
	}
	story.Print("too many restarts: cache crashes")
	crashNow(cache)
	if _, err := top.Count(ctx); err != nil {
		return err
	}
	story.Print("too many restarts: cache crashes again")
	crashNow(cache)
	<-top.PID().Done()
	story.Printf("too many restarts: the supervisor has ended: %v", top.PID().Err())
	return nil
}

// start starts a supervisor of the three workers, and returns an address of the cache.
func start(sys *actor.System, story *log.Logger, spec supervisor.Spec) (supervisor.Tree, supervisor.Ref[crash], error) {
	cache, ref := supervisor.ActorRef("cache", newWorker("cache", story))
	spec.Children = []supervisor.Child{
		supervisor.Actor("database", newWorker("database", story)),
		cache,
		supervisor.Actor("api", newWorker("api", story)),
	}
	top, err := supervisor.Start(sys, spec)
	return top, ref, err
}

// crashNow returns when the cache has ended. A restarted actor has another PID; the Ref
// stays the same.
func crashNow(cache supervisor.Ref[crash]) {
	former := cache.PID()
	cache.Send(crash{})
	<-former.Done()
}

// shutdown leaves no actor behind, whatever went wrong.
func shutdown(sys *actor.System) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := sys.Shutdown(ctx); err != nil {
		log.Print(err)
	}
}

// newWorker returns the constructor of a worker: a supervisor calls it for each start.
func newWorker(name string, story *log.Logger) func() worker {
	return func() worker { return worker{name, story} }
}

// crash is the one message that a worker understands.
type crash struct{}

// worker is an actor that tells when it starts and ends.
type worker struct {
	name  string
	story *log.Logger
}

// Init runs at each start, before the next child is started.
func (w worker) Init(ctx *actor.Context[crash]) error {
	ctx.TrapExit(true) // or Terminate would not run at a shutdown
	w.story.Printf("  + %s", w.name)
	return nil
}

// Receive lets it crash: an error that the worker cannot handle ends it.
func (w worker) Receive(*actor.Context[crash], crash) error {
	return errors.New("connection lost")
}

// Terminate runs at the end, with the reason.
func (w worker) Terminate(_ *actor.Context[crash], reason error) {
	w.story.Printf("  - %s: %v", w.name, reason)
}
