package ws_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// A Resumed that listens has read what was broadcast before: its client gets what comes behind that,
// and stands there. A client that gets what it has missed gets all of it, and so does one of a log
// that has but the last.
func TestListenInResumed(t *testing.T) {
	for what, x := range map[string]struct {
		log   *ws.History
		since func(start heard) string
		told  func(start heard) string
		news  []int
	}{
		"the log does not know": {
			&ws.History{}, func(heard) string { return "unknown" },
			func(start heard) string { return recovery(false, 0, start.at(2)) }, []int{3},
		},
		"the log knows": {
			&ws.History{}, func(start heard) string { return start.at(0) },
			func(start heard) string { return recovery(true, 1, start.at(1)) }, []int{1, 2, 3},
		},
		"the log has the last": {
			&ws.History{Mode: ws.Latest}, func(heard) string { return "unknown" },
			func(start heard) string { return recovery(false, 1, start.at(1)) }, []int{3},
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, func(s *ws.Socket) { s.Channels[1].History = x.log })
				news := func(n int) { h.Broadcast("taped:a", "news", map[string]int{"n": n}) }
				c := h.connect(t)
				w := c.joins("1", "taped:a", `{"since":null}`)
				start := c.hear()
				l := <-h.lodgers
				l.resumes = func() {
					news(2)
					if x.log.Mode == ws.Latest {
						news(3)
					}
					if err := l.channel.Listen(); err != nil {
						t.Error(err)
					}
					if x.log.Mode == ws.Stream {
						news(3)
					}
				}
				c.lose()
				news(1)
				c = h.connect(t)
				c.joins("2", "taped:a", fmt.Sprintf(`{"since":%q,"resume_token":%q}`, x.since(start), w.Token))
				if told := c.hear(); told.event != "phx_recovery" || told.payload != x.told(start) {
					t.Errorf("told %v, want %s", told, x.told(start))
				}
				news(4)
				for _, n := range append(x.news, 4) {
					c.hears(fmt.Sprintf(`news %d {"n":%[1]d}`, n))
				}
			})
		})
	}
}

// It is observed how long a Resumed takes.
func TestHowLongResumedTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		resumed := make(chan ws.Resumed, 10)
		h := newHouse(t, func(s *ws.Socket) { s.Observe = observing(resumed) })
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		(<-h.lodgers).resumes = func() { time.Sleep(3 * time.Second) }
		c.lose()
		h.connect(t).joins("2", "room:a", with(w))
		if r := <-resumed; r.Duration != 3*time.Second || r.Err != nil {
			t.Errorf("observed %+v", r)
		}
	})
}

// What was kept for a client and has no form in the encoding that it comes back with is dropped, and
// that is told; what came behind it is not.
func TestWhatWasKeptHasNoForm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dropped := make(chan ws.Dropped, 10)
		h := newHouse(t, func(s *ws.Socket) { s.Observe = observing(dropped) })
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		c.lose()
		l.channel.Push("bytes", ws.Binary([]byte("abc")))
		l.channel.Push("text", nil)
		c, _, err := h.dial(t, "/socket?vsn=1.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		c.send(`{"topic":"room:a","event":"phx_join","ref":"1","join_ref":"1","payload":` + with(w) + `}`)
		c.read()
		c.expect(`{"topic":"room:a","event":"text","ref":null,"payload":{}}`)
		d := <-dropped
		if !errors.Is(d.Err, wire.ErrNoBinary) || d.Topic != "room:a" || d.Route != "room:*" || d.Event != "bytes" || len(dropped) > 0 {
			t.Errorf("dropped: %+v, and %d more", d, len(dropped))
		}
	})
}

// A connection on which nothing comes is closed as one whose channels do not linger.
func TestAnIdleConnectionIsClosedThoughItsChannelsLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.IdleTimeout = time.Minute })
		c := h.connect(t)
		c.joins("1", "room:a", `{}`)
		_, _, err := c.conn.Read(context.Background())
		if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
			t.Errorf("closed with %v (%v)", got, err)
		}
		if s := h.Stats(); s.Lingering != 1 {
			t.Errorf("after that: %+v", s)
		}
	})
}
