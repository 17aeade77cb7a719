//go:build unix

package actor_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// What observers that do nothing add to the life of an actor, which is two events, and what
// such a life costs without. Lives with and without take turns, in slices, and the time is
// the processor's: so the figures do not tell what else the machine does.
//
//	go test -run '^$' -bench Observed -benchtime 100x -cpu 1,2 ./actor
func BenchmarkObserved(b *testing.B) {
	const slice = 2000
	for _, c := range []struct {
		name      string
		observers int
	}{{"none", 0}, {"one", 1}, {"four", 4}} {
		b.Run(c.name, func(b *testing.B) {
			alone, observed := newSystem(b), newSystem(b)
			for range c.observers {
				observed.Observe(func(actor.Event) {})
			}
			live(b, alone, slice)
			live(b, observed, slice)
			b.ReportAllocs()
			b.ResetTimer()
			var without, with time.Duration
			for range b.N {
				without += spent(func() { live(b, alone, slice) })
				with += spent(func() { live(b, observed, slice) })
			}
			b.ReportMetric(float64(without)/float64(b.N*slice), "ns-alone")
			b.ReportMetric(float64(with-without)/float64(b.N*slice), "ns-more")
			b.ReportMetric(float64(with)/float64(without), "ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// live has n actors come and go.
func live(b *testing.B, sys *actor.System, n int) {
	for range n {
		ref := spawnFunc(b, sys, func(*actor.Context[int], int) error { return nil })
		ref.PID().Exit(actor.Shutdown)
		<-ref.PID().Done()
	}
}

// BenchmarkEmit: one event to observers that do nothing.
func BenchmarkEmit(b *testing.B) {
	for name, observers := range map[string]int{"one": 1, "four": 4} {
		b.Run(name, func(b *testing.B) {
			sys := actor.NewSystem(actor.Config{})
			defer func() { _ = sys.Shutdown(context.Background()) }()
			for range observers {
				sys.Observe(func(actor.Event) {})
			}
			var e actor.Event = actor.HighWater{}
			b.ReportAllocs()
			for b.Loop() {
				sys.Emit(e)
			}
		})
	}
}
