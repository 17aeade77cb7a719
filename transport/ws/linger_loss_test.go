package ws_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

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

// confirms shows that the client has got the answer to its join.
func (c *client) confirms(joinRef, topic string) {
	c.t.Helper()
	c.send(fmt.Sprintf(`[%q,"c",%q,"count",{}]`, joinRef, topic))
	if answer := c.hear(); answer.event != "phx_reply" {
		c.t.Errorf("the answer is %v", answer)
	}
}

// What a client has got takes no room of what is kept for it, and neither does what was lost.
func TestWhatHasArrivedTakesNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxLingerBytes = 2000 })
		long := map[string]string{"text": strings.Repeat("x", 100)}
		counting, other := h.connect(t), h.connect(t)
		w, v := counting.joins("1", "room:a", `{"got":null}`), other.joins("1", "room:b", `{}`)
		l := <-h.lodgers
		h.tells(t, "join room:a", "join room:b")
		for round := range 30 {
			l.channel.Push("long", long)
			got := counting.hear()
			counting.lose()
			other.lose()
			overflows := round%10 == 7
			n := map[bool]int{true: 50, false: 3}[overflows] // three of each are as much as is kept
			for range n {
				l.channel.Push("long", long)
				h.Broadcast("room:a", "long", long)
				h.Broadcast("room:b", "long", long)
			}
			counting, other = h.connect(t), h.connect(t)
			w = counting.joins("1", "room:a", fmt.Sprintf(`{"resume_token":%q,"got":%q}`, w.Token, got.ref))
			v = other.joins("1", "room:b", with(v))
			if overflows {
				h.tells(t, `resumed room:a as "": away 0s, missed 0, complete false`, `resumed room:b as "": away 0s, missed 0, complete false`)
			} else {
				h.tells(t, `resumed room:a as "": away 0s, missed 6, complete true`, `resumed room:b as "": away 0s, missed 3, complete true`)
				for range n {
					counting.hear()
					counting.hear()
					other.hear()
				}
			}
			counting.confirms("1", "room:a")
			other.confirms("1", "room:b")
		}
	})
}

// A client that counts has lost nothing with an answer to its join, and neither has one that
// counts only from then on.
func TestAnAnswerIsLostToAClientThatCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		c.lose()
		for n := range 3 {
			l.channel.Push("pushed", map[string]int{"n": n + 1})
		}
		h.tells(t, "join room:a")
		for range 3 {
			c = h.connect(t)
			c.joins("2", "room:a", fmt.Sprintf(`{"resume_token":%q,"got":null}`, w.Token)) // whose answer is lost
			c.hears(`pushed 1 {"n":1}`, `pushed 2 {"n":2}`, `pushed 3 {"n":3}`)
			h.tells(t, `resumed room:a as "": away 0s, missed 3, complete true`)
			c.lose()
		}
	})
}

// What a client that does not count was sent it has perhaps not got; that is forgotten when it
// has been told.
func TestWhatAClientThatDoesNotCountMayHaveLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		h.tells(t, "join room:a")
		back := func(missed int, complete bool) {
			t.Helper()
			c.lose()
			c = h.connect(t)
			answer := c.joins("1", "room:a", with(w))
			h.tells(t, fmt.Sprintf(`resumed room:a as "": away 0s, missed %d, complete %v`, missed, complete))
			for range missed {
				c.hear()
			}
			c.confirms("1", "room:a")
			w = answer
		}
		back(0, true)
		l.channel.Push("pushed", nil) // over the connection that is lost next
		back(0, false)
		back(0, true)
		c.lose()
		l.channel.Push("pushed", nil)
		back(1, true)
		back(0, false) // it may not have got that one
		back(0, true)
		c.lose()
		h.Broadcast("room:a", "shouted", nil)
		c = h.connect(t)
		c.joins("1", "room:a", with(w)) // whose answer is lost, and the broadcast
		h.tells(t, `resumed room:a as "": away 0s, missed 1, complete true`)
		back(0, false)
	})
}

// lister answers joins by a list.
type lister struct{ lodger }

func (l *lister) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	if _, err := l.lodger.Join(c, topic, in); topic == "room:list" || err != nil {
		return []int{1}, err
	}
	return nil, nil
}

func (l *lister) Resumed(*ws.Channel, ws.Resumption) (any, error) { return []int{1}, nil }

// A channel whose answer to the last join has no room for a token does not linger.
func TestAnAnswerWithoutAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan string, 10)
		room := ws.Topic("room:*", func() *lister {
			return &lister{lodger{tells: func(text string, args ...any) { told <- fmt.Sprintf(text, args...) }}}
		}, nil)
		room.Linger = time.Minute
		h := &house{server: serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{room}}), told: told}
		c := h.connect(t)
		c.send(`["1","1","room:list","phx_join",{}]`)
		c.expect(`["1","1","room:list","phx_reply",{"status":"ok","response":[1]}]`)
		c.lose()
		h.tells(t, "join room:list", "terminate room:list: shutdown: connection closed")

		c = h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		c.lose()
		h.tells(t, "join room:a")
		c = h.connect(t)
		c.send(fmt.Sprintf(`["1","1","room:a","phx_join",%s]`, with(w)))
		c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":[1]}]`)
		c.lose()
		h.tells(t, "terminate room:a: shutdown: connection closed")
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 || s.LingerRefusals != 0 {
			t.Errorf("after that: %+v", s)
		}
	})
}

// What is broadcast while Resumed runs comes behind the answer, also to a client that is shown the
// present state because its position is not in the log.
func TestNothingIsLostWhileResumedRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "taped:a", `{"since":null,"got":null}`)
		c.hear()
		l := <-h.lodgers
		l.stalls = make(chan struct{})
		c.lose()
		h.Broadcast("taped:a", "news", map[string]int{"n": 1})
		c = h.connect(t)
		c.send(fmt.Sprintf(`["2","2","taped:a","phx_join",{"since":"unknown","got":null,"resume_token":%q}]`, w.Token))
		synctest.Wait() // it runs
		h.Broadcast("taped:a", "news", map[string]int{"n": 2})
		close(l.stalls)
		answer, told := c.hear(), c.hear()
		if answer.event != "phx_reply" || told.event != "phx_recovery" || told.payload != recovery(false, 0, told.at(1)) {
			t.Errorf("told of %v and %v", answer, told)
		}
		c.hears(`news 2 {"n":2}`)
		h.Broadcast("taped:a", "news", map[string]int{"n": 3})
		c.hears(`news 3 {"n":3}`)
	})
}
