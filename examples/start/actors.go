package main

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
)

// actors shows which actors run, and how many have crashed.
type actors struct {
	sys     atomic.Pointer[actor.System]
	crashes atomic.Int64
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
	fmt.Fprintf(w, "crashes: %d\n%v", a.crashes.Load(), supervisor.Snapshot(r.Context(), sys))
}
