package room_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/room"
)

// A room hears what it has subscribed to once, a restarted one as well, and not any more when
// it has ended.
func TestRoomsSubscribe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := open(t, room.Config{OnCrash: room.Stay})
		ann := h.join("ann", "pad:hears")
		hears := func() {
			t.Helper()
			if err := h.said.Broadcast("pad:hears", "hello"); err != nil {
				t.Error(err)
			}
			ann.AssertPush("said", map[string]string{"what": "hello"})
			ann.RefutePush("said")
		}
		hears()
		h.rooms.Send("pad:hears", "crash")
		ann.Within(time.Second).AssertPush("welcome", map[string]bool{"again": true})
		hears()
		h.rooms.Send("pad:hears", func(p *pad) error {
			if p.room.Endpoint() != h.Endpoint {
				t.Error("it has another endpoint")
			}
			return nil
		})
		ann.AssertReply(ann.Leave(), "ok")
		synctest.Wait()
		if n := h.said.Topics(); n != 0 {
			t.Errorf("%d topics are left", n)
		}
	})
}
