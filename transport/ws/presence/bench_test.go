package presence_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// seen is a meta as sites have it.
type seen struct {
	OnlineAt int64 `json:"online_at"`
}

// crowd returns n actors, spread over some topics.
func crowd(b testing.TB, sys *actor.System, n, topics int) []presence.Owner {
	b.Helper()
	owners := make([]presence.Owner, n)
	for i := range owners {
		ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
		if err != nil {
			b.Fatal(err)
		}
		owners[i] = presence.Actor(ref.PID(), fmt.Sprint("room:", i%topics))
	}
	return owners
}

// enter tracks them.
func enter(b testing.TB, who *presence.Tracker, owners []presence.Owner) {
	b.Helper()
	for i, o := range owners {
		if _, err := who.Track(o, fmt.Sprint("user:", i), seen{1_800_000_000}); err != nil {
			b.Fatal(err)
		}
	}
}

// One op is a presence that comes and goes, in a topic with so many others.
func BenchmarkTrackUntrack(b *testing.B) {
	for _, others := range []int{0, 10_000} {
		b.Run(fmt.Sprint("others=", others), func(b *testing.B) {
			sys := actortest.NewSystem(b)
			who, err := presence.Start(sys, presence.Config{})
			if err != nil {
				b.Fatal(err)
			}
			owners := crowd(b, sys, others+1, 1)
			enter(b, who, owners[1:])
			b.ReportAllocs()
			for b.Loop() {
				if _, err := who.Track(owners[0], "user:0", seen{1_800_000_000}); err != nil {
					b.Fatal(err)
				}
				who.Untrack(owners[0], "user:0")
			}
		})
	}
}

// One op is a presence that comes, changes and goes, of a thousand or of ten thousand
// that have something in common: they must cost the same.
func BenchmarkHorde(b *testing.B) {
	for _, h := range hordes {
		for _, n := range []int{1000, 10_000} {
			b.Run(fmt.Sprintf("%s/n=%d", h.name, n), func(b *testing.B) {
				sys := actortest.NewSystem(b)
				who, err := presence.Start(sys, presence.Config{})
				if err != nil {
					b.Fatal(err)
				}
				owners := crowd(b, sys, h.owners(n), h.topics)
				b.ReportAllocs()
				for i := 0; i < b.N; i += n {
					pass(b, who, owners, n, h.key, h.topic)
				}
			})
		}
	}
}

// One op is a client that joins a topic with 10,000 others, tracks itself, gets the
// whole list, and leaves: over loopback, with a peer that reads and does not decode.
func BenchmarkJoinOf10000(b *testing.B) {
	ctx := b.Context()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		b.Fatal(err)
	}
	enter(b, who, crowd(b, sys, 10_000, 1))
	endpoint, err := ws.Start(sys, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path:     "/socket",
		MaxQueue: 64 << 20,
		Channels: ws.Routes{ws.Topic("room:*", func() *room { return &room{who: who} }, nil)},
		Connect:  func(*ws.Request) (ws.Identity, error) { return ws.Identity{Assigns: "ann"}, nil },
	}}})
	if err != nil {
		b.Fatal(err)
	}
	defer endpoint.Shutdown(context.Background())
	server := httptest.NewServer(endpoint)
	defer server.Close()
	c, _, err := websocket.Dial(ctx, server.URL+"/socket/websocket?vsn=2.0.0", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer c.CloseNow()
	c.SetReadLimit(64 << 20)
	size := 0
	until := func(event string) {
		for {
			_, data, err := c.Read(ctx)
			if err != nil {
				b.Fatal(err)
			}
			if bytes.Contains(data[:min(len(data), 80)], []byte(event)) {
				size = len(data)
				return
			}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		c.Write(ctx, websocket.MessageText, []byte(`["1","1","room:0","phx_join",{}]`))
		until("presence_state")
		b.ReportMetric(float64(size), "B/state")
		c.Write(ctx, websocket.MessageText, []byte(`["1","2","room:0","phx_leave",{}]`))
		until("phx_close")
	}
}

// An op is nothing; the figures are what a presence takes on its own node, beside its
// actor, and on another.
func BenchmarkMemory(b *testing.B) {
	for _, topics := range []int{1, 1000, 100_000} {
		b.Run(fmt.Sprint("topics=", topics), func(b *testing.B) {
			const n = 100_000
			sys := actortest.NewSystem(b)
			var hub pubsub.Hub
			start := func(name string) *presence.Tracker {
				cluster := pubsub.NewCluster(hub.Node(name))
				run(b, sys, cluster)
				who, err := presence.Start(sys, presence.Config{
					Cluster:         cluster,
					BroadcastPeriod: 100 * time.Millisecond,
				})
				if err != nil {
					b.Fatal(err)
				}
				return who
			}
			here := start("here")
			owners := crowd(b, sys, n, topics)
			before := heap()
			enter(b, here, owners)
			near := heap() - before
			there := start("there")
			for i := range topics { // the other node has been told of all
				for len(must(there.List(b.Context(), fmt.Sprint("room:", i)))) < n/topics {
					time.Sleep(10 * time.Millisecond)
				}
			}
			time.Sleep(time.Second) // and of all members, by itself
			far := heap() - before - near
			for b.Loop() {
			}
			b.ReportMetric(float64(near)/n, "B/own")
			b.ReportMetric(float64(far)/n, "B/other")
			runtime.KeepAlive(owners)
		})
	}
}

func heap() int64 {
	var m runtime.MemStats
	for range 3 {
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
