package ws_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// hung returns a client that comes back while its channel is busy, until the function is called.
func (h *house) hung(t *testing.T, params func(welcome) string) (c *client, w welcome, free func()) {
	c = h.connect(t)
	w = c.joins("1", "room:a", `{}`)
	l := <-h.lodgers
	l.hangs = make(chan struct{})
	c.send(`["1","2","room:a","hang",{}]`)
	synctest.Wait()
	c.lose()
	c = h.connect(t)
	c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, params(w)))
	synctest.Wait()
	h.tells(t, "join room:a")
	return c, w, func() {
		close(l.hangs)
		synctest.Wait()
	}
}

// A client leaves the channel that it comes back to before that has the time to let it in. It
// does not wait for the channel, which does not stay for anybody else to come.
func TestAClientLeavesWhatItComesBackTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c, w, free := h.hung(t, with)
		c.send(`["5","6","room:a","phx_leave",{}]`)
		start := time.Now()
		c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("it waited for %v", took)
		}
		free()
		h.tells(t, "terminate room:a: shutdown: left")
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 {
			t.Errorf("after that: %+v", s)
		}
		if again := c.joins("7", "room:a", with(w)); *again.Resumed {
			t.Error("it came back to what it had left")
		}
		h.tells(t, "join room:a")
	})
}

// A connection is lost when its client has left the channel that it comes back to, and before
// that has been given up: the channel ends as one that was left, whatever else the connection had.
func TestALeaveHoldsWhenItsConnectionIsLost(t *testing.T) {
	for what, end := range map[string]func(*house, *client){
		"alone":            func(_ *house, c *client) { c.lose() },
		"with another one": func(h *house, c *client) { c.joins("8", "room:b", `{}`); h.tells(c.t, "join room:b"); c.lose() },
		"for no message":   func(_ *house, c *client) { c.send(`no message`); synctest.Wait() },
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				c, _, free := h.hung(t, with)
				c.send(`["5","6","room:a","phx_leave",{}]`)
				synctest.Wait()
				time.Sleep(time.Second)
				end(h, c)
				free()
				h.tells(t, "terminate room:a: shutdown: left")
			})
		})
	}
}

// A client leaves the channel that it takes from a connection which seems to live: there the
// channel closes, and has not crashed.
func TestAConnectionIsToldThatItsChannelWasLeftElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old := h.connect(t)
		w := old.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		l.hangs = make(chan struct{})
		old.send(`["1","2","room:a","hang",{}]`)
		synctest.Wait()
		c := h.connect(t)
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		c.send(`["5","6","room:a","phx_leave",{}]`)
		c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{}}]`)
		close(l.hangs)
		old.expect(`["1","1","room:a","phx_close",{}]`)
		h.tells(t, "join room:a", "terminate room:a: shutdown: left")
	})
}

// A token that does not hold ends nothing: not with a leave either, nor with a join in place of
// the first.
func TestATokenThatDoesNotHoldEndsNothing(t *testing.T) {
	for what, then := range map[string]string{
		"a leave": `["5","6","room:a","phx_leave",{}]`, "a join": `["6","6","room:a","phx_join",{}]`,
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				var stale welcome
				c := h.connect(t)
				first := c.joins("1", "room:a", `{}`)
				l := <-h.lodgers
				l.hangs = make(chan struct{})
				c.lose()
				c = h.connect(t)
				stale, first = first, c.joins("1", "room:a", with(first))
				c.send(`["1","2","room:a","hang",{}]`) // and shows to have the next token
				synctest.Wait()
				c.lose()
				thief := h.connect(t)
				thief.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(stale)))
				synctest.Wait()
				thief.send(then)
				thief.hear() // the answer
				thief.lose()
				for len(h.told) > 0 {
					<-h.told
				}
				close(l.hangs)
				c = h.connect(t)
				if again := c.joins("7", "room:a", with(first)); !*again.Resumed {
					t.Error("the channel was not there any more")
				}
			})
		})
	}
}

// A client that has lost patience asks for its channel again, and gets it; one that asks for
// another gets that, and the first does not stay.
func TestAClientLosesPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c, w, free := h.hung(t, with)
		c.send(`["5","6","room:a","phx_leave",{}]`) // as the official client does first
		c.send(fmt.Sprintf(`["7","7","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		time.Sleep(10 * time.Second) // more than a leave waits
		free()
		if answer := c.hear(); answer.event != "phx_reply" || !strings.Contains(answer.payload, `"resumed":true`) {
			t.Errorf("it is answered %v", answer)
		}
		h.tells(t, `resumed room:a as "": away 10s, missed 0, complete true`)
		c.heartbeat() // nothing else has come
		c.send(`["7","8","room:a","count",{}]`)
		c.expect(`["7","8","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
	})
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c, _, free := h.hung(t, with)
		if another := c.joins("7", "room:a", `{}`); *another.Resumed {
			t.Error("it got the channel that it has not asked for")
		}
		h.tells(t, "join room:a")
		free()
		h.tells(t, "terminate room:a: shutdown: joined again")
		c.send(`["7","8","room:a","count",{}]`)
		c.expect(`["7","8","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
		if s := h.Stats(); s.Channels != 1 || s.Lingering != 0 {
			t.Errorf("after that: %+v", s)
		}
	})
}

// A Resumed that has been given up does not answer when it returns after all.
func TestALateResumedIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		l.stalls = make(chan struct{})
		c.lose()
		c = h.connect(t)
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		c.send(`["5","6","room:a","phx_leave",{}]`)
		c.expect(`["5","5","room:a","phx_error",{"reason":"channel_crash"}]`, `["5","6","room:a","phx_reply",{"status":"ok","response":{}}]`)
		close(l.stalls)
		h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 0, complete true`)
		c.heartbeat() // nothing else has come
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 {
			t.Errorf("after that: %+v", s)
		}
	})
}

// What a join came with is not kept for a busy channel that its client does not come back to any
// more.
func TestAForgoneJoinIsNotKept(t *testing.T) {
	const times, size = 8, 1 << 19
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxMessageSize = 2 * size })
		c, w, free := h.hung(t, with)
		c.lose()
		big := fmt.Sprintf(`["5","5","room:a","phx_join",{"resume_token":%q,"pad":%q}]`, w.Token, strings.Repeat("x", size))
		live := func() int {
			var m runtime.MemStats
			runtime.GC()
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		before := live()
		for range times {
			c := h.connect(t)
			c.send(big)
			synctest.Wait()
			c.lose()
		}
		if more := live() - before; more > times*size/4 {
			t.Errorf("%d B are kept of %d joins with %d B each", more, times, size)
		}
		free()
		if again := h.connect(t).joins("5", "room:a", with(w)); !*again.Resumed {
			t.Error("the channel was not there any more")
		}
	})
}
