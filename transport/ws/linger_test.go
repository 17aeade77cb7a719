package ws_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
)

// lodger is the handler of a channel that lingers. It tells what it sees.
type lodger struct {
	tells   func(string, ...any)
	topic   string
	channel *ws.Channel
	counted int
	hangs   chan struct{} // what the event "hang" waits for
	stalls  chan struct{} // what Resumed waits for, if not nil
	resumes func()        // what it does then, if not nil
}

func (l *lodger) Join(c *ws.Channel, topic string, _ ws.Payload) (any, error) {
	l.topic, l.channel = topic, c
	l.tells("join %s", topic)
	return map[string]string{"topic": topic}, nil
}

func (l *lodger) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "count":
		l.counted++
		return ws.OK(map[string]int{"counted": l.counted}), nil
	case "crash":
		return ws.NoReply, errors.New("crash")
	case "hang":
		<-l.hangs
		return ws.NoReply, nil
	}
	return ws.NoReply, c.Push(event, in)
}

func (l *lodger) Resumed(c *ws.Channel, r ws.Resumption) (any, error) {
	if l.stalls != nil {
		<-l.stalls
	}
	if l.resumes != nil {
		l.resumes()
	}
	l.tells("resumed %s as %q: away %v, missed %d, complete %v", l.topic, c.SocketID(), r.Away, r.Missed, r.Complete)
	return map[string]int{"counted": l.counted}, nil
}

func (l *lodger) HandleInfo(c *ws.Channel, msg any) error {
	switch msg := msg.(type) {
	case error:
		return msg
	case string:
		return c.Push("info", map[string]string{"text": msg})
	}
	return nil
}

func (l *lodger) Terminate(_ *ws.Channel, reason error) { l.tells("terminate %s: %v", l.topic, reason) }

// house is an endpoint whose channels linger for a minute, but for those of "plain:*".
type house struct {
	*server
	told    chan string
	lodgers chan *lodger // those that have been made
}

func newHouse(t testing.TB, edit func(*ws.Socket)) *house {
	return buildHouse(edit, func(s ws.Socket) *server { return serveInMemory(t, s) })
}

func buildHouse(edit func(*ws.Socket), serve func(ws.Socket) *server) *house {
	h := &house{told: make(chan string, 100_000), lodgers: make(chan *lodger, 100_000)}
	made := func() *lodger {
		l := &lodger{tells: func(text string, args ...any) { h.told <- fmt.Sprintf(text, args...) }}
		h.lodgers <- l
		return l
	}
	room, taped, plain := ws.Topic("room:*", made, nil), ws.Topic("taped:*", made, nil), ws.Topic("plain:*", made, nil)
	room.Linger, taped.Linger = time.Minute, time.Minute
	taped.History = &ws.History{}
	socket := ws.Socket{
		Path:        "/socket",
		Channels:    ws.Routes{room, taped, plain},
		IdleTimeout: time.Hour,
		LongPoll:    true,
		Connect:     mortal,
	}
	if edit != nil {
		edit(&socket)
	}
	h.server = serve(socket)
	return h
}

// tells fails the test unless the handlers have told this, and nothing else, by now.
func (h *house) tells(t testing.TB, want ...string) {
	t.Helper()
	synctest.Wait()
	for _, w := range want {
		select {
		case got := <-h.told:
			if got != w {
				t.Errorf("a handler told %q, want %q", got, w)
			}
		default:
			t.Errorf("no handler told %q", w)
		}
	}
	select {
	case got := <-h.told:
		t.Errorf("a handler told %q as well", got)
	default:
	}
}

// welcome is the answer to a join on a topic that lingers.
type welcome struct {
	Token   string `json:"resume_token"`
	Resumed *bool  `json:"resumed"`
	Counted int
	Topic   string
}

// joins joins a topic, with these parameters, and returns the answer.
func (c *client) joins(joinRef, topic, params string) (w welcome) {
	c.t.Helper()
	c.send(fmt.Sprintf(`[%q,%q,%q,"phx_join",%s]`, joinRef, joinRef, topic, params))
	_, data, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	var m [5]json.RawMessage
	var reply struct {
		Status   string
		Response welcome
	}
	if json.Unmarshal(data, &m) != nil || string(m[0]) != strconv.Quote(joinRef) || string(m[3]) != `"phx_reply"` ||
		json.Unmarshal(m[4], &reply) != nil || reply.Status != "ok" || reply.Response.Token == "" || reply.Response.Resumed == nil {
		c.t.Fatalf("the answer to a join is %s", data)
	}
	return reply.Response
}

func with(w welcome) string { return fmt.Sprintf(`{"resume_token":%q}`, w.Token) }

// observing is a Socket's Observe that sends what it sees of one kind.
func observing[O ws.Observation](to chan<- O) func(ws.Observation) {
	return func(o ws.Observation) {
		if seen, ok := o.(O); ok {
			to <- seen
		}
	}
}

// lose cuts a connection, which the server notices.
func (c *client) lose() {
	c.conn.CloseNow()
	synctest.Wait()
}

// A client that comes back in time has its channel as it was: neither Join nor Terminate run,
// and what was pushed and broadcast meanwhile comes in order, behind the answer.
func TestAChannelLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connectWith(t, "user=ann")
		first := c.joins("1", "room:a", `{}`)
		if *first.Resumed || first.Topic != "room:a" {
			t.Errorf("the first join is answered %+v", first)
		}
		c.send(`["1","2","room:a","count",{}]`)
		c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
		l := <-h.lodgers
		h.tells(t, "join room:a")
		c.lose()
		if s := h.Stats(); s.Connections != 0 || s.Channels != 1 || s.Lingering != 1 {
			t.Errorf("while the client is away: %+v", s)
		}
		for n := range 3 {
			l.channel.Push("pushed", map[string]int{"n": n})
			h.Broadcast("room:a", "shouted", map[string]int{"n": n})
		}
		l.channel.Ref().Send("timer")
		time.Sleep(59 * time.Second)
		again := h.connectWith(t, "user=ann")
		second := again.joins("7", "room:a", with(first))
		if !*second.Resumed || second.Counted != 1 || second.Token == first.Token {
			t.Errorf("the second join is answered %+v", second)
		}
		again.expect(
			`["7",null,"room:a","pushed",{"n":0}]`, `[null,null,"room:a","shouted",{"n":0}]`,
			`["7",null,"room:a","pushed",{"n":1}]`, `[null,null,"room:a","shouted",{"n":1}]`,
			`["7",null,"room:a","pushed",{"n":2}]`, `[null,null,"room:a","shouted",{"n":2}]`,
			`["7",null,"room:a","info",{"text":"timer"}]`,
		)
		h.tells(t, `resumed room:a as "ann": away 59s, missed 7, complete true`)
		again.send(`["7","8","room:a","count",{}]`)
		again.expect(`["7","8","room:a","phx_reply",{"status":"ok","response":{"counted":2}}]`)
		h.Broadcast("room:a", "shouted", map[string]int{"n": 4})
		again.expect(`[null,null,"room:a","shouted",{"n":4}]`)
		time.Sleep(5 * time.Minute)
		again.heartbeat()
		if s := h.Stats(); s.Channels != 1 || s.Lingering != 0 || s.Joins != 1 || s.Resumes != 1 {
			t.Errorf("when the client is back: %+v", s)
		}
		again.send(`["7","9","room:a","phx_leave",{}]`)
		again.expect(`["7","9","room:a","phx_reply",{"status":"ok","response":{}}]`, `["7","7","room:a","phx_close",{}]`)
		again.lose()
		h.tells(t, "terminate room:a: shutdown: left")
	})
}

func TestNobodyComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		first := c.joins("1", "room:a", `{}`)
		c.send(`["1","2","plain:a","phx_join",{}]`)
		c.hear()
		h.tells(t, "join room:a", "join plain:a")
		c.lose()
		h.tells(t, "terminate plain:a: shutdown: connection closed")
		time.Sleep(time.Minute)
		h.tells(t, "terminate room:a: shutdown: nobody has come back")
		if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 {
			t.Errorf("when nobody came: %+v", s)
		}
		if again := h.connect(t).joins("2", "room:a", with(first)); *again.Resumed {
			t.Error("a channel that has ended was resumed")
		}
	})
}

// A token is good once, for the same user, socket and topic: with any other one the client joins
// as if it had none, and what lingers is not touched.
func TestTokensThatDoNotHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connectWith(t, "user=ann")
		first := c.joins("1", "room:a", `{}`)
		c.lose()
		h.tells(t, "join room:a")
		changed := func(i int) string {
			b := []byte(first.Token)
			b[i] = map[bool]byte{true: 'A', false: 'B'}[b[i] != 'A']
			return string(b)
		}
		for what, stolen := range map[string]struct{ user, topic, token string }{
			"of another user":    {"bob", "room:a", strconv.Quote(first.Token)},
			"of nobody":          {"", "room:a", strconv.Quote(first.Token)},
			"of another topic":   {"ann", "room:b", strconv.Quote(first.Token)},
			"changed in front":   {"ann", "room:a", strconv.Quote(changed(0))},
			"changed in between": {"ann", "room:a", strconv.Quote(changed(20))},
			"changed at the end": {"ann", "room:a", strconv.Quote(changed(len(first.Token) - 1))},
			"longer":             {"ann", "room:a", strconv.Quote(first.Token + "A")},
			"shorter":            {"ann", "room:a", strconv.Quote(first.Token[1:])},
			"with a line end":    {"ann", "room:a", strconv.Quote(first.Token + "\n")},
			"with one within":    {"ann", "room:a", strconv.Quote(first.Token[:9] + "\r" + first.Token[9:])},
			"long":               {"ann", "room:a", strconv.Quote(strings.Repeat("A", 100_000))},
			"no text":            {"ann", "room:a", `[1]`},
			"null":               {"ann", "room:a", `null`},
		} {
			thief := h.connectWith(t, "user="+stolen.user)
			if w := thief.joins("1", stolen.topic, `{"resume_token":`+stolen.token+`}`); *w.Resumed {
				t.Errorf("%s: resumed", what)
			}
			h.tells(t, "join "+stolen.topic)
			thief.send(`["1","2","` + stolen.topic + `","phx_leave",{}]`)
			thief.hear()
			thief.hear()
			h.tells(t, "terminate "+stolen.topic+": shutdown: left")
			thief.lose()
		}
		again := h.connectWith(t, "user=ann")
		second := again.joins("1", "room:a", with(first))
		h.tells(t, `resumed room:a as "ann": away 0s, missed 0, complete true`)
		if late := h.connectWith(t, "user=ann").joins("1", "room:a", with(first)); *late.Resumed || !*second.Resumed {
			t.Error("a token was good twice")
		}
		again.heartbeat() // and has noticed nothing
		h.tells(t, "join room:a")
	})
}

// The client is faster than the server in noticing that the connection is lost: its channel is
// taken away from the old one, which hears of that if it is there.
func TestAChannelIsTakenFromAConnectionThatSeemsToLive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old := h.connect(t)
		first := old.joins("1", "room:a", `{}`)
		old.send(`["1","2","plain:a","phx_join",{}]`)
		old.hear()
		h.tells(t, "join room:a", "join plain:a")
		c := h.connect(t)
		second := c.joins("5", "room:a", with(first))
		h.tells(t, `resumed room:a as "": away 0s, missed 0, complete true`)
		old.expect(`["1","1","room:a","phx_error",{"reason":"resumed elsewhere"}]`)
		h.Broadcast("room:a", "shouted", nil)
		c.expect(`[null,null,"room:a","shouted",{}]`)
		old.send(`["1","3","room:a","count",{}]`)
		old.expect(`[null,"3","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
		old.joins("2", "room:a", with(first)) // anew
		h.tells(t, "join room:a")
		old.lose()
		h.tells(t, "terminate plain:a: shutdown: connection closed")
		c.send(`["5","6","room:a","count",{}]`)
		c.expect(`["5","6","room:a","phx_reply",{"status":"ok","response":{"counted":1}}]`)
		if !*second.Resumed {
			t.Error("not resumed")
		}
	})
}

// A client whose connection is lost before it has got the answer comes back with the token that
// it has. Once it has shown to have the next one, that is the only one.
func TestAnAnswerThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		c.lose()
		for range 3 {
			c = h.connect(t)
			c.joins("1", "room:a", with(w)) // which is not noted
			c.lose()
		}
		c = h.connect(t)
		next := c.joins("1", "room:a", with(w))
		c.send(`["1","2","room:a","count",{}]`)
		c.hear()
		c.lose()
		resumed := `resumed room:a as "": away 0s, missed 0, complete true`
		h.tells(t, "join room:a", resumed, resumed, resumed, resumed)
		if again := h.connect(t).joins("1", "room:a", with(w)); *again.Resumed {
			t.Error("a token that was replaced was good")
		}
		if again := h.connect(t).joins("1", "room:a", with(next)); !*again.Resumed {
			t.Error("the last token was not good")
		}
		h.tells(t, "join room:a", resumed)
	})
}

// What ends a channel ends one that lingers, for the same reason.
func TestWhatEndsChannelsThatLinger(t *testing.T) {
	for what, end := range map[string]struct {
		params string
		do     func(*house, *lodger)
		reason string
	}{
		"a ban":              {"user=ann", func(h *house, _ *lodger) { h.Disconnect("ann") }, "shutdown: connection closed"},
		"a drain":            {"", func(h *house, _ *lodger) { h.Drain(context.Background()) }, "shutdown: connection closed"},
		"its Identity's end": {"user=ann&ttl=30s", func(*house, *lodger) { time.Sleep(30 * time.Second) }, "shutdown: connection closed"},
		"its own expiry":     {"", func(_ *house, l *lodger) { l.channel.Expire(time.Now()) }, "shutdown: expired"},
		"a crash":            {"", func(_ *house, l *lodger) { l.channel.Ref().Send(errors.New("broken")) }, "broken"},
		"its handler":        {"", func(_ *house, l *lodger) { l.channel.Ref().Send(ws.Stop) }, ws.Stop.Error()},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t, nil)
				c := h.connectWith(t, end.params)
				w := c.joins("1", "room:a", `{}`)
				c.lose()
				h.tells(t, "join room:a")
				end.do(h, <-h.lodgers)
				h.tells(t, "terminate room:a: "+end.reason)
				if s := h.Stats(); s.Channels != 0 || s.Lingering != 0 {
					t.Errorf("after that: %+v", s)
				}
				if what == "a drain" {
					return
				}
				if again := h.connectWith(t, strings.ReplaceAll(end.params, "30s", "1h")).joins("1", "room:a", with(w)); *again.Resumed {
					t.Error("a channel that has ended was resumed")
				}
			})
		})
	}
}

// An Identity counts as long as its connection is the channel's.
func TestTheIdentityIsThatOfTheLastConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		c := h.connectWith(t, "user=ann&ttl=30s")
		w := c.joins("1", "room:a", `{}`)
		l := <-h.lodgers
		l.channel.Expire(time.Now().Add(5 * time.Minute))
		c.lose()
		time.Sleep(20 * time.Second)
		c = h.connectWith(t, "user=ann&ttl=1h")
		c.joins("1", "room:a", with(w))
		time.Sleep(4*time.Minute + 39*time.Second)
		c.heartbeat()
		h.tells(t, "join room:a", `resumed room:a as "ann": away 20s, missed 0, complete true`)
		time.Sleep(time.Second)
		h.tells(t, "terminate room:a: shutdown: expired")
		c.expect(`["1","1","room:a","phx_error",{"reason":"expired"}]`)
	})
}

// Those that a client has left, or has not joined yet, do not linger; nor do more than may.
func TestWhatDoesNotLinger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, func(s *ws.Socket) { s.MaxLingering = 2 })
		c := h.connect(t)
		for _, topic := range []string{"room:a", "room:b", "room:c"} {
			c.joins("1", topic, `{}`)
		}
		h.tells(t, "join room:a", "join room:b", "join room:c")
		c.lose()
		h.tells(t, "terminate room:c: shutdown: connection closed")
		if s := h.Stats(); s.Channels != 2 || s.Lingering != 2 {
			t.Errorf("with room for two: %+v", s)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		<-h.told
		<-h.told
		c = h.connect(t)
		c.joins("1", "room:a", `{}`)
		c.send(`["1","2","room:a","phx_leave",{}]`)
		c.lose()
		h.tells(t, "join room:a", "terminate room:a: shutdown: left")
	})
}

// A client that counts gets what was pushed before its connection was known to be lost, too, and
// nothing twice. One that does not is told that something may be lost.
func TestPushesThatWereUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		push := func(l *lodger, first, last int) {
			for n := first; n <= last; n++ {
				l.channel.Push("pushed", map[string]int{"n": n})
			}
		}
		c := h.connect(t)
		w := c.joins("1", "room:a", `{"got":null}`)
		l := <-h.lodgers
		push(l, 1, 5)
		var got heard
		for n := range 3 {
			if got = c.hear(); got.offset() != n+1 || !strings.HasPrefix(got.ref, "~") {
				t.Errorf("push %d has the ref %q", n+1, got.ref)
			}
		}
		c.lose()
		push(l, 6, 7)
		c = h.connect(t)
		w = c.joins("2", "room:a", fmt.Sprintf(`{"resume_token":%q,"got":%q}`, w.Token, got.ref))
		push(l, 8, 8)
		got = c.hears(`pushed 4 {"n":4}`, `pushed 5 {"n":5}`, `pushed 6 {"n":6}`, `pushed 7 {"n":7}`, `pushed 8 {"n":8}`)
		h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 4, complete true`)

		old := c // which is lost, but not known to be
		push(l, 9, 9)
		old.sendBinary(binaryPush("2", "9", "room:a", "bytes", "\x01\x02"))
		synctest.Wait()
		c = h.connect(t)
		w = c.joins("3", "room:a", fmt.Sprintf(`{"resume_token":%q,"got":%q}`, w.Token, got.ref))
		c.hears(`pushed 9 {"n":9}`)
		if _, data, _ := c.read(); !strings.HasSuffix(string(data), "\x01\x02") {
			t.Errorf("got %q, want the binary push", data)
		}
		got = c.hears(`phx_position 10 {}`)
		h.tells(t, `resumed room:a as "": away 0s, missed 2, complete true`)

		c.lose()
		c = h.connect(t)
		w = c.joins("4", "room:a", with(w)) // which does not say what it has got
		h.tells(t, `resumed room:a as "": away 0s, missed 0, complete false`)
		push(l, 11, 11)
		c.hears(`pushed 0 {"n":11}`)
		c.lose()
		push(l, 12, 12)
		c = h.connect(t)
		w = c.joins("5", "room:a", with(w))
		h.tells(t, `resumed room:a as "": away 0s, missed 1, complete false`)
		c.hears(`pushed 0 {"n":12}`)
	})
}

// What is kept is bounded: if there is more, the client gets none of it, and the handler is told.
func TestMoreThanIsKept(t *testing.T) {
	for what, send := range map[string]func(*house, *lodger){
		"pushes": func(_ *house, l *lodger) { l.channel.Push("long", map[string]string{"text": strings.Repeat("x", 100)}) },
		"broadcasts": func(h *house, _ *lodger) {
			h.Broadcast("room:a", "long", map[string]string{"text": strings.Repeat("x", 100)})
		},
	} {
		for params, counts := range map[string]bool{`{}`: false, `{"got":null}`: true} {
			t.Run(fmt.Sprint(what, counts), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t, func(s *ws.Socket) { s.MaxLingerBytes = 2000 })
					c := h.connect(t)
					w := c.joins("1", "room:a", params)
					l := <-h.lodgers
					c.lose()
					for range 7 {
						send(h, l)
					}
					c = h.connect(t)
					w = c.joins("1", "room:a", with(w))
					for range 7 {
						c.hear()
					}
					h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 7, complete true`)
					c.lose()
					for range 100 {
						send(h, l)
					}
					c = h.connect(t)
					c.joins("1", "room:a", with(w))
					c.heartbeat()
					h.tells(t, `resumed room:a as "": away 0s, missed 0, complete false`)
				})
			})
		}
	}
}

// On a recorded topic the log has what was broadcast, and the client says where it is.
func TestARecordedTopicLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		news := func(first, last int) {
			for n := first; n <= last; n++ {
				h.Broadcast("taped:a", "news", map[string]int{"n": n})
			}
		}
		c := h.connect(t)
		w := c.joins("1", "taped:a", `{"since":null,"got":null}`)
		c.hear()
		l := <-h.lodgers
		news(1, 3)
		got := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
		c.lose()
		news(4, 5)
		l.channel.Push("pushed", nil)
		c = h.connect(t)
		w = c.joins("2", "taped:a", fmt.Sprintf(`{"since":%q,"got":null,"resume_token":%q}`, got.ref, w.Token))
		if !*w.Resumed {
			t.Error("not resumed")
		}
		c.hears(`pushed 1 {}`)
		if told := c.hear(); told.event != "phx_recovery" || told.payload != recovery(true, 3, got.at(5)) {
			t.Errorf("told of %v", told)
		}
		news(6, 6)
		c.hears(`news 3 {"n":3}`, `news 4 {"n":4}`, `news 5 {"n":5}`, `news 6 {"n":6}`)
		h.tells(t, "join taped:a", `resumed taped:a as "": away 0s, missed 1, complete true`)
		if r, named := l.channel.Recovery(); !named || !r.Complete || r.Missed != 3 {
			t.Errorf("the handler is told %+v", r)
		}
		c.lose()
		news(7, 7)
		c = h.connect(t)
		w = c.joins("3", "taped:a", with(w)) // which wants to know of nothing
		news(8, 8)
		c.hears(`news 8 {"n":8}`)
	})
}

// A client that polls and one with a WebSocket have the same channel, in both versions.
func TestAChannelChangesItsTransport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil)
		old, _, err := h.dial(t, "/socket?vsn=1.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		old.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
		_, data, err := old.read()
		if err != nil {
			t.Fatal(err)
		}
		var m struct{ Payload struct{ Response welcome } }
		if err := json.Unmarshal(data, &m); err != nil || m.Payload.Response.Token == "" {
			t.Fatalf("answered %s, %v", data, err)
		}
		l := <-h.lodgers
		old.lose()
		l.channel.Push("pushed", nil)
		p := h.pollClient(t, "")
		p.open()
		p.post(`["2","2","room:a","phx_join",` + with(m.Payload.Response) + `]`)
		synctest.Wait()
		got := strings.Join(p.follow().Messages, "\n")
		if !strings.Contains(got, `"resumed":true`) || !strings.HasSuffix(got, `["2",null,"room:a","pushed",{}]`) {
			t.Errorf("a client that polls got %s", got)
		}
		h.Broadcast("room:a", "shouted", nil)
		if got := p.follow().Messages; len(got) != 1 || got[0] != `[null,null,"room:a","shouted",{}]` {
			t.Errorf("a client that polls got %q", got)
		}
		h.tells(t, "join room:a", `resumed room:a as "": away 0s, missed 1, complete true`)
		time.Sleep(15 * time.Second) // it does not poll any more
		synctest.Wait()
		if s := h.Stats(); s.Lingering != 1 || s.Connections != 0 {
			t.Errorf("when it polls no more: %+v", s)
		}
		time.Sleep(time.Minute)
		h.tells(t, "terminate room:a: shutdown: nobody has come back")
	})
}

// A client comes back to a channel whose handler hangs, and sends more than waits for a channel.
// When nothing has been handled for a long time it gets another channel, and its answers.
func TestAClientDoesNotWaitForAChannelThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 30 * time.Second // less than channels linger
		h := newHouse(t, func(s *ws.Socket) { s.IdleTimeout, s.MaxUnhandled = most, 2000 })
		c := h.connect(t)
		w := c.joins("1", "room:a", `{}`)
		hung := <-h.lodgers
		hung.hangs = make(chan struct{})
		c.send(`["1","2","room:a","hang",{}]`)
		synctest.Wait()
		c.lose()
		c = h.connect(t)
		start := time.Now()
		c.send(fmt.Sprintf(`["5","5","room:a","phx_join",%s]`, with(w)))
		synctest.Wait() // so that it does not count as handled when nothing else is
		for n := range 40 {
			c.send(fmt.Sprintf(`["5","n%d","room:a","count",{}]`, n))
		}
		if answer := c.hear(); !strings.Contains(answer.payload, `"resumed":false`) {
			t.Errorf("the answer to the join is %s", answer.payload)
		}
		for n := range 40 {
			c.expect(fmt.Sprintf(`["5","n%d","room:a","phx_reply",{"status":"ok","response":{"counted":%d}}]`, n, n+1))
		}
		if took := time.Since(start); took > most+time.Second {
			t.Errorf("it took %v", took)
		}
		close(hung.hangs)
	})
}
