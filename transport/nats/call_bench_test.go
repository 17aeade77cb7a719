package nats

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
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

// The ratio of a call to another node and a bare request over NATS, in the same run.
func BenchmarkCallBesideARequest(b *testing.B) {
	_, here, there := pair(b, NamesConfig{})
	ref, got := there.worker(b, "x")
	go func() {
		for {
			select {
			case <-got:
			case <-ref.PID().Done():
				return
			}
		}
	}()
	x := here.find(b, "x")
	if _, err := there.conn.Subscribe("bare", func(m *nats.Msg) { _ = m.Respond(m.Data) }); err != nil {
		b.Fatal(err)
	}
	if err := there.conn.Flush(); err != nil {
		b.Fatal(err)
	}
	var calls, bare time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := do.Call(b.Context(), x, "say hello"); err != nil {
			b.Fatal(err)
		}
		between := time.Now()
		if _, err := here.conn.Request("bare", []byte(`"say hello"`), time.Minute); err != nil {
			b.Fatal(err)
		}
		calls += between.Sub(began)
		bare += time.Since(between)
	}
	b.ReportMetric(float64(calls)/float64(bare), "calls/request")
	b.ReportMetric(float64(calls)/float64(b.N), "ns/call")
}
