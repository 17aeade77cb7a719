package ws

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// What 10,000 clients wait for the answer to their join if all of them come back at once, each
// having missed ten messages: on a topic that is not recorded, on one that is, and on one with a
// Store, at a node that has not read it yet. Connections are in memory and take all at once, and
// the three take turns. reads is of the store, for all 10,000.
//
//	go test -run '^$' -bench JoinsAtOnce -benchtime 10x ./transport/ws
func BenchmarkJoinsAtOnce(b *testing.B) {
	const missed = 10
	store := new(historytest.Store)
	writer := recording(b, &History{Store: store}, 0, wire.V2{})
	say := func(e *Endpoint) Position {
		for range missed {
			if err := e.Broadcast("room:a", "n", nil); err != nil {
				b.Fatal(err)
			}
		}
		log, err := e.Recorded(b.Context(), "room:a", Position{}, 1)
		if err != nil {
			b.Fatal(err)
		}
		return log.From
	}
	stored := say(writer)
	var p99 [3][]float64
	reads := 0
	for b.Loop() {
		p99[0] = append(p99[0], joinsAtOnce(b, recording(b, nil, 0, wire.V2{}), Position{}))
		e := recording(b, &History{}, 1, wire.V2{})
		p99[1] = append(p99[1], joinsAtOnce(b, e, say(e)))
		before := store.Reads("room:a")
		p99[2] = append(p99[2], joinsAtOnce(b, recording(b, &History{Store: store}, 0, wire.V2{}), stored))
		reads += store.Reads("room:a") - before
	}
	plain := median(p99[0])
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(plain, "ms-p99-unrecorded")
	b.ReportMetric(median(p99[1])/plain, "ratio-recorded")
	b.ReportMetric(median(p99[2])/plain, "ratio-stored")
	b.ReportMetric(float64(reads)/float64(len(p99[2])), "reads")
}

// joinsAtOnce returns the 99th percentile of what 10,000 joins wait, in milliseconds.
func joinsAtOnce(b *testing.B, e *Endpoint, since Position) float64 {
	const clients = 10_000
	sinks := make([]*sink, clients)
	sessions := make([]*session, clients)
	for i := range sinks {
		seat, _ := e.admit(&e.mounts[0], peer{})
		sinks[i] = &sink{seat: seat, answered: make(chan struct{})}
		sessions[i] = newSession(e, &e.mounts[0], sinks[i], Identity{}, wire.V2{})
		if !seat.start(sessions[i]) {
			b.Fatal("not started")
		}
	}
	join := fmt.Appendf(nil, `["1","1","room:a","phx_join",{"since":%q}]`, since)
	began := make([]time.Time, clients)
	for i, s := range sessions {
		began[i] = time.Now()
		s.ctx.Self().Send(sessionMsg{op: opFrame, data: join})
	}
	waits := make([]time.Duration, clients)
	for i, s := range sinks {
		<-s.answered
		waits[i] = s.came.Sub(began[i])
	}
	n := 0
	for c := range e.channelsOn("room:a") {
		if r, named := c.Recovery(); named && (!r.Complete || r.Missed == 0) {
			b.Fatalf("%+v", r)
		}
		n++
	}
	if n < clients {
		b.Fatalf("%d have joined", n)
	}
	for _, s := range sessions {
		s.ctx.Self().PID().Exit(actor.Shutdown)
	}
	slices.Sort(waits)
	return float64(waits[clients*99/100].Microseconds()) / 1000
}
