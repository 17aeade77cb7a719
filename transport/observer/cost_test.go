//go:build !race && unix

// The race detector changes the time and the memory that something takes.

package observer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
)

// From a browser's first request to the tree on its page it takes less than a second and 64 MB,
// with a million actors: by HTTP, the socket, and the join. The observer starts when they live,
// so that its history has none of them.
func TestTheFirstPageOfAMillionActorsComesInASecond(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	pids := make([]actor.PID, long.Rounds(10_000, 1_000_000))
	for i := range pids {
		ref, err := actor.Spawn(sys, idle)
		if err != nil {
			t.Fatal(err)
		}
		pids[i] = ref.PID()
	}
	defer func() { // a shutdown would ask them one after the other
		for _, pid := range pids {
			pid.Exit(actor.Kill)
		}
		for _, pid := range pids {
			<-pid.Done()
		}
	}()
	s := serve(t, sys, observer.Config{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	v := s.open()
	tree := ask[query.Tree](v, "tree", query.TreeRequest{})
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if n := tree.Root.Count; n < len(pids) || len(tree.Root.Children) != 100 {
		t.Errorf("the root has %d children, %d are shown", n, len(tree.Root.Children))
	}
	// While the machine is busy it takes longer: how long it takes is the least.
	for limit := time.Now().Add(time.Minute); took > time.Second && time.Now().Before(limit); {
		start := time.Now()
		ask[query.Tree](s.open(), "tree", query.TreeRequest{})
		took = min(took, time.Since(start))
	}
	bytes := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d actors: %v, %d KiB allocated", len(pids), took, bytes>>10)
	if took > time.Second || bytes > 64<<20 {
		t.Errorf("it took %v and %d bytes", took, bytes)
	}
}

// BenchmarkCallBesideAPage: percentiles of a call, without an observer and beside a page that is
// open, watches the tree, and asks every second, as a page does, for the busiest actors. Both take
// turns in one run, so that what else the machine does is in both; an observer ends with its
// turn, for it measures actors for a while after the last question. The time that the program
// has had of the processors beside the work of the calls says what a page costs.
func BenchmarkCallBesideAPage(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
			defer func() {
				if err := sys.Shutdown(context.Background()); err != nil {
					b.Error(err)
				}
			}()
			for range n {
				if _, err := actor.Spawn(sys, idle); err != nil {
					b.Fatal(err)
				}
			}
			server, err := actor.Spawn(sys, func() actor.Behavior[get] { return actor.BehaviorFunc[get](answer) })
			if err != nil {
				b.Fatal(err)
			}
			var alone, beside histogram
			var idleCPU time.Duration
			for b.Loop() {
				alone.calls(b, server)
				besidePage(b, sys, func() { beside.calls(b, server) })
				before := processorTime(b)
				besidePage(b, sys, func() { time.Sleep(turn) })
				idleCPU += processorTime(b) - before
			}
			for _, percent := range []int{50, 99} {
				b.ReportMetric(float64(alone.at(percent)), fmt.Sprintf("p%d-alone-ns", percent))
				b.ReportMetric(float64(beside.at(percent))/float64(alone.at(percent)), fmt.Sprintf("p%d-ratio", percent))
			}
			b.ReportMetric(float64(beside.n)/float64(alone.n), "calls-ratio")
			b.ReportMetric(100*float64(idleCPU)/float64(time.Duration(b.N)*turn), "page-%CPU")
		})
	}
}

const turn = 3 * time.Second

// besidePage runs f beside a page that asks each second.
func besidePage(b *testing.B, sys *actor.System, f func()) {
	s := serve(b, sys, observer.Config{})
	v := s.open()
	ask[query.Tree](v, "tree", query.TreeRequest{})
	second := time.NewTicker(time.Second)
	defer second.Stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	for open := true; open; {
		select {
		case <-done:
			open = false
		case <-second.C:
			ask[query.Top](v, "top", map[string]any{"by": "busy"})
		}
	}
	if err := v.client.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	for pid := range sys.All() {
		if pid.Label() == "observer" && pid.Parent().IsZero() {
			if err := pid.Stop(context.Background(), actor.Shutdown); err != nil && !errors.Is(err, actor.Shutdown) {
				b.Fatal(err)
			}
		}
	}
}

// processorTime returns what the program has had of the processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type get struct{ reply actor.Reply[int] }

func answer(_ *actor.Context[get], m get) error {
	m.reply.Send(1)
	return nil
}

// histogram counts durations, in steps of 16 ns, and takes no memory while it does: a
// garbage collection would be in what it counts.
type histogram struct {
	steps [1 << 16]int
	n     int
}

// calls calls the server for a turn.
func (h *histogram) calls(b *testing.B, server actor.Ref[get]) {
	for end := time.Now().Add(turn); ; {
		start := time.Now()
		if start.After(end) {
			return
		}
		if _, err := actor.Call(context.Background(), server, func(r actor.Reply[int]) get { return get{r} }); err != nil {
			b.Error(err)
			return
		}
		h.steps[min(int(time.Since(start)/16), len(h.steps)-1)]++
		h.n++
	}
}

func (h *histogram) at(percent int) time.Duration {
	left := h.n * percent / 100
	for i, n := range h.steps {
		if left -= n; left < 0 {
			return time.Duration(i+1) * 16
		}
	}
	return 0
}
