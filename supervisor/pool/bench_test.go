package pool_test

import (
	"context"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/mailbox"
	"github.com/troupe-go/troupe/supervisor/pool"
)

// counter counts down what it handles.
type counter struct{ left *sync.WaitGroup }

func (c *counter) Receive(_ *actor.Context[int], _ int) error {
	c.left.Done()
	return nil
}

const benchWorkers = 4

// A job through a pool, beside one through a channel to goroutines that do the same, and
// beside one through a pool whose queue makes the sender wait, as the channel does.
func BenchmarkJob(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		var left, workers sync.WaitGroup
		left.Add(b.N)
		jobs := make(chan int, 1024)
		for range benchWorkers {
			workers.Go(func() {
				for range jobs {
					left.Done()
				}
			})
		}
		b.ResetTimer()
		for i := range b.N {
			jobs <- i
		}
		left.Wait()
		close(jobs)
		workers.Wait()
	})
	for name, limit := range map[string]mailbox.Limit{
		"pool": mailbox.Unbounded, "pool of 1024": mailbox.Bounded(1024, mailbox.Block),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var left sync.WaitGroup
			left.Add(b.N)
			p := startPool(b, limit, &left)
			b.ResetTimer()
			for i := range b.N {
				p.Send(i)
			}
			left.Wait()
		})
	}
}

func startPool(b *testing.B, limit mailbox.Limit, left *sync.WaitGroup) *pool.Pool[int] {
	sys := quietSystem()
	b.Cleanup(func() { sys.Shutdown(context.Background()) })
	p := pool.New(pool.Config{Min: benchWorkers, Queue: limit}, func() *counter { return &counter{left} })
	if _, err := p.Start(sys); err != nil {
		b.Fatal(err)
	}
	return p
}

// A call of a pool, beside one of a single actor.
func BenchmarkCall(b *testing.B) {
	answer := actor.Func(func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
		r.Send(1)
		return nil
	})
	request := func(r actor.Reply[int]) actor.Reply[int] { return r }
	ctx := context.Background()
	b.Run("actor", func(b *testing.B) {
		b.ReportAllocs()
		sys := quietSystem()
		defer sys.Shutdown(ctx)
		ref, err := actor.Spawn(sys, answer)
		if err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := actor.Call(ctx, ref, request); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("pool", func(b *testing.B) {
		b.ReportAllocs()
		sys := quietSystem()
		defer sys.Shutdown(ctx)
		p := pool.New(pool.Config{Min: benchWorkers}, answer)
		if _, err := p.Start(sys); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			if _, err := pool.Call(ctx, p, request); err != nil {
				b.Fatal(err)
			}
		}
	})
}
