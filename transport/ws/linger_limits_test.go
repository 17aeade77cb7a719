package ws_test

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// A user takes so many places and no more: the others', and those of clients that have no ID,
// are there. One that comes back makes room, and so does one that nobody comes back to.
func TestNoUserTakesAllThePlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxLingering, s.MaxLingeringPerUser = 8, 2 })
		lingering := func(user string, topics ...string) (last welcome) {
			t.Helper()
			c := h.connectWith(t, "user="+user)
			for _, topic := range topics {
				last = c.joins("1", topic, `{}`)
			}
			c.lose()
			return last
		}
		lingering("ann", "room:1", "room:2", "room:3")
		h.tells(t, "join room:1", "join room:2", "join room:3", "terminate room:3: shutdown: connection closed")
		w := lingering("bob", "room:4")
		lingering("ann", "room:5")
		h.tells(t, "join room:4", "join room:5", "terminate room:5: shutdown: connection closed")
		lingering("", "room:6", "room:7", "room:8")
		h.tells(t, "join room:6", "join room:7", "join room:8")
		if s := h.Stats(); s.Lingering != 6 || s.LingerRefusals != 2 {
			t.Errorf("%d linger, and %d do not", s.Lingering, s.LingerRefusals)
		}
		for range 3 { // the same place each time
			c := h.connectWith(t, "user=bob")
			w = c.joins("1", "room:4", with(w))
			c.lose()
			h.tells(t, `resumed room:4 as "bob": away 0s, missed 0, complete true`)
		}
		lingering("bob", "room:9", "room:10")
		h.tells(t, "join room:9", "join room:10", "terminate room:10: shutdown: connection closed")
		time.Sleep(2 * time.Minute)
		for len(h.told) > 0 {
			<-h.told
		}
		lingering("ann", "room:11", "room:12")
		lingering("bob", "room:13", "room:14")
		if s := h.Stats(); s.Lingering != 4 || s.LingerRefusals != 3 {
			t.Errorf("%d linger, and %d do not", s.Lingering, s.LingerRefusals)
		}
	})
}

// A user may leave as many channels as there may be on one connection.
func TestAConnectionMayLingerAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxChannels = 5 })
		for _, want := range []ws.Stats{{Lingering: 5}, {Lingering: 5, LingerRefusals: 5}} {
			c := h.connectWith(t, "user=ann")
			for _, topic := range []string{"room:1", "room:2", "room:3", "room:4", "room:5"} {
				c.joins("1", topic, `{}`)
			}
			c.lose()
			if s := h.Stats(); s.Lingering != want.Lingering || s.LingerRefusals != want.LingerRefusals {
				t.Errorf("%d linger, and %d do not", s.Lingering, s.LingerRefusals)
			}
		}
	})
}

// A drain tells how many channels it has ended, also if there is no connection.
func TestADrainOfWhatLingersIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		drained := make(chan ws.Drained, 10)
		h := newHouse(t, func(s *ws.Socket) { s.Observe = observing(drained) })
		c := h.connect(t)
		c.joins("1", "room:1", `{}`)
		c.joins("2", "room:2", `{}`)
		c.lose()
		h.Drain(context.Background())
		want := ws.Drained{Index: 1, Rounds: 1, Interval: 2 * time.Second, Lingering: 2}
		if got := <-drained; got != want || len(drained) > 0 {
			t.Errorf("told %+v, and %d more; want %+v", got, len(drained), want)
		}
	})
}

// The labels of actors say which of them linger.
func TestLabelsOfWhatLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connectWith(t, "user=ann")
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		session := slices.Collect(h.Connections())[0].PID
		labels := func(ofSession, ofChannel string) {
			t.Helper()
			s, _ := session.Info()
			ch, _ := l.channel.PID().Info()
			if s.Label != ofSession || ch.Label != ofChannel {
				t.Errorf("the labels are %q and %q, want %q and %q", s.Label, ch.Label, ofSession, ofChannel)
			}
		}
		labels("/socket websocket ann", "room:a *ws_test.lodger")
		c.lose()
		labels("/socket lingering ann", "room:a *ws_test.lodger lingering")
		h.connectWith(t, "user=ann").joins("1", "room:a", with(w))
		synctest.Wait()
		labels("", "room:a *ws_test.lodger")
	})
}

// A channel that ends by itself when its connection is lost does not linger, be its Terminate still
// to return.
func TestAChannelThatEndsDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lingers atomic.Int32
		h := newHouse(t, func(s *ws.Socket) {
			s.Observe = func(o ws.Observation) {
				if _, ok := o.(ws.Lingering); ok {
					lingers.Add(1)
				}
			}
		})
		c := h.connect(t)
		c.joins("1", "room:1", `{}`)
		c.joins("2", "room:2", `{}`)
		h.tells(t, "join room:1", "join room:2")
		release := make(chan struct{})
		l := <-h.lodgers
		tells := l.tells
		l.tells = func(text string, args ...any) {
			<-release
			tells(text, args...)
		}
		l.channel.Ref().Send(ws.Stop)
		synctest.Wait()
		c.lose()
		if n, s := lingers.Load(), h.Stats(); n != 1 || s.Lingering != 1 {
			t.Errorf("%d were said to linger, and %d do", n, s.Lingering)
		}
		close(release)
		h.tells(t, "terminate "+l.topic+": normal")
	})
}
