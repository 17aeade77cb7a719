package task_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/actor/task"
)

func one(context.Context) (int, error) { return 1, nil }

// A task, next to the goroutine and channel that it replaces.
func BenchmarkAwait(b *testing.B) {
	sys := actortest.NewSystem(b)
	b.Run("goroutine and channel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c := make(chan int, 1)
			go func() {
				v, _ := one(b.Context())
				c <- v
			}()
			<-c
		}
	})
	b.Run("goroutine, channel and cancel", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			ctx, cancel := context.WithCancel(b.Context())
			c := make(chan int, 1)
			go func() {
				v, _ := one(ctx)
				c <- v
			}()
			<-c
			cancel()
		}
	})
	b.Run("Go", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := task.Go(b.Context(), sys, one).Await(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
	for name, async := range map[string]func(actor.Self, func(context.Context) (int, error)) *task.Task[int]{
		"Async": task.Async[int], "AsyncNoLink": task.AsyncNoLink[int],
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			in(b, spawn(b, sys), func(ctx *doContext) {
				for b.Loop() {
					if _, err := async(ctx, one).Await(ctx); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

// A stream of a thousand items, next to a pool of goroutines that reads from a
// channel. An op is one item.
func BenchmarkStream(b *testing.B) {
	sys := actortest.NewSystem(b)
	items := slices.Repeat([]int{1}, 1000)
	for _, work := range []struct {
		name string
		n    int
	}{{"no work", 0}, {"10 µs", 10_000}} {
		f := func(_ context.Context, x int) (int, error) {
			for range work.n {
				x = x*31 + 7
			}
			return x, nil
		}
		b.Run(work.name+"/goroutines and channels", func(b *testing.B) {
			b.ReportAllocs()
			for range max(1, b.N/len(items)) {
				in, out := make(chan int), make(chan int, runtime.GOMAXPROCS(0))
				var wg sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					wg.Go(func() {
						for x := range in {
							v, _ := f(b.Context(), x)
							out <- v
						}
					})
				}
				go func() {
					for _, x := range items {
						in <- x
					}
					close(in)
					wg.Wait()
					close(out)
				}()
				for range out {
				}
			}
		})
		for _, unordered := range []bool{false, true} {
			name := map[bool]string{false: "/ordered", true: "/unordered"}[unordered]
			b.Run(work.name+name, func(b *testing.B) {
				b.ReportAllocs()
				for range max(1, b.N/len(items)) {
					for _, err := range task.Stream(b.Context(), sys, slices.Values(items), f, task.StreamConfig{Unordered: unordered}) {
						if err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
