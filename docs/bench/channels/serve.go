package channels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
)

// socketPath is where all servers have their socket.
const socketPath = "/socket"

// backend is a server to be measured: its handler, and how many slow clients it has
// closed, if it counts them.
type backend struct {
	http.Handler
	slow func() uint64
	stop func(context.Context) error
}

// ready is what a server tells its parent, in a line of JSON.
type ready struct{ Addr, Debug string }

// memory is what a server's /debug/memory says of it, in bytes.
type memory struct {
	Heap, Stacks uint64 // live
	Slow         uint64 // clients closed because they did not read
}

// role is what a server's process is started for. Its argument is a subject.
const role = "channels server"

// serve is the server process: it serves until stdin ends, which it does with the
// parent's life.
func serve(ctx context.Context, args []string) error {
	i := slices.Index(subjects(), strings.Join(args, " "))
	if i < 0 {
		return fmt.Errorf("no server %q", args)
	}
	b, err := backends[i].start()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	dl, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server, inspector := &http.Server{Handler: b}, &http.Server{Handler: inspect(b)}
	go server.Serve(l)
	go inspector.Serve(dl)
	if err := json.NewEncoder(os.Stdout).Encode(ready{l.Addr().String(), dl.Addr().String()}); err != nil {
		return err
	}
	io.Copy(io.Discard, os.Stdin)
	return errors.Join(server.Close(), inspector.Close(), b.stop(ctx))
}

// inspect lets the parent look into the server.
func inspect(b backend) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/memory", func(w http.ResponseWriter, r *http.Request) {
		var m memory
		if b.slow != nil {
			m.Slow = b.slow()
		}
		if r.FormValue("gc") != "" {
			debug.FreeOSMemory()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			m.Heap, m.Stacks = stats.HeapAlloc, stats.StackInuse
		}
		json.NewEncoder(w).Encode(m)
	})
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	return mux
}
