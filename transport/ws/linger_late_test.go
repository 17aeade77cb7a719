package ws_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// What a session, or a channel, learns late. An actor is suspended for that, and what it is sent
// waits.

func suspended(t *testing.T, pid actor.PID) (wake func()) {
	t.Helper()
	if err := pid.Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if err := pid.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
	}
}

// sessions returns the sessions of all connections.
func (h *house) sessions() (all []actor.PID) {
	for c := range h.Connections() {
		all = append(all, c.PID)
	}
	return all
}

// A client has its channel back before the session of its connection before knows: whatever else
// that session comes to first does not touch the channel.
func TestASessionLearnsLateThatItsChannelIsElsewhere(t *testing.T) {
	for what, session := range map[string]struct {
		before func(old *client)           // the client has its channel back
		behind func(actor.PID)             // that
		then   func(h *house, old *client) // the session knows
	}{
		"its connection is lost":                 {before: func(old *client) { old.lose() }},
		"its client sends what is no message":    {before: func(old *client) { old.send(`no message`) }},
		"its client leaves":                      {before: func(old *client) { old.send(`["1","2","room:a","phx_leave",{}]`) }},
		"its client sends the channel a message": {before: func(old *client) { old.send(`["1","2","room:a","count",{}]`) }},
		"it is killed":                           {behind: func(session actor.PID) { session.Exit(actor.Kill) }},
		"its client joins again": {
			before: func(old *client) {
				old.send(`["2","2","room:a","phx_join",{}]`)
				old.send(`["2","3","room:a","count",{}]`)
			},
			then: func(h *house, old *client) {
				old.expect(`["1","1","room:a","phx_error",{"reason":"resumed elsewhere"}]`)
				if answer := old.hear(); answer.event != "phx_reply" || !strings.Contains(answer.payload, `"resumed":false`) {
					old.t.Errorf("the join is answered %v", answer)
				}
				old.expect(`["2","3","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
				old.send(`["2","4","room:a","phx_leave",{}]`)
				old.hear()
				h.tells(old.t, "terminate room:a: shutdown: left")
			},
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				old := h.connect(t)
				w := old.joins("1", "room:a", `{}`)
				pid := h.sessions()[0]
				wake := suspended(t, pid)
				if session.before != nil {
					session.before(old)
					synctest.Wait()
				}
				c := h.connect(t)
				c.joins("5", "room:a", with(w))
				if session.behind != nil {
					session.behind(pid)
				} else {
					wake()
				}
				told := []string{"join room:a", `resumed room:a as "": away 0s, missed 0, complete true`}
				if session.then != nil {
					told = append(told, "join room:a")
				}
				h.tells(t, told...)
				if session.then != nil {
					session.then(h, old)
				}
				time.Sleep(2 * time.Minute)
				h.Broadcast("room:a", "shouted", nil)
				c.expect(`[null,null,"room:a","shouted",{}]`)
				c.send(`["5","6","room:a","count",{}]`)
				c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
				if s := h.Stats(); s.Channels != 1 || s.Lingering != 0 {
					t.Errorf("after that: %+v", s)
				}
				h.tells(t)
			})
		})
	}
}

// A channel expires while its client comes back: the session before, which is told and may not
// end it any more, does not have that forgotten.
func TestAChannelExpiresWhileItsClientComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old := h.connect(t)
		w := old.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		l.channel.Expire(time.Now().Add(10 * time.Second))
		before := h.sessions()[0]
		channelWakes := suspended(t, l.channel.PID())
		c := h.connect(t)
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		after := slices.DeleteFunc(h.sessions(), func(s actor.PID) bool { return s == before })[0]
		beforeWakes, afterWakes := suspended(t, before), suspended(t, after)
		time.Sleep(11 * time.Second)
		channelWakes()
		beforeWakes()
		afterWakes()
		h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 0, complete true`, "terminate room:a: shutdown: expired")
	})
}

// A message over the connection before, which comes to the channel when its client is elsewhere,
// is not handled: its answer would go there.
func TestAMessageOverTheConnectionBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old := h.connect(t)
		w := old.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		wake := suspended(t, l.channel.PID())
		c := h.connect(t)
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		synctest.Wait()
		old.send(`["1","2","room:a","count",{}]`)
		synctest.Wait()
		wake()
		if answer := c.hear(); answer.event != "phx_reply" || !strings.Contains(answer.payload, `"counted":0`) {
			t.Errorf("the join is answered %v", answer)
		}
		c.send(`["5","6","room:a","count",{}]`)
		c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
	})
}

// A session that its client was to come back to a channel by ends before the channel has seen to
// it: the channel stays where it is, for as long as it would have.
func TestAComebackEndsWithItsSession(t *testing.T) {
	for what, ends := range map[string]func(*house, *client){
		"which is killed": func(h *house, _ *client) { h.sessions()[0].Exit(actor.Kill) },
		"which lingers with another channel": func(h *house, c *client) {
			c.joins("8", "room:b", `{}`)
			h.tells(c.t, "join room:b")
			c.lose()
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				c, w, free := h.hung(t, with)
				time.Sleep(20 * time.Second)
				ends(h, c)
				synctest.Wait()
				free()
				time.Sleep(39 * time.Second)
				h.tells(t)
				time.Sleep(time.Second)
				h.tells(t, "terminate room:a: shutdown: nobody has come back")
				if again := h.connect(t).joins("9", "room:a", with(w)); *again.Resumed {
					t.Error("it came back to a channel that has ended")
				}
			})
		})
	}
}

// The channel that its client comes back to ends before that: the client has a new one.
func TestAChannelEndsBeforeItsClientIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		c.lose()
		wake := suspended(t, l.channel.PID())
		l.channel.Ref().Send(errors.New("broken"))
		c = h.connect(t)
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		c.send(`["5","6","room:a","count",{}]`)
		synctest.Wait()
		wake()
		if answer := c.hear(); answer.event != "phx_reply" || !strings.Contains(answer.payload, `"resumed":false`) {
			t.Errorf("the join is answered %v", answer)
		}
		c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
		h.tells(t, "join room:a", "terminate room:a: broken", "join room:a")
	})
}

// A channel that its client has left is not one to come back to, however long it takes to end.
func TestWhatIsLeftDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		l.hangs = make(chan struct{})
		c.send(`["1","2","room:a","hang",{}]`)
		c.send(`["1","3","room:a","phx_leave",{}]`)
		synctest.Wait()
		c.lose()
		if s := h.Stats(); s.Lingering != 0 {
			t.Errorf("%d channels linger", s.Lingering)
		}
		if again := h.connect(t).joins("1", "room:a", with(w)); *again.Resumed {
			t.Error("it came back to what it had left")
		}
		close(l.hangs)
		h.tells(t, "join room:a", "join room:a", "terminate room:a: shutdown: left")
	})
}

// A channel is linked to the session that its client is on, and to no other that it was, or was to
// be on; if that session crashes it ends as if the connection had been closed.
func TestAChannelIsLinkedToOneSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old := h.connect(t)
		w := old.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		before := h.sessions()[0]
		c := h.connect(t)
		c.joins("5", "room:a", with(w))
		now := slices.DeleteFunc(h.sessions(), func(s actor.PID) bool { return s == before })[0]
		c.send(`["5","6","room:a","count",{}]`) // so the first token does not hold any more
		c.hear()
		h.connect(t).joins("1", "room:a", with(w))
		info, _ := l.channel.PID().Info()
		for _, s := range h.sessions() {
			if linked := slices.Contains(info.Links, s); linked != (s == now) {
				t.Errorf("linked to %v: %v; its session is %v", s, linked, now)
			}
		}
		for len(h.told) > 0 {
			<-h.told
		}
		now.Exit(actor.Kill)
		h.tells(t, "terminate room:a: shutdown: connection closed")
	})
}

// A connection that is lost while the endpoint drains has nothing stay, be it its turn or not:
// nobody could come back.
func TestNothingLingersInADrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := buildHouse(nil, func(s ws.Socket) *server {
			return serveConfigInMemory(t, plain, ws.Config{Sockets: []ws.Socket{s}, DrainBatch: 1, DrainInterval: 10 * time.Second})
		})
		a, b := h.connect(t), h.connect(t)
		a.joins("1", "room:a", `{}`)
		b.joins("1", "room:a", `{}`)
		h.tells(t, "join room:a", "join room:a")
		drained := make(chan error)
		go func() { drained <- h.Drain(t.Context()) }()
		h.tells(t, "terminate room:a: shutdown: connection closed")
		a.lose()
		b.lose() // of which one was not drained yet
		h.tells(t, "terminate room:a: shutdown: connection closed")
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 || s.LingerRefusals != 0 {
			t.Errorf("in the drain: %+v", s)
		}
		if err := <-drained; err != nil {
			t.Error(err)
		}
	})
}

// gate is a lodger whose Join waits.
type gate struct {
	lodger
	opens chan struct{}
}

func (g *gate) Join(c *ws.Channel, topic string, in ws.Payload) (any, error) {
	<-g.opens
	return g.lodger.Join(c, topic, in)
}

// A connection is lost before its session knows that the client is in, and what the client has
// sent meanwhile is void: but a leave has the channel not stay.
func TestAJoinIsOverWhenItsConnectionIsLost(t *testing.T) {
	for sent, end := range map[string]struct {
		after  time.Duration
		reason error
	}{
		"count":     {time.Minute, ws.Lingered},
		"phx_leave": {0, ws.Closed},
	} {
		t.Run(sent, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				told := make(chan string, 10)
				g := &gate{lodger{tells: func(text string, args ...any) { told <- fmt.Sprintf(text, args...) }}, make(chan struct{})}
				room := ws.Topic("room:*", func() *gate { return g }, nil)
				room.Linger = time.Minute
				h := &house{server: serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{room}}), told: told}
				c := h.connect(t)
				c.send(`["1","1","room:a","phx_join",{}]`)
				c.send(fmt.Sprintf(`["1","2","room:a",%q,{}]`, sent))
				c.send(`["2","3","room:b","phx_leave",{}]`)
				c.hear()
				wake := suspended(t, h.sessions()[0])
				c.lose()
				close(g.opens)
				synctest.Wait()
				wake()
				time.Sleep(end.after)
				h.tells(t, "join room:a", fmt.Sprintf("terminate room:a: %v", end.reason))
				if g.counted > 0 {
					t.Error("it has handled what was void")
				}
				if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 {
					t.Errorf("after that: %+v", s)
				}
			})
		})
	}
}

// The token of one socket is none at another, which has the same topics for other clients.
func TestATokenOfAnotherSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := ws.Topic("room:*", func() guest { return guest{} }, nil)
		room.Linger = time.Minute
		s := serveInMemory(t, ws.Socket{Path: "/socket", Channels: ws.Routes{room}}, ws.Socket{Path: "/other", Channels: ws.Routes{room}})
		joins := func(path, params string) welcome {
			c, _, err := s.dial(t, path+"?vsn=2.0.0", nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.lose()
			return c.joins("1", "room:a", params)
		}
		w := joins("/socket", `{}`)
		if *joins("/other", with(w)).Resumed {
			t.Error("resumed at another socket")
		}
		if !*joins("/socket", with(w)).Resumed {
			t.Error("not resumed at its own")
		}
	})
}
