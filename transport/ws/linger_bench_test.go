package ws

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A join, with the leave that makes room for the next one, and a push, on routes with a Linger, a
// History or both: the time and the objects as ratios to those on a route with neither. The client
// takes each frame at once, so that no system call and no network counts. Rounds of the two routes
// take turns, and the time is the median of the rounds.
//
//	go test -run '^$' -bench JoinAndPush ./transport/ws
func BenchmarkJoinAndPush(b *testing.B) {
	const each = 500 // of a round
	for _, route := range []struct {
		name    string
		history *History
		linger  time.Duration
		params  string
	}{
		{"history", &History{}, 0, `{"since":null}`},
		{"linger", nil, time.Minute, `{}`},
		{"linger/got", nil, time.Minute, `{"got":null}`}, // pushes are numbered, and kept
		{"both", &History{}, time.Minute, `{"since":null,"got":null}`},
	} {
		plain, other := startServed(b, nil, 0, `{}`), startServed(b, route.history, route.linger, route.params)
		for _, test := range []struct {
			what string
			do   func(*served, int) error
		}{{"join", (*served).join}, {"push", (*served).push}} {
			b.Run(test.what+"/"+route.name, func(b *testing.B) {
				b.ReportAllocs()
				var took, objects [2][]float64
				for b.Loop() {
					for i, s := range []*served{plain, other} {
						before, began := mallocs(), time.Now()
						if err := test.do(s, each); err != nil {
							b.Fatal(err)
						}
						took[i] = append(took[i], float64(time.Since(began).Nanoseconds())/each)
						objects[i] = append(objects[i], float64(mallocs()-before)/each)
					}
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(median(took[0]), "ns-without")
				b.ReportMetric(median(took[1])/median(took[0]), "ratio")
				b.ReportMetric(median(objects[0]), "allocs-without")
				b.ReportMetric(median(objects[1]), "allocs-with")
			})
		}
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// obeys is a handler that does what it is told.
type obeys struct{ mute }

func (obeys) HandleInfo(c *Channel, msg any) error { return msg.(func(*Channel) error)(c) }

// served is a client of an endpoint, joined to the topic room:a. Its transport is itself.
type served struct {
	e        *Endpoint
	session  actor.Ref[sessionMsg]
	joins    []byte
	seat     seat
	answered chan struct{} // for each answer
}

func (s *served) name() string  { return "served" }
func (s *served) attach(*line)  {}
func (s *served) handled(int64) {}
func (s *served) cut()          {}
func (s *served) send(f frame.Sealed) {
	for one := range f.Each() {
		if bytes.Contains(one.Payload(), []byte(`"phx_reply",{"status":"ok"`)) {
			s.answered <- struct{}{}
		}
	}
}
func (s *served) closeWith(websocket.StatusCode, string) {}
func (s *served) state() transportState                  { return transportState{} }
func (s *served) Release(actor.PID, error)               { s.seat.leave() }

func startServed(b *testing.B, h *History, linger time.Duration, params string) *served {
	room := Topic("room:*", func() obeys { return obeys{} }, nil)
	room.History, room.Linger = h, linger
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	e, err := Start(sys, Config{Sockets: []Socket{{Path: "/socket", Channels: Routes{room}, MaxJoinRate: -1}}})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { sys.Shutdown(b.Context()) })
	taken, refused := e.admit(&e.mounts[0], peer{})
	if refused != nil {
		b.Fatal(refused)
	}
	s := &served{e: e, seat: taken, answered: make(chan struct{}, 1), joins: []byte(`["1","1","room:a","phx_join",` + params + `]`)}
	session := newSession(e, &e.mounts[0], s, Identity{}, wire.V2{})
	if !taken.start(session) {
		b.Fatal("not started")
	}
	s.session = session.ctx.Self()
	s.tell(s.joins)
	return s
}

// tell has the server get a message, and waits for the answer.
func (s *served) tell(text []byte) {
	s.session.Send(sessionMsg{op: opFrame, data: bytes.Clone(text)})
	<-s.answered
}

func (s *served) join(n int) error {
	leave := []byte(`["1","2","room:a","phx_leave",{}]`)
	for range n {
		s.tell(leave)
		s.tell(s.joins)
	}
	return nil
}

func (s *served) push(n int) error {
	done := make(chan error)
	for c := range s.e.channelsOn("room:a") {
		c.Ref().Send(func(c *Channel) (err error) {
			for range n {
				err = errors.Join(err, c.Push("news", news))
			}
			done <- err
			return nil
		})
	}
	return <-done
}

var news = map[string]string{"body": strings.Repeat("x", 200)}
