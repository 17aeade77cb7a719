// Package scale is the suite that shows how the cost of Troupe grows with the
// number of things: each figure is for one of them, so that a flat line means
// growth in proportion, and a line that rises something worse.
package scale

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/docs/bench/report"
	"github.com/troupe-go/troupe/registry"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// A series is measured at each of its sizes.
type series struct {
	name    string
	sizes   []int
	measure func(*bench) ([]report.Sample, error)
}

func decades(from, to int) (sizes []int) {
	for n := from; n <= to; n *= 10 {
		sizes = append(sizes, n)
	}
	return sizes
}

var all = []series{
	{"actors", decades(1000, 1_000_000), actors},
	{"monitors of one actor", decades(10, 100_000), monitors},
	{"subscribers of a topic", decades(100, 100_000), subscribers},
	{"registry keys", decades(1000, 1_000_000), registryKeys},
	{"group members", decades(100, 100_000), groupMembers},
	{"children of a static supervisor", decades(10, 10_000), staticChildren},
	{"children of a dynamic supervisor", decades(10, 100_000), dynamicChildren},
}

// bench is what a measurement works with. A step that fails ends it, by a panic
// with the error, which Run recovers.
type bench struct {
	n    int           // how many of them
	work time.Duration // how long a step is repeated, at least
	sys  *actor.System
}

type failure struct{ error }

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(failure{err})
	}
}

// run makes one measurement.
func (s series) run(n int, work time.Duration) (samples []report.Sample, err error) {
	b := &bench{n: n, work: work, sys: actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})}
	defer func() {
		if f, ok := recover().(failure); ok {
			err = f.error
		}
		b.sys.Shutdown(context.Background())
	}()
	return s.measure(b)
}

// each returns what one of n takes when f does all of them, once.
func (b *bench) each(metric string, f func()) report.Sample {
	runtime.GC()
	start := time.Now()
	f()
	return report.Sample{Metric: metric, Unit: "ns", Value: float64(time.Since(start).Nanoseconds()) / float64(b.n)}
}

// repeat returns what one operation takes when f does per of them, again and again.
func (b *bench) repeat(metric string, per int, f func()) report.Sample {
	f() // the warm-up
	runtime.GC()
	rounds, start := 0, time.Now()
	for time.Since(start) < b.work || rounds == 0 {
		f()
		rounds++
	}
	return report.Sample{Metric: metric, Unit: "ns", Value: float64(time.Since(start).Nanoseconds()) / float64(rounds*per)}
}

// heap returns the bytes that are in use, once garbage is collected.
func heap() float64 {
	runtime.GC()
	runtime.GC() // what pools hold goes with the second one
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc + m.StackInuse)
}

func (b *bench) bytes(metric string, before float64) report.Sample {
	return report.Sample{Metric: metric, Unit: "B", Value: (heap() - before) / float64(b.n)}
}

// shuffled returns the numbers below n in an order that the processor cannot
// guess, the same each time.
func shuffled(n int) []int { return rand.New(rand.NewPCG(1, 2)).Perm(n) }

// spawn starts n actors that call handled for each message.
func (b *bench) spawn(n int, handled func()) []actor.Ref[int] {
	refs := make([]actor.Ref[int], n)
	behavior := actor.Func(func(*actor.Context[int], int) error { handled(); return nil })
	for i := range refs {
		refs[i] = must(actor.Spawn(b.sys, behavior))
	}
	return refs
}

func nothing() {}

func actors(b *bench) ([]report.Sample, error) {
	var waiting sync.WaitGroup
	var refs []actor.Ref[int]
	before := heap()
	spawn := b.each("spawn", func() { refs = b.spawn(b.n, waiting.Done) })
	bytes := b.bytes("an idle actor", before)
	order := shuffled(b.n)
	send := b.repeat("send to one after another", b.n, func() {
		waiting.Add(b.n)
		for _, i := range order {
			refs[i].Send(1)
		}
		waiting.Wait()
	})
	// The same number of messages for all sizes: what a large population costs
	// those few that work.
	const few = 1000
	busy := b.repeat("send to 1,000 of them", few, func() {
		waiting.Add(few)
		for _, i := range order[:few] {
			refs[i].Send(1)
		}
		waiting.Wait()
	})
	stop := b.each("stop", func() {
		for _, r := range refs {
			r.PID().Exit(actor.Shutdown)
		}
		for _, r := range refs {
			<-r.PID().Done()
		}
	})
	return []report.Sample{spawn, bytes, send, busy, stop}, nil
}

// watcher tells when it gets a Down.
type watcher struct {
	target actor.PID
	down   func()
}

func (w watcher) Init(ctx *actor.Context[int]) error {
	ctx.Monitor(w.target)
	return nil
}

func (watcher) Receive(*actor.Context[int], int) error { return nil }

func (w watcher) HandleDown(*actor.Context[int], actor.Down) error {
	w.down()
	return nil
}

func monitors(b *bench) ([]report.Sample, error) {
	var waiting sync.WaitGroup
	waiting.Add(b.n)
	target := b.spawn(1, nothing)[0].PID()
	set := b.each("spawn and monitor", func() {
		for range b.n {
			must(actor.Spawn(b.sys, func() watcher { return watcher{target, waiting.Done} }))
		}
	})
	down := b.each("its end, for each Down", func() {
		target.Exit(actor.Kill)
		waiting.Wait()
	})
	return []report.Sample{set, down}, nil
}

func subscribers(b *bench) ([]report.Sample, error) {
	var waiting sync.WaitGroup
	refs := b.spawn(b.n, waiting.Done)
	var ps pubsub.PubSub[int]
	before := heap()
	subscribe := b.each("subscribe", func() {
		for _, r := range refs {
			check(ps.Subscribe(r.PID(), "topic", pubsub.To(r, func(_ string, m int) int { return m })))
		}
	})
	bytes := b.bytes("a subscription", before)
	broadcast := b.repeat("broadcast, until each has handled it", b.n, func() {
		waiting.Add(b.n)
		check(ps.Broadcast("topic", 1))
		waiting.Wait()
	})
	unsubscribe := b.each("unsubscribe", func() {
		for _, r := range refs {
			ps.Unsubscribe(r.PID(), "topic")
		}
	})
	return []report.Sample{subscribe, bytes, broadcast, unsubscribe}, nil
}

func registryKeys(b *bench) ([]report.Sample, error) {
	var r registry.Registry[string]
	pid := b.spawn(1, nothing)[0].PID()
	keys := make([]string, b.n)
	for i := range keys {
		keys[i] = "user:" + strconv.Itoa(i)
	}
	before := heap()
	register := b.each("register", func() {
		for _, k := range keys {
			check(r.Register(k, pid))
		}
	})
	bytes := b.bytes("a key", before)
	order := shuffled(b.n)[:min(b.n, 100_000)]
	lookup := b.repeat("look up", len(order), func() {
		for _, i := range order {
			if _, ok := r.WhereIs(keys[i]); !ok {
				check(fmt.Errorf("no %s", keys[i]))
			}
		}
	})
	unregister := b.each("unregister", func() {
		for _, k := range keys {
			r.Unregister(k, pid)
		}
	})
	// What the memory of the machine alone makes of so many keys.
	var control sync.Map
	for _, k := range keys {
		control.Store(k, &pid)
	}
	plain := b.repeat("look up in a sync.Map", len(order), func() {
		for _, i := range order {
			if _, ok := control.Load(keys[i]); !ok {
				check(fmt.Errorf("no %s", keys[i]))
			}
		}
	})
	return []report.Sample{register, bytes, lookup, plain, unregister}, nil
}
