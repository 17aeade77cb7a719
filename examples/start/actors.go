package main

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// actors shows which actors run, what they have done, and how many have crashed.
type actors struct {
	sys              atomic.Pointer[actor.System]
	crashes, handled atomic.Int64
	worked           atomic.Int64 // nanoseconds
}

// instrument counts the messages that actors have handled, and measures the time it took.
func (a *actors) instrument() actor.Instrument {
	return actor.Instrument{End: func(_ context.Context, h *actor.Handling) {
		if h.Handler == "Receive" {
			a.handled.Add(1)
			a.worked.Add(int64(h.Worked))
		}
	}}
}

// watch is called when the program has started.
func (a *actors) watch(sys *actor.System, _ supervisor.Tree) {
	sys.Watchdog(10 * time.Second) // logs a handler that takes longer, with its stack
	sys.Observe(func(e actor.Event) {
		if _, ok := e.(actor.Crashed); ok {
			a.crashes.Add(1)
		}
	})
	a.sys.Store(sys)
}

func (a *actors) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sys := a.sys.Load()
	if sys == nil {
		http.Error(w, "starting", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintf(w, "handled: %d in %v\n", a.handled.Load(), time.Duration(a.worked.Load()))
	fmt.Fprintf(w, "crashes: %d\n%v", a.crashes.Load(), supervisor.Snapshot(r.Context(), sys))
}
