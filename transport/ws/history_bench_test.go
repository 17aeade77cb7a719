package ws

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// sink is a transport to a client that takes all, and says when it has been answered.
type sink struct {
	seat     seat
	answered chan struct{}
	first    bool
	came     time.Time // when it was
}

func (s *sink) name() string  { return "sink" }
func (s *sink) attach(*line)  {}
func (s *sink) handled(int64) {}
func (s *sink) cut()          {}
func (s *sink) send(frame.Sealed) {
	if !s.first {
		s.first, s.came = true, time.Now()
		close(s.answered)
	}
}
func (s *sink) closeWith(websocket.StatusCode, string) {}
func (s *sink) state() transportState                  { return transportState{} }
func (s *sink) Release(actor.PID, error)               { s.seat.leave() }

// recording returns an endpoint, with clients on the topic room:a, whose route has that history.
func recording(t testing.TB, h *History, clients int, ser wire.Serializer) *Endpoint {
	e := started(t, h, 0)
	join := `["1","1","room:a","phx_join",{"since":null}]`
	if ser == (wire.V1{}) {
		join = `{"topic":"room:a","event":"phx_join","ref":"1","payload":{"since":null}}`
	}
	for range clients {
		seat, _ := e.admit(&e.mounts[0], peer{})
		s := &sink{seat: seat, answered: make(chan struct{})}
		session := newSession(e, &e.mounts[0], s, Identity{}, ser)
		if !seat.start(session) {
			t.Fatal("not started")
		}
		session.ctx.Self().Send(sessionMsg{op: opFrame, data: []byte(join)})
		<-s.answered
	}
	return e
}

// started starts an endpoint with a recorded topic and no client.
func started(t testing.TB, h *History, linger time.Duration) *Endpoint {
	rooms := Topic("room:*", func() mute { return mute{} }, nil)
	rooms.History, rooms.Linger = h, linger
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{rooms}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Shutdown(context.Background()), sys.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return e
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// The time of a broadcast that is recorded as a ratio to that of one which is not, with clients
// that take each frame at once: what the broadcaster does, without a system call for each
// client. Rounds of the two take turns, and the ratio is that of their medians.
//
//	go test -run '^$' -bench 'RecordedBroadcastRatio' ./transport/ws
func BenchmarkRecordedBroadcastRatio(b *testing.B) {
	text := map[string]string{"body": strings.Repeat("x", 200)}
	bytes := Binary([]byte(text["body"]))
	for _, test := range []struct {
		name       string
		clients    int
		publishers int
		ser        wire.Serializer
		payload    any
	}{
		{"1", 1, 1, wire.V2{}, text},
		{"100", 100, 1, wire.V2{}, text},
		{"1000", 1000, 1, wire.V2{}, text},
		{"1000/publishers=4", 1000, 4, wire.V2{}, text},
		{"1/only=binary", 1, 1, wire.V2{}, bytes},
		{"1000/version=1", 1000, 1, wire.V1{}, text},
		{"1000/binary", 1000, 1, wire.V2{}, bytes},
	} {
		b.Run(test.name, func(b *testing.B) {
			var took [2][]float64
			var ends [2]*Endpoint
			for i, h := range []*History{nil, {}} {
				ends[i] = recording(b, h, test.clients, test.ser)
			}
			each := max(20, 2000/test.clients) // broadcasts of a publisher in a round, whose stack grows in the first
			for b.Loop() {
				for i, e := range ends {
					began := time.Now()
					var publishing sync.WaitGroup
					for range test.publishers {
						publishing.Go(func() {
							for range each {
								e.Broadcast("room:a", "news", test.payload)
							}
						})
					}
					publishing.Wait()
					took[i] = append(took[i], float64(time.Since(began).Nanoseconds())/float64(each*test.publishers))
				}
			}
			plain, recorded := median(took[0]), median(took[1])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(plain, "ns-unrecorded")
			b.ReportMetric(recorded, "ns-recorded")
			b.ReportMetric(recorded/plain, "ratio")
		})
	}
}

// A log takes Size messages and what it says for each, however many there were, and no frames.
func TestALogTakesWhatItKeeps(t *testing.T) {
	for _, size := range []int{500, 16, 100, 4 << 10, 64 << 10}[:long.Rounds(1, 5)] {
		h, err := (History{Size: 500, MaxBytes: 1 << 30}).withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		logs := max(1, 4096/size)
		all := make([]*historyLog, logs)
		before := liveHeap()
		for i := range all {
			all[i] = newHistoryLog(h)
			for range 3 * h.Size {
				all[i].append(&wire.Message{Topic: "room:a", Event: "news", Payload: RawJSON(make([]byte, size))}, "", 0)
			}
		}
		took := int(liveHeap()-before) / (logs * h.Size)
		m := all[0].message(all[0].entries.at(0))
		m.Topic = "room:a"
		f, err := (&encoding{Serializer: wire.V2{}}).encode(m)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("payload %d, frame %d: %d bytes for a message", size, f.Len(), took)
		if most := size + entryOverhead; took > most || all[0].count != h.Size {
			t.Errorf("%d bytes for each of %d messages of %d, want at most %d", took, all[0].count, size, most)
		}
		runtime.KeepAlive(all)
	}
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
