package ws_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
)

// A broadcast with a key is recorded, and its key is known, also before there is a channel on its topic.
func TestAnIdempotentBroadcastBeginsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{TTL: time.Minute}, newGuest))
		s.news(t, 1, 1)
		s.news(t, 2, 2, ws.Idempotent("two"))
		s.news(t, 3, 3)
		s.news(t, 2, 2, ws.Idempotent("two"))
		l, err := s.Recorded(t.Context(), "room:a", ws.Position{}, 10)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, m := range l.Messages {
			said = append(said, string(m.Payload.Bytes()))
		}
		if want := []string{`{"n":2}`, `{"n":3}`}; !slices.Equal(said, want) {
			t.Errorf("recorded are %v, want %v", said, want)
		}
		c := s.connect(t)
		c.joinSince("null")
		s.news(t, 2, 2, ws.Idempotent("two")) // was sent to everybody that was there
		s.news(t, 4, 4)
		c.hears(`news 3 {"n":4}`)
		c.conn.CloseNow()
		time.Sleep(2 * time.Minute)
		if s.epoch(t, "room:a") == l.To.Epoch {
			t.Error("the log has stayed though nobody was there for TTL")
		}
	})
}

// A key is known for as long as it is said to be, and for no longer. What hears broadcasts in place of
// a client gets one of several as well.
func TestAnIdempotentBroadcastIsMadeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{Size: 2, TTL: time.Minute}, newGuest))
		sub := newCollector()
		if err := s.Subscribe(s.PID(), "room:a", sub); err != nil {
			t.Fatal(err)
		}
		c := s.connect(t)
		c.joinSince("null")
		time.Sleep(time.Second) // what is too old is dropped in between
		s.news(t, 1, 1, ws.Idempotent("one"))
		s.news(t, 2, 2, ws.Idempotent("one"))
		s.news(t, 3, 3, ws.Idempotent("two"))
		s.news(t, 4, 4, ws.Idempotent("three")) // the first key has gone
		s.news(t, 5, 5, ws.Idempotent("one"))
		c.hears(`news 1 {"n":1}`, `news 2 {"n":3}`, `news 3 {"n":4}`, `news 4 {"n":5}`)
		time.Sleep(time.Minute - time.Second)
		s.news(t, 6, 6, ws.Idempotent("one"))
		time.Sleep(time.Second)
		s.news(t, 7, 7, ws.Idempotent("one"))
		c.hears(`news 5 {"n":7}`)
		for _, n := range []int{1, 3, 4, 5, 7} {
			if got, want := <-sub.got, fmt.Sprintf(`news {"n":%d}`, n); got != want {
				t.Errorf("a subscriber got %s, want %s", got, want)
			}
		}
		s.news(t, 8, 8, ws.Idempotent(strings.Repeat("x", 256)))
		c.hears(`news 6 {"n":8}`)
		for what, options := range map[string][]ws.BroadcastOption{
			"empty": {ws.Idempotent("")}, "long": {ws.Idempotent(strings.Repeat("x", 257))},
		} {
			if err := s.Broadcast("room:a", "news", nil, options...); err == nil {
				t.Errorf("a key that is %s is taken", what)
			}
		}
		if err := s.Broadcast("room:a", "news", nil, ws.Idempotent("x"), ws.Unrecorded()); !errors.Is(err, ws.ErrNoHistory) {
			t.Errorf("not recorded, and with a key: %v", err)
		}
		if err := s.Broadcast("elsewhere", "news", nil, ws.Idempotent("x")); !errors.Is(err, ws.ErrNoHistory) {
			t.Errorf("a key on another topic: %v", err)
		}
	})
}

// All nodes forget a key at once, so the clients of all get what is broadcast then.
func TestAKeyIsForgottenOnAllNodesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		a := serveNode(t, pubsub.NewCluster(hub.Node("a")), recorded(&ws.History{TTL: time.Minute}, newGuest))
		b := serveNode(t, pubsub.NewCluster(hub.Node("b")), recorded(&ws.History{TTL: time.Minute}, newGuest))
		clients := []*client{a.connect(t), b.connect(t)}
		for _, c := range clients {
			c.joinSince("null")
		}
		time.Sleep(time.Second) // what is too old is dropped in between
		n := 0
		for _, want := range []string{`news 1 {"n":1}`, "", `news 2 {"n":3}`} {
			n++
			a.news(t, n, n, ws.Idempotent("one"))
			for _, c := range clients {
				if want != "" {
					c.hears(want)
				}
			}
			time.Sleep(30 * time.Second)
		}
	})
}

// A broadcast that has failed is made again, and clients that have got it do not get it twice.
func TestABroadcastThatHasFailedIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		adapter := &cutOff{Adapter: hub.Node("a")}
		a := serveNode(t, pubsub.NewCluster(adapter), recorded(&ws.History{}, newGuest))
		b := serveNode(t, pubsub.NewCluster(hub.Node("b")), recorded(&ws.History{}, newGuest))
		ann, bob := a.connect(t), b.connect(t)
		ann.joinSince("null")
		bob.joinSince("null")
		adapter.cut.Store(true)
		if err := a.Broadcast("room:a", "news", map[string]int{"n": 1}, ws.Idempotent("one")); !errors.Is(err, errCutOff) {
			t.Errorf("broadcast to nodes that are cut off: %v", err)
		}
		adapter.cut.Store(false)
		a.news(t, 1, 1, ws.Idempotent("one"))
		a.news(t, 2, 2)
		ann.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
		bob.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
	})
}

// cutOff is an adapter whose broadcasts can be made to fail.
type cutOff struct {
	pubsub.Adapter
	cut atomic.Bool
}

var errCutOff = errors.New("cut off")

func (c *cutOff) Broadcast(topic string, data []byte) error {
	if c.cut.Load() {
		return errCutOff
	}
	return c.Adapter.Broadcast(topic, data)
}
