package ws

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// sink is a transport to a client that takes all, and says when it has been answered.
type sink struct {
	seat     seat
	answered chan struct{}
	first    bool
}

func (s *sink) name() string  { return "sink" }
func (s *sink) attach(*line)  {}
func (s *sink) handled(int64) {}
func (s *sink) cut()          {}
func (s *sink) send(frame.Sealed) {
	if !s.first {
		s.first = true
		close(s.answered)
	}
}
func (s *sink) closeWith(websocket.StatusCode, string) {}
func (s *sink) state() transportState                  { return transportState{} }
func (s *sink) Release(actor.PID, error)               { s.seat.leave() }

// audience is an endpoint with clients on the topics "plain:a" and "room:a", of which the
// latter is recorded.
func audience(t testing.TB, h *History, clients int) *Endpoint {
	plain, kept := Topic("plain:*", func() mute { return mute{} }, nil), Topic("room:*", func() mute { return mute{} }, nil)
	kept.History = h
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{plain, kept}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(e.Shutdown(context.Background()), sys.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	for range clients {
		for _, topic := range []string{"plain:a", "room:a"} {
			seat, _ := e.admit(&e.mounts[0], peer{})
			s := &sink{seat: seat, answered: make(chan struct{})}
			session := newSession(e, &e.mounts[0], s, Identity{}, wire.V2{})
			if !seat.start(session) {
				t.Fatal("not started")
			}
			session.ctx.Self().Send(sessionMsg{op: opFrame, data: fmt.Appendf(nil, `["1","1",%q,"phx_join",{"since":null}]`, topic)})
			<-s.answered
		}
	}
	return e
}

// What recording adds to a broadcast.
func BenchmarkRecordedBroadcast(b *testing.B) {
	payload := map[string]string{"body": strings.Repeat("x", 200)}
	for _, clients := range []int{1, 100, 1000} {
		e := audience(b, &History{}, clients)
		for _, topic := range []string{"plain:a", "room:a"} {
			b.Run(fmt.Sprintf("%d/%s", clients, topic[:len(topic)-2]), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					e.Broadcast(topic, "news", payload)
				}
			})
		}
	}
}

// A log takes Size messages and what it says for each, however many there were, and no frames.
func TestALogTakesWhatItKeeps(t *testing.T) {
	h, err := (History{Size: 1000}).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	heap := func() int64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	const size, logs = 500, 4
	before := heap()
	all := make([]*historyLog, logs)
	for i := range all {
		all[i] = newHistoryLog(h)
		for range 3 * h.Size {
			all[i].append(&wire.Message{Topic: "room:a", Event: "news", Payload: RawJSON(make([]byte, size))}, "", 0)
		}
	}
	took := (heap() - before) / int64(logs*h.Size)
	t.Logf("%d bytes for a message of %d", took, size)
	if most := int64(size + entryOverhead); took > most || all[0].count != h.Size {
		t.Errorf("%d bytes for each of %d messages of %d, want at most %d", took, all[0].count, size, most)
	}
	runtime.KeepAlive(all)
}
