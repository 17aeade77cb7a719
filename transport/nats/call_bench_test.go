//go:build unix

package nats

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// A name that the node knows is found without NATS.
func BenchmarkLookup(b *testing.B) {
	_, here, there := pair(b, NamesConfig{})
	there.worker(b, "x")
	here.find(b, "x")
	for here.leases.mirror.owner(keyOf("x")) == nil { // until its feed has told
		here.find(b, "x")
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := here.Lookup(b.Context(), "x"); err != nil {
			b.Fatal(err)
		}
	}
}

// What a call to another node takes, as a ratio to a bare request over NATS, in one run: rounds
// of the two take turns, so that whatever else the machine does befalls both.
//
//	go test -run '^$' -bench CallRatio -benchtime 100x .
func BenchmarkCallRatio(b *testing.B) {
	_, here, there := pair(b, NamesConfig{})
	ref, err := actor.Spawn(there.sys, func() actor.Behavior[order] {
		return actor.BehaviorFunc[order](func(_ *actor.Context[order], o order) error {
			o.reply.Send(o.do)
			return nil
		})
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := there.Register(b.Context(), "x", ref); err != nil {
		b.Fatal(err)
	}
	if _, err := there.conn.Subscribe("bare", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		b.Fatal(err)
	}
	if err := there.conn.Flush(); err != nil {
		b.Fatal(err)
	}
	guarded := do // its codecs are users' code
	guarded.Name, guarded.Requests, guarded.Responses = "guarded", ownJSON{}, ownJSON{}
	if err := there.Serve(guarded); err != nil {
		b.Fatal(err)
	}
	to, data := here.find(b, "x"), []byte(`"hello"`)
	bare := func() error {
		_, err := here.conn.Request("bare", data, time.Minute)
		return err
	}
	for _, m := range []Method[order, string, string]{do, guarded} {
		b.Run(m.Name, func(b *testing.B) {
			compare(b, func() error {
				_, err := m.Call(b.Context(), to, "hello")
				return err
			}, bare)
		})
	}
}

// ownJSON is a codec of a program's own.
type ownJSON struct{ pubsub.JSON[string] }

// compare reports what one takes as a ratio to what the other takes.
func compare(b *testing.B, one, other func() error) {
	const round = 100
	var ones, others []time.Duration
	var cpuOnes, cpuOthers time.Duration
	do := func(f func() error, all *[]time.Duration, cpu *time.Duration) {
		begun := processorTime(b)
		for range round {
			began := time.Now()
			if err := f(); err != nil {
				b.Fatal(err)
			}
			*all = append(*all, time.Since(began))
		}
		*cpu += processorTime(b) - begun
	}
	for i := range b.N {
		if i%2 == 0 {
			do(one, &ones, &cpuOnes)
			do(other, &others, &cpuOthers)
		} else {
			do(other, &others, &cpuOthers)
			do(one, &ones, &cpuOnes)
		}
	}
	slices.Sort(ones)
	slices.Sort(others)
	at := func(list []time.Duration, percent int) float64 { return float64(list[len(list)*percent/100]) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(at(others, 50), "p50-bare-ns")
	b.ReportMetric(at(ones, 50)/at(others, 50), "p50-ratio")
	b.ReportMetric(at(ones, 99)/at(others, 99), "p99-ratio")
	b.ReportMetric(float64(cpuOnes)/float64(cpuOthers), "cpu-ratio")
	b.ReportMetric(float64(cpuOthers)/float64(len(others)), "cpu-bare-ns")
}

// processorTime returns what the program has had of the processors.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
