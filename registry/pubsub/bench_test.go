package pubsub_test

import (
	"fmt"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// go test -bench . -run '^$' ./registry/pubsub

func BenchmarkSubscribeUnsubscribe(b *testing.B) {
	for _, size := range []int{1, 100_000} { // counting the one that comes and goes
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			sys := newSystem(b)
			var ps pubsub.PubSub[string]
			in := new(inbox)
			for _, pid := range owners(b, sys, size-1) {
				subscribe(b, &ps, pid, "t", in)
			}
			owner := idle(b, sys)
			b.ReportAllocs()
			for b.Loop() {
				if err := ps.Subscribe(owner, "t", in); err != nil {
					b.Fatal(err)
				}
				ps.Unsubscribe(owner, "t")
			}
		})
	}
	b.Run("parallel", func(b *testing.B) {
		sys := newSystem(b)
		var ps pubsub.PubSub[string]
		in := new(inbox)
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			owner := idle(b, sys)
			topic := owner.String()
			for pb.Next() {
				if err := ps.Subscribe(owner, topic, in); err != nil {
					b.Fatal(err)
				}
				ps.Unsubscribe(owner, topic)
			}
		})
	})
}

// The subscribers do nothing: this is what the topics cost.
func BenchmarkBroadcast(b *testing.B) {
	for _, size := range []int{1, 1_000, 100_000} {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			sys := newSystem(b)
			var ps pubsub.PubSub[*string]
			for _, pid := range owners(b, sys, size) {
				if err := ps.Subscribe(pid, "t", nothing{}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			msg := new(string)
			for b.Loop() {
				ps.Broadcast("t", msg)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/subscriber")
		})
	}
	b.Run("parallel", func(b *testing.B) {
		sys := newSystem(b)
		var ps pubsub.PubSub[*string]
		b.ReportAllocs()
		b.ResetTimer() // only Loop leaves the rest out by itself
		b.RunParallel(func(pb *testing.PB) {
			owner := idle(b, sys)
			topic := fmt.Sprint("topic of ", owner)
			if err := ps.Subscribe(owner, topic, nothing{}); err != nil {
				b.Fatal(err)
			}
			msg := new(string)
			for pb.Next() {
				ps.Broadcast(topic, msg)
			}
		})
	})
}

// What a Subscribe waits at worst while broadcasts to 100,000 subscribers follow one
// another, on their topic and, to compare, on one that shares no lock with it. The
// collector is off, so that a Subscribe waits for the lock or for a processor.
func BenchmarkSubscribeDuringBroadcasts(b *testing.B) {
	const size = 100_000
	for _, test := range []struct {
		work  time.Duration // of each subscriber
		topic string
	}{{0, "t"}, {time.Microsecond, "t"}, {0, "u"}, {time.Microsecond, "u"}} {
		b.Run(fmt.Sprintf("work=%v/topic=%s", test.work, test.topic), func(b *testing.B) {
			sys := newSystem(b)
			var ps pubsub.PubSub[string]
			owner, newcomer := idle(b, sys), idle(b, sys)
			s := deliver(func(string, string) {
				for began := time.Now(); test.work > 0 && time.Since(began) < test.work; {
				}
			})
			for range size {
				subscribe(b, &ps, owner, "t", s)
			}
			defer debug.SetGCPercent(debug.SetGCPercent(-1))
			broadcasts := 0
			stop := make(chan struct{})
			var broadcasting sync.WaitGroup
			broadcasting.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						ps.Broadcast("t", "x")
						broadcasts++
					}
				}
			})
			var waits []time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				subscribe(b, &ps, newcomer, test.topic, s)
				waits = append(waits, time.Since(began))
				ps.Unsubscribe(newcomer, test.topic)
			}
			close(stop)
			broadcasting.Wait()
			slices.Sort(waits)
			b.ReportMetric(float64(broadcasts), "broadcasts")
			b.ReportMetric(float64(waits[len(waits)*999/1000].Nanoseconds()), "ns-99.9%")
			b.ReportMetric(float64(waits[len(waits)-1].Nanoseconds()), "ns-longest")
		})
	}
}

type nothing struct{}

func (nothing) Deliver(string, *string) {}

// To actors, until all have handled it.
func BenchmarkBroadcastToActors(b *testing.B) {
	const size = 1000
	sys := newSystem(b)
	var ps pubsub.PubSub[chan struct{}]
	for range size {
		ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[chan struct{}], handled chan struct{}) error {
			handled <- struct{}{}
			return nil
		}))
		if err != nil {
			b.Fatal(err)
		}
		s := pubsub.To(ref, func(_ string, handled chan struct{}) chan struct{} { return handled })
		if err := ps.Subscribe(ref.PID(), "t", s); err != nil {
			b.Fatal(err)
		}
	}
	handled := make(chan struct{}, size)
	b.ReportAllocs()
	for b.Loop() {
		ps.Broadcast("t", handled)
		for range size {
			<-handled
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/size, "ns/subscriber")
}
