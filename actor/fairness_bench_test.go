package actor_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
)

// BenchmarkFairness measures the calls that one actor makes to another, first in a
// quiet system and then beside a third actor that eight senders flood as fast as
// they can. It reports percentiles of the time that a call takes, and the rate of
// the flood. The flood must not raise the 99th percentile more than five times,
// whether the calls follow one upon the other or come now and then:
//
//	go test -bench Fairness -run '^$' ./actor
func BenchmarkFairness(b *testing.B) {
	const senders = 8
	for name, pause := range map[string]time.Duration{"back to back": 0, "every 200µs": 200 * time.Microsecond} {
		b.Run(name, func(b *testing.B) {
			var quiet time.Duration // of the last quiet run
			b.Run("quiet", func(b *testing.B) { quiet = benchmarkCalls(b, pause) })
			b.Run("flooded", func(b *testing.B) {
				sys := newSystem(b)
				stop := flood(b, sys, senders)
				p99 := benchmarkCalls(b, pause)
				b.ReportMetric(stop()/1e6, "flood-Mmsg/s")
				b.ReportMetric(float64(p99)/float64(max(quiet, 1)), "p99-ratio")
			})
		})
	}
}

// benchmarkCalls has one actor make b.N calls to another and returns the 99th
// percentile of what they take.
func benchmarkCalls(b *testing.B, pause time.Duration) (p99 time.Duration) {
	sys := newSystem(b)
	server := spawnFunc(b, sys, echo)
	took := make([]time.Duration, b.N)
	done := make(chan struct{})
	client := start(b, sys, &script{})
	b.ReportAllocs()
	b.ResetTimer()
	client.Send(func(ctx *doContext) error {
		defer close(done)
		for i := range took {
			begin := time.Now()
			if _, err := actor.Call(context.Background(), server, asking(i)); err != nil {
				b.Error(err)
			}
			took[i] = time.Since(begin)
			if pause > 0 {
				time.Sleep(pause)
			}
		}
		return nil
	})
	<-done
	b.StopTimer()
	slices.Sort(took)
	at := func(share float64) time.Duration { return took[int(float64(len(took)-1)*share)] }
	b.ReportMetric(float64(at(0.5)), "p50-ns")
	b.ReportMetric(float64(at(0.99)), "p99-ns")
	b.ReportMetric(float64(at(0.999)), "p99.9-ns")
	return at(0.99)
}

// flood has n senders flood one actor until stop is called, which returns how many
// messages the actor has handled each second. A sender waits when the actor is far
// behind, as it would for room in a bounded mailbox, or the flood would fill the
// memory.
func flood(tb testing.TB, sys *actor.System, n int) (stop func() float64) {
	const far = 100_000
	handled := 0
	hot := spawnFunc(tb, sys, func(*actor.Context[payload], payload) error { handled++; return nil })
	done := make(chan struct{})
	begin := time.Now()
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			for i := int64(0); ; i++ {
				if i%64 == 0 {
					select {
					case <-done:
						return
					default:
					}
					for hot.PID().QueueLen() > far {
						time.Sleep(10 * time.Microsecond)
					}
				}
				hot.Send(payload{i, 0})
			}
		})
	}
	return func() float64 {
		close(done)
		wg.Wait()
		if err := hot.PID().Stop(context.Background(), nil); err != nil {
			tb.Error(err)
		}
		return float64(handled) / time.Since(begin).Seconds()
	}
}
