package actor_test

import (
	"context"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor"
)

// The workloads come in pairs, the same work on a raw channel and on actors, so
// that one run gives their ratio: go test -bench . -run '^$' ./actor

type payload struct{ n, m int64 }

func spawnFunc[M any](tb testing.TB, sys *actor.System, f actor.BehaviorFunc[M], opts ...actor.Option) actor.Ref[M] {
	tb.Helper()
	ref, err := actor.Spawn(sys, actor.Func(f), opts...)
	if err != nil {
		tb.Fatal(err)
	}
	return ref
}

// counting returns an actor that closes done after n messages.
func counting(tb testing.TB, sys *actor.System, n int) (ref actor.Ref[payload], done chan struct{}) {
	done = make(chan struct{})
	seen := 0
	return spawnFunc(tb, sys, func(*actor.Context[payload], payload) error {
		if seen++; seen == n {
			close(done)
		}
		return nil
	}), done
}

func BenchmarkSend(b *testing.B) {
	for _, producers := range []int{1, 8} {
		name := map[int]string{1: "1to1", 8: "8to1"}[producers]
		each := func(n int, send func(payload)) {
			var wg sync.WaitGroup
			for p := range producers {
				share := n / producers
				if p == 0 {
					share += n % producers
				}
				wg.Go(func() {
					for i := range share {
						send(payload{int64(i), 0})
					}
				})
			}
			wg.Wait()
		}
		b.Run(name+"/channel", func(b *testing.B) {
			b.ReportAllocs()
			ch, done := make(chan payload, 1024), make(chan struct{})
			go func() {
				for range b.N {
					<-ch
				}
				close(done)
			}()
			each(b.N, func(p payload) { ch <- p })
			<-done
		})
		b.Run(name+"/actor", func(b *testing.B) {
			sys := newSystem(b)
			ref, done := counting(b, sys, b.N)
			b.ReportAllocs()
			b.ResetTimer()
			each(b.N, ref.Send)
			<-done
		})
	}
}

func BenchmarkPingPong(b *testing.B) {
	b.Run("channel", func(b *testing.B) {
		b.ReportAllocs()
		ping, pong := make(chan payload), make(chan payload)
		go func() {
			for m := range ping {
				pong <- m
			}
			close(pong)
		}()
		for i := range b.N {
			ping <- payload{int64(i), 0}
			<-pong
		}
		close(ping)
	})
	b.Run("actor", func(b *testing.B) {
		type ball struct {
			from actor.Ref[payload]
			n    int64
		}
		sys := newSystem(b)
		done := make(chan struct{})
		pong := spawnFunc(b, sys, func(_ *actor.Context[ball], m ball) error {
			m.from.Send(payload{m.n, 0})
			return nil
		})
		n := int64(b.N)
		ping := spawnFunc(b, sys, func(ctx *actor.Context[payload], m payload) error {
			if m.n == n {
				close(done)
				return nil
			}
			pong.Send(ball{ctx.Self(), m.n + 1})
			return nil
		})
		b.ReportAllocs()
		b.ResetTimer()
		ping.Send(payload{})
		<-done
	})
}

func BenchmarkCall(b *testing.B) {
	type get struct {
		n     int64
		reply actor.Reply[int64]
	}
	b.Run("channel", func(b *testing.B) {
		type request struct {
			n     int64
			reply chan int64
		}
		b.ReportAllocs()
		ch, reply := make(chan request, 64), make(chan int64, 1)
		go func() {
			for r := range ch {
				r.reply <- r.n
			}
		}()
		for i := range b.N {
			ch <- request{int64(i), reply}
			<-reply
		}
		close(ch)
	})
	server := func(_ *actor.Context[get], m get) error {
		m.reply.Send(m.n)
		return nil
	}
	run := func(b *testing.B, ctx context.Context) {
		ref := spawnFunc(b, newSystem(b), server)
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			got, err := actor.Call(ctx, ref, func(r actor.Reply[int64]) get { return get{int64(i), r} })
			if err != nil || got != int64(i) {
				b.Fatal(got, err)
			}
		}
	}
	b.Run("actor", func(b *testing.B) { run(b, context.Background()) })
	b.Run("actor,cancellable", func(b *testing.B) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		run(b, ctx)
	})
}

func BenchmarkFanOut10k(b *testing.B) {
	const n = 10_000
	b.Run("channel", func(b *testing.B) {
		var wg sync.WaitGroup
		chans := make([]chan payload, n)
		for i := range chans {
			chans[i] = make(chan payload, 1)
			go func() {
				for range chans[i] {
					wg.Done()
				}
			}()
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := 0; i < b.N; i += n {
			wg.Add(n)
			for _, ch := range chans {
				ch <- payload{int64(i), 0}
			}
			wg.Wait()
		}
		b.StopTimer()
		for _, ch := range chans {
			close(ch)
		}
	})
	b.Run("actor", func(b *testing.B) {
		sys := newSystem(b)
		var wg sync.WaitGroup
		refs := make([]actor.Ref[payload], n)
		for i := range refs {
			refs[i] = spawnFunc(b, sys, func(*actor.Context[payload], payload) error {
				wg.Done()
				return nil
			})
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := 0; i < b.N; i += n {
			wg.Add(n)
			for _, r := range refs {
				r.Send(payload{int64(i), 0})
			}
			wg.Wait()
		}
	})
}

func BenchmarkRing1000(b *testing.B) {
	const n = 1000
	b.Run("channel", func(b *testing.B) {
		done := make(chan struct{})
		chans := make([]chan payload, n)
		for i := range chans {
			chans[i] = make(chan payload, 1)
		}
		for i := range chans {
			go func() {
				next := chans[(i+1)%n]
				for m := range chans[i] {
					if m.n == 0 {
						close(done)
						continue
					}
					m.n--
					next <- m
				}
			}()
		}
		b.ReportAllocs()
		b.ResetTimer()
		chans[0] <- payload{int64(b.N), 0}
		<-done
		b.StopTimer()
		for _, ch := range chans {
			close(ch)
		}
	})
	b.Run("actor", func(b *testing.B) {
		sys := newSystem(b)
		done := make(chan struct{})
		refs := make([]actor.Ref[payload], n)
		for i := range refs {
			refs[i] = spawnFunc(b, sys, func(_ *actor.Context[payload], m payload) error {
				if m.n == 0 {
					close(done)
					return nil
				}
				m.n--
				refs[(i+1)%n].Send(m)
				return nil
			})
		}
		b.ReportAllocs()
		b.ResetTimer()
		refs[0].Send(payload{int64(b.N), 0})
		<-done
	})
}

type idle struct{}

func (idle) Receive(*actor.Context[payload], payload) error { return nil }

type idleWithInit struct{ idle }

func (idleWithInit) Init(*actor.Context[payload]) error { return nil }

// BenchmarkSpawn spawns actors, or goroutines, which live on until there are many.
func BenchmarkSpawn(b *testing.B) {
	const population = 100_000
	b.Run("goroutine", func(b *testing.B) {
		b.ReportAllocs()
		for left := b.N; left > 0; left -= population {
			stop := make(chan struct{})
			var wg sync.WaitGroup
			for range min(left, population) {
				ch := make(chan payload, 1)
				wg.Go(func() {
					select {
					case <-ch:
					case <-stop:
					}
				})
			}
			b.StopTimer()
			close(stop)
			wg.Wait()
			b.StartTimer()
		}
	})
	for name, make := range map[string]func() actor.Behavior[payload]{
		"actor":      func() actor.Behavior[payload] { return idle{} },
		"actor+Init": func() actor.Behavior[payload] { return idleWithInit{} },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for left := b.N; left > 0; left -= population {
				b.StopTimer()
				sys := actor.NewSystem(actor.Config{})
				b.StartTimer()
				for range min(left, population) {
					if _, err := actor.Spawn(sys, make); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				if err := sys.Shutdown(context.Background()); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkAsk is what a request costs an actor that does not wait for the answer, and what the
// same takes by hand: a goroutine that waits and sends the answer.
func BenchmarkAsk(b *testing.B) {
	type round struct{ n int }
	run := func(b *testing.B, ask func(ctx *actor.Context[round], server actor.Ref[ask], n int)) {
		sys := newSystem(b)
		server, done, n := spawnFunc(b, sys, echo), make(chan struct{}), b.N
		asker := spawnFunc(b, sys, func(ctx *actor.Context[round], m round) error {
			if m.n == n {
				close(done)
				return nil
			}
			ask(ctx, server, m.n+1)
			return nil
		})
		b.ReportAllocs()
		b.ResetTimer()
		asker.Send(round{})
		<-done
	}
	b.Run("by hand", func(b *testing.B) {
		run(b, func(ctx *actor.Context[round], server actor.Ref[ask], n int) {
			self, p := ctx.Self(), actor.Ask(ctx, server, asking(n))
			ctx.Go(func(ctx context.Context) {
				if n, err := p.Wait(ctx); err == nil {
					self.Send(round{n})
				}
			})
		})
	})
	b.Run("AskTo", func(b *testing.B) {
		run(b, func(ctx *actor.Context[round], server actor.Ref[ask], n int) {
			actor.AskTo(ctx, server, asking(n), func(n int, _ error) round { return round{n} })
		})
	})
}
