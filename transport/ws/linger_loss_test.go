package ws_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/transport/ws"
)

// What was pushed and may not have arrived is kept as long as there is room for it. A client that
// lacks more than that gets none of it, and the handler is told.
func TestMoreWasUnderWayThanIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxLingerBytes = 2000 })
		c := h.connect(t)
		w := c.joins("1", "room:a", `{"got":null}`)
		l := <-h.lodgers
		for range 100 {
			l.channel.Push("long", map[string]string{"text": strings.Repeat("x", 100)})
		}
		got := c.hear()
		c.lose()
		c = h.connect(t)
		c.joins("2", "room:a", fmt.Sprintf(`{"resume_token":%q,"got":%q}`, w.Token, got.ref))
		c.heartbeat()
		h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 0, complete false`)
	})
}

// That something is lost is said again to a client that has not got the answer that said it.
func TestALossIsToldUntilTheAnswerHasArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxLingerBytes = 2000 })
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		c.lose()
		for range 100 {
			h.Broadcast("room:a", "long", map[string]string{"text": strings.Repeat("x", 100)})
		}
		lossy := `resumed room:a as "": away 0s, missed 0, complete false`
		for range 2 {
			c = h.connect(t)
			c.joins("2", "room:a", with(w)) // whose answer is lost
			c.lose()
		}
		c = h.connect(t)
		w = c.joins("2", "room:a", with(w))
		c.send(`["2","3","room:a","count",{}]`) // which shows that this one is not
		c.hear()
		c.lose()
		h.tells(t, "join room:a", lossy, lossy, lossy)
		h.connect(t).joins("2", "room:a", with(w))
		h.tells(t, `resumed room:a as "": away 0s, missed 0, complete true`)
	})
}
