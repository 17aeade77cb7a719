//go:build !race

// The race detector changes the time and the memory that something takes.

package observer_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
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
	bytes := after.TotalAlloc - before.TotalAlloc
	t.Logf("%d actors: %v, %d KiB allocated", len(pids), took, bytes>>10)
	if took > time.Second || bytes > 64<<20 {
		t.Errorf("it took %v and %d bytes", took, bytes)
	}
}

// BenchmarkCallBesideAPage: percentiles of a call, in turns without a page and with one open that
// watches the tree of ten thousand actors, and asks every second, as a page does, for the
// busiest actors. Both are of the same run: what else the machine does is in both.
func BenchmarkCallBesideAPage(b *testing.B) {
	sys := actor.NewSystem(actor.Config{})
	defer func() {
		if err := sys.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
	}()
	for range 10_000 {
		if _, err := actor.Spawn(sys, idle); err != nil {
			b.Fatal(err)
		}
	}
	server, err := actor.Spawn(sys, func() actor.Behavior[get] { return actor.BehaviorFunc[get](answer) })
	if err != nil {
		b.Fatal(err)
	}
	s := serve(b, sys, observer.Config{})
	var alone, beside []time.Duration
	for b.Loop() {
		alone = append(alone, calls(b, server)...)
		v := s.open()
		ask[query.Tree](v, "tree", query.TreeRequest{})
		second := time.NewTicker(time.Second)
		done := make(chan struct{})
		go func() {
			defer close(done)
			beside = append(beside, calls(b, server)...)
		}()
		for open := true; open; {
			select {
			case <-done:
				open = false
			case <-second.C:
				ask[query.Top](v, "top", map[string]any{"by": "busy"})
			}
		}
		second.Stop()
		if err := v.client.Close(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(alone)
	slices.Sort(beside)
	at := func(of []time.Duration, percent int) float64 { return float64(of[len(of)*percent/100].Nanoseconds()) }
	for _, percent := range []int{50, 99} {
		b.ReportMetric(at(alone, percent), fmt.Sprintf("p%d-alone-ns", percent))
		b.ReportMetric(at(beside, percent), fmt.Sprintf("p%d-beside-ns", percent))
		b.ReportMetric(at(beside, percent)/at(alone, percent), fmt.Sprintf("p%d-ratio", percent))
	}
}

type get struct{ reply actor.Reply[int] }

func answer(_ *actor.Context[get], m get) error {
	m.reply.Send(1)
	return nil
}

// calls calls the server for three seconds and returns how long each call has taken.
func calls(b *testing.B, server actor.Ref[get]) (took []time.Duration) {
	for end := time.Now().Add(3 * time.Second); ; {
		start := time.Now()
		if start.After(end) {
			return took
		}
		if _, err := actor.Call(context.Background(), server, func(r actor.Reply[int]) get { return get{r} }); err != nil {
			b.Error(err)
			return append(took, 0)
		}
		took = append(took, time.Since(start))
	}
}
