package nats

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/transport/ws"
)

// tape is a handler that tells when its client joins and comes back.
type tape struct{ tells chan string }

func (h tape) Join(*ws.Channel, string, ws.Payload) (any, error) {
	h.tells <- "join"
	return nil, nil
}

func (h tape) Resumed(*ws.Channel, ws.Resumption) (any, error) {
	h.tells <- "resumed"
	return nil, nil
}

// What is broadcast on another node while a client is away, and NATS is restarted, comes once, in
// order, when the client has its channel back; how much of it as missed, and how much as what is
// broadcast, is a matter of when its node has read it. If NATS has lost it, the client is told so,
// and what comes behind that has no gap.
func TestRecordedChannelLingersOverARestartOfNATS(t *testing.T) {
	for name, forgets := range map[string]bool{"which keeps it": false, "which forgets it": true} {
		t.Run(name, func(t *testing.T) {
			server := startLasting(t)
			handlers, lingers := make(chan string, 10), make(chan struct{}, 10)
			node := func() (*ws.Endpoint, chan nats.Status) {
				conn := connect(t, server.Server, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
				back := conn.StatusChanged(nats.CONNECTED)
				t.Cleanup(func() { conn.RemoveStatusListener(back) })
				taped := ws.Topic(tapedTopic, func() tape { return tape{handlers} }, nil)
				taped.History, taped.Linger = &ws.History{Store: &History{Conn: conn}}, time.Hour
				e, err := ws.Start(newSystem(t), ws.Config{Sockets: []ws.Socket{{
					Path: "/socket", Channels: ws.Routes{taped}, Observe: func(o ws.Observation) {
						if _, ok := o.(ws.Lingering); ok {
							lingers <- struct{}{}
						}
					},
				}}})
				if err != nil {
					t.Fatal(err)
				}
				return e, back
			}
			a, backA := node()
			b, backB := node()
			front := httptest.NewServer(a)
			defer front.Close()
			way := newCable()
			away, stays := joinTaped(t, front.URL, way), joinTaped(t, front.URL, newCable())
			broadcast(t, b, 1, 3)
			for _, got := range []tapes{away, stays} {
				got.expect(t, 1, 3)
			}

			way.cut()
			await(t, lingers)
			broadcast(t, b, 4, 6)
			server.stop()
			if forgets {
				server.forget()
			}
			server.start()
			await(t, backA)
			await(t, backB)
			broadcast(t, b, 7, 9)
			told := []string{"join", "join", "resumed"}
			if forgets { // the one that stays joins the new log, so its node knows of that
				stays.untilIncomplete(t, 4)
				told = []string{"join", "join", "join", "resumed"}
			}
			way.mend()
			if forgets {
				away.untilIncomplete(t, 4)
			}
			broadcast(t, b, 10, 11)
			for _, got := range []tapes{away, stays} {
				if forgets {
					got.expectEnd(t, 11)
				} else {
					got.expect(t, 4, 11)
				}
			}
			for _, want := range told {
				if told := await(t, handlers); told != want {
					t.Errorf("a handler was told %s, want %s", told, want)
				}
			}
			if len(handlers) > 0 {
				t.Errorf("a handler was told %s as well", <-handlers)
			}
		})
	}
}
