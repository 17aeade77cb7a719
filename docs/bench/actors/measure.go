package actors

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

// measure does one workload for about that long, after a warm-up.
func measure(s System, w workload, d time.Duration) ([]report.Sample, error) {
	run, err := w.prepare(s)
	if err != nil {
		return nil, err
	}
	// The warm-up finds out how many operations are enough.
	const least = 100 // so that goroutines that share the operations have some each
	n := least
	for {
		start := time.Now()
		done, err := run(n)
		if err != nil {
			return nil, err
		}
		took := time.Since(start)
		if took > d/8 || w.most > 0 && n >= w.most/8 {
			n = max(least, int(float64(done)*float64(d)/float64(took))) // the machine may be busy
			break
		}
		n *= 2
	}
	if w.most > 0 {
		n = min(n, w.most)
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start, cpu := time.Now(), cpuTime()
	done, err := run(n)
	took := time.Since(start)
	cpu = cpuTime() - cpu
	runtime.ReadMemStats(&after)
	if err != nil {
		return nil, err
	}
	// The time of the processors, all together, says what the work costs even when
	// other programs keep it waiting.
	ops := float64(done)
	return []report.Sample{
		{Metric: "time", Unit: "ns/op", Value: float64(took.Nanoseconds()) / ops},
		{Metric: "processor time", Unit: "ns/op", Value: float64(cpu.Nanoseconds()) / ops},
		{Metric: "allocations", Unit: "allocs/op", Value: float64(after.Mallocs-before.Mallocs) / ops},
	}, nil
}

// idle measures n actors that wait for a message: what one takes to start, and
// the resident memory that it keeps, its inbox, its state and the handle to send
// to it included, when the collector has given back what is garbage.
func idle(s System, n int) ([]report.Sample, error) {
	before, err := resident()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := s.Spawn(n); err != nil {
		return nil, err
	}
	took := time.Since(start)
	after, err := resident()
	if err != nil {
		return nil, err
	}
	runtime.KeepAlive(s)
	return []report.Sample{
		{Metric: "resident memory", Unit: "B/actor", Value: float64(after-before) / float64(n)},
		{Metric: "spawn", Unit: "ns/actor", Value: float64(took.Nanoseconds()) / float64(n)},
	}, nil
}

func resident() (int64, error) {
	debug.FreeOSMemory()
	return child.RSS(os.Getpid())
}

// fairness measures calls to one actor beside another one that eight goroutines
// flood, and without that.
func fairness(s System, d time.Duration) ([]report.Sample, error) {
	call, err := s.Echo()
	if err != nil {
		return nil, err
	}
	t := NewTally()
	send, err := s.Sink(t)
	if err != nil {
		return nil, err
	}
	p99 := func(d time.Duration) (float64, error) {
		var took []time.Duration
		for end := time.Now().Add(d); time.Now().Before(end) || len(took) < 100; {
			start := time.Now()
			if _, err := call(1); err != nil {
				return 0, err
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return float64(took[len(took)*99/100].Nanoseconds()) / 1e3, nil
	}
	if _, err := p99(d / 4); err != nil { // warm-up
		return nil, err
	}
	quiet, err := p99(d)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	var flood sync.WaitGroup
	flood.Go(func() {
		// In rounds, so that an inbox without a limit does not take all memory.
		const producers, each = 8, 2000
		for ctx.Err() == nil {
			t.Expect(producers * each)
			for range producers {
				flood.Go(func() {
					for i := range each {
						send(int64(i))
					}
				})
			}
			t.Wait()
		}
	})
	flooded, err := p99(d)
	stop()
	flood.Wait()
	if err != nil {
		return nil, err
	}
	return []report.Sample{
		{Metric: "p99 of a call, quiet", Unit: "µs", Value: quiet},
		{Metric: "p99 of a call, beside a flood", Unit: "µs", Value: flooded},
		{Metric: "p99 beside a flood", Unit: "× quiet", Value: flooded / quiet},
	}, nil
}
