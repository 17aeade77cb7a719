package ws_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// guest is the handler of a channel on a recorded topic.
type guest struct {
	joining func(*ws.Channel) (any, error) // nil: it lets all in
}

func (g guest) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	if g.joining != nil {
		return g.joining(c)
	}
	return nil, nil
}

func (g guest) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	if event == "typing" {
		return ws.NoReply, c.BroadcastFrom(event, in, ws.Unrecorded())
	}
	return ws.NoReply, c.BroadcastFrom(event, in)
}

// recorded is a socket whose topics have a history.
func recorded[H ws.Handler](h *ws.History, newHandler func() H) ws.Socket {
	route := ws.Topic("room:*", newHandler, nil)
	route.History = h
	return ws.Socket{Path: "/socket", Channels: ws.Routes{route}, IdleTimeout: time.Hour}
}

func newGuest() guest { return guest{} }

// heard is a message as a client of a recorded topic gets it.
type heard struct {
	ref, event, payload string
}

func (h heard) offset() int {
	_, offset, _ := strings.Cut(h.ref, ":")
	n, _ := strconv.Atoi(offset)
	return n
}

// at is the position with another offset, in the epoch of a message.
func (h heard) at(offset int) string {
	epoch, _, _ := strings.Cut(h.ref, ":")
	return fmt.Sprintf("%s:%d", epoch, offset)
}

// hear reads the next message, of version 2.
func (c *client) hear() heard {
	c.t.Helper()
	_, data, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	var m [5]json.RawMessage
	var ref, event string
	if err := json.Unmarshal(data, &m); err != nil {
		c.t.Fatalf("%q: %v", data, err)
	}
	json.Unmarshal(m[1], &ref)
	json.Unmarshal(m[3], &event)
	return heard{ref, event, string(m[4])}
}

// hears reads messages, of which event, payload and, if it is not 0, offset must be these:
// `news 3 {"n":1}`. It returns the last one.
func (c *client) hears(want ...string) (got heard) {
	c.t.Helper()
	for _, w := range want {
		got = c.hear()
		if s := fmt.Sprintf("%s %d %s", got.event, got.offset(), got.payload); s != w {
			c.t.Fatalf("got  %s\nwant %s", s, w)
		}
	}
	return got
}

// joinSince joins with the parameter since, which is JSON, and returns what it is told.
func (c *client) joinSince(since string) heard {
	c.t.Helper()
	c.send(`["1","1","room:a","phx_join",{"since":` + since + `}]`)
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	return c.hear()
}

// news broadcasts the numbers from first to last.
func (s *server) news(t testing.TB, first, last int, options ...ws.BroadcastOption) {
	t.Helper()
	for n := first; n <= last; n++ {
		if err := s.Broadcast("room:a", "news", map[string]int{"n": n}, options...); err != nil {
			t.Fatal(err)
		}
	}
}

// recovery is what a client is told.
func recovery(complete bool, missed int, position string) string {
	return fmt.Sprintf(`{"complete":%v,"missed":%d,"position":%q}`, complete, missed, position)
}

func TestAClientGetsWhatItHasMissed(t *testing.T) {
	s := serveInMemory(t, recorded(&ws.History{}, newGuest))
	c, stays := s.connect(t), s.connect(t)
	start := c.joinSince("null")
	if start.event != "phx_position" || start.offset() != 0 || start.ref == "" {
		t.Errorf("told of %v at the first join", start)
	}
	stays.join("room:a") // and asks for nothing
	s.news(t, 1, 2)
	last := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
	c.conn.CloseNow()
	s.news(t, 3, 5)

	again := s.connect(t)
	told := again.joinSince(strconv.Quote(last.ref))
	if told.event != "phx_recovery" || told.ref != last.ref || told.payload != recovery(true, 3, last.at(5)) {
		t.Errorf("told of %v, want a recovery", told)
	}
	again.hears(`news 3 {"n":3}`, `news 4 {"n":4}`, `news 5 {"n":5}`)
	s.news(t, 6, 6)
	again.hears(`news 6 {"n":6}`)
	again.heartbeat()

	never := s.connect(t) // got a message: from its start on
	never.joinSince(strconv.Quote(start.ref))
	never.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`, `news 4 {"n":4}`, `news 5 {"n":5}`, `news 6 {"n":6}`)
	stays.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`, `news 4 {"n":4}`, `news 5 {"n":5}`, `news 6 {"n":6}`)

	old, _, err := s.dial(t, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	old.send(`{"topic":"room:a","event":"phx_join","payload":{"since":"` + last.at(5) + `"},"ref":"1"}`)
	old.expect(`{"topic":"room:a","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}`,
		`{"topic":"room:a","event":"phx_recovery","ref":"`+last.at(5)+`","payload":`+recovery(true, 1, last.at(6))+`}`,
		`{"topic":"room:a","event":"news","ref":"`+last.at(6)+`","payload":{"n":6}}`)
}

// Positions that make no sense are told as such, and cost nothing else.
func TestWhatIsNotRecovered(t *testing.T) {
	seen := make(chan ws.Recovery, 1)
	s := serveInMemory(t, recorded(&ws.History{Size: 2}, func() guest {
		return guest{func(c *ws.Channel) (any, error) {
			if r, named := c.Recovery(); named {
				seen <- r
			}
			return nil, nil
		}}
	}))
	watch := s.connect(t)
	watch.joinSince("null")
	s.news(t, 1, 4)
	last := watch.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`, `news 4 {"n":4}`)
	for _, since := range []string{
		`7`, `[]`, `{}`, `true`, `"7"`, `"@:"`, `"@x"`, `"@x:"`, `"@x:1:2"`, `"@x:-1"`, `"@x:+1"`, `"@x:01"`, `"@x:1e3"`,
		`"@foreign:3"`, `"@` + strings.Repeat("x", 64) + `:3"`, `"@` + strings.Repeat("x", 1000) + `:3"`, `"@\u0000:1"`, `"@é:1"`,
		strconv.Quote(last.at(1)),                              // of what is not kept any more
		strconv.Quote(last.at(5)),                              // of what is to come
		strconv.Quote(last.at(0)[:2] + "18446744073709551615"), // huge
		strconv.Quote(strings.TrimSuffix(last.at(0), "0") + "18446744073709551615"),
		strconv.Quote(strings.TrimSuffix(last.at(0), "0") + "18446744073709551616"),
	} {
		c := s.connect(t)
		told := c.joinSince(since)
		if told.event != "phx_recovery" || told.ref != last.ref || told.payload != recovery(false, 0, last.ref) {
			t.Errorf("since %s: told of %v", since, told)
		}
		if r := <-seen; r.Complete || r.Missed != 0 || r.To.String() != last.ref {
			t.Errorf("since %s: in Join %+v", since, r)
		}
		c.heartbeat()
		c.conn.CloseNow()
	}
	c := s.connect(t) // which has missed all that is kept, and no more
	if told := c.joinSince(strconv.Quote(last.at(2))); told.payload != recovery(true, 2, last.ref) {
		t.Errorf("told of %v", told)
	}
	c.hears(`news 3 {"n":3}`, `news 4 {"n":4}`)
	if r := <-seen; !r.Complete || r.Missed != 2 || r.From.Offset != 2 || r.To.Offset != 4 {
		t.Errorf("in Join %+v", r)
	}
}

func TestWhatIsNotRecorded(t *testing.T) {
	s := serveInMemory(t, recorded(&ws.History{}, newGuest))
	c := s.connect(t)
	start := c.joinSince(`""`)
	s.news(t, 1, 1)
	s.news(t, 2, 2, ws.Unrecorded())
	if err := s.LocalBroadcast("room:a", "here", nil); err != nil {
		t.Fatal(err)
	}
	s.news(t, 3, 3)
	c.hears(`news 1 {"n":1}`, `news 0 {"n":2}`, `here 0 {}`, `news 2 {"n":3}`)
	again := s.connect(t)
	again.joinSince(strconv.Quote(start.ref))
	again.hears(`news 1 {"n":1}`, `news 2 {"n":3}`)
	again.heartbeat()
}

// A message that has no room for a position is followed by it; and the client that a
// broadcast leaves out is told of it.
func TestPositionsThatComeBehind(t *testing.T) {
	positionsComeBehind(t, recorded(&ws.History{}, newGuest))
	positionsComeBehind(t, recorded(&ws.History{}, func() censor { return censor{} })) // all go through its actor
}

func positionsComeBehind(t *testing.T, socket ws.Socket) {
	s := serveInMemory(t, socket)
	c, deaf := s.connect(t), s.connect(t)
	start := c.joinSince("null")
	deaf.join("room:a")
	if err := s.Broadcast("room:a", "pic", ws.Binary([]byte{1, 2})); err != nil {
		t.Fatal(err)
	}
	c.expect("\x02\x06\x03room:apic\x01\x02")
	c.hears(`phx_position 1 {}`)
	c.send(`["1","2","room:a","said",{}]`)
	c.hears(`phx_position 2 {}`)
	c.send(`["1","3","room:a","typing",{}]`) // has no position to be told of
	deaf.expect("\x02\x06\x03room:apic\x01\x02")
	deaf.hears(`said 2 {}`, `typing 0 {}`)
	deaf.send(`["1","2","room:a","said",{"by":"deaf"}]`)
	c.hears(`said 3 {"by":"deaf"}`)
	deaf.heartbeat()
	again := s.connect(t)
	again.joinSince(strconv.Quote(start.ref))
	again.expect("\x02\x06\x03room:apic\x01\x02")
	again.hears(`phx_position 1 {}`, `said 2 {}`, `said 3 {"by":"deaf"}`)
}

func TestModes(t *testing.T) {
	type quote struct {
		Of string `json:"of"`
		N  int    `json:"n"`
	}
	said := func(of string, n, offset int) string { return fmt.Sprintf(`quote %d {"of":%q,"n":%d}`, offset, of, n) }
	keyed := &ws.History{Mode: ws.Keyed, Size: 3, Key: func(_ string, p ws.Payload) string {
		var q quote
		p.Decode(&q)
		return q.Of
	}}
	for _, x := range []struct {
		name         string
		history      *ws.History
		first, again []string // what a new client gets, and one that has got the second message
		complete     bool     // whether the latter gets all
	}{
		{"latest", &ws.History{Mode: ws.Latest}, []string{said("b", 5, 5)}, []string{said("b", 5, 5)}, true},
		{"keyed", keyed, []string{said("c", 3, 3), said("a", 4, 4), said("b", 5, 5)}, []string{said("c", 3, 3), said("a", 4, 4), said("b", 5, 5)}, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			s := serveInMemory(t, recorded(x.history, newGuest))
			for i, of := range []string{"a", "b", "c", "a", "b"} { // before there is a client
				if err := s.Broadcast("room:a", "quote", quote{of, i + 1}); err != nil {
					t.Fatal(err)
				}
			}
			plain, first := s.connect(t), s.connect(t)
			plain.join("room:a")
			plain.hears(x.first...)
			told := first.joinSince("null")
			if told.event != "phx_position" || told.offset() != 0 {
				t.Errorf("told of %v", told)
			}
			last := first.hears(x.first...)
			again := s.connect(t)
			if told := again.joinSince(strconv.Quote(last.at(2))); told.payload != recovery(true, len(x.again), last.at(5)) || told.offset() != 2 {
				t.Errorf("told of %v", told)
			}
			again.hears(x.again...)
			up := s.connect(t)
			if told := up.joinSince(strconv.Quote(last.at(5))); told.payload != recovery(true, 0, last.at(5)) {
				t.Errorf("told of %v", told)
			}
			foreign := s.connect(t)
			if told := foreign.joinSince(`"@x:4"`); told.payload != recovery(false, len(x.first), last.at(5)) || told.ref != last.at(0) {
				t.Errorf("told of %v", told)
			}
			foreign.hears(x.first...)
			for _, c := range []*client{up, foreign} {
				c.heartbeat()
			}
		})
	}
}

// A key too many is dropped, and those that had not got it know.
func TestAKeyedHistoryKeepsSizeKeys(t *testing.T) {
	s := serveInMemory(t, recorded(&ws.History{Mode: ws.Keyed, Size: 2, Key: func(event string, _ ws.Payload) string { return event }}, newGuest))
	for _, event := range []string{"a", "b", "c", "b"} {
		if err := s.Broadcast("room:a", event, nil); err != nil {
			t.Fatal(err)
		}
	}
	c := s.connect(t)
	c.joinSince("null")
	last := c.hears("c 3 {}", "b 4 {}")
	for since, complete := range map[int]bool{0: false, 1: true, 2: true, 3: true} {
		c := s.connect(t)
		if told := c.joinSince(strconv.Quote(last.at(since))); strings.Contains(told.payload, "true") != complete {
			t.Errorf("since %d: told of %v", since, told)
		}
	}
}

// OUT-3: what a handler lets through, it lets through on replay, and what it pushes carries
// the position, in the order of the log.
type censor struct{ guest }

func (censor) Intercepts() []string { return []string{"rude", "long", "none"} }

func (censor) HandleOut(c *ws.Channel, event string, in ws.Payload) error {
	switch event {
	case "rude":
		return c.Push("beep", in)
	case "long":
		return errors.Join(c.Push("part", nil), c.Push("part", nil))
	}
	return nil
}

func TestAReplayGoesThroughTheHandler(t *testing.T) {
	s := serveInMemory(t, recorded(&ws.History{}, func() censor { return censor{} }))
	c := s.connect(t)
	start := c.joinSince("null")
	for _, event := range []string{"rude", "fine", "long", "none", "fine"} {
		if err := s.Broadcast("room:a", event, nil); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"beep 1 {}", "fine 2 {}", "part 0 {}", "part 3 {}", "fine 5 {}"}
	c.hears(want...)
	again := s.connect(t)
	again.joinSince(strconv.Quote(start.ref))
	again.hears(want...)
	for range 20 { // it is told now and then how far it is with what it does not get
		if err := s.Broadcast("room:a", "none", nil); err != nil {
			t.Fatal(err)
		}
	}
	again.hears("phx_position 20 {}")
	again.heartbeat()
}

// What is kept of a topic is bounded by time, also where nothing else comes, and so is how
// long and how many topics are kept that nobody is on.
func TestAHistoryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, recorded(&ws.History{TTL: time.Minute, MaxIdle: 2}, newGuest))
		c := s.connect(t)
		start := c.joinSince("null")
		s.news(t, 1, 1)
		time.Sleep(30 * time.Second)
		c.conn.CloseNow()
		synctest.Wait()
		s.news(t, 2, 2) // the log goes on

		since := func(offset int, want string) {
			t.Helper()
			c := s.connect(t)
			if told := c.joinSince(strconv.Quote(start.at(offset))); !strings.HasPrefix(told.payload, want) {
				t.Errorf("after %d told of %v, want %s", offset, told, want)
			}
			c.conn.CloseNow()
			synctest.Wait()
		}
		since(0, `{"complete":true,"missed":2,`)
		time.Sleep(30 * time.Second)
		since(0, `{"complete":false`)
		since(1, `{"complete":true,"missed":1,`)
		time.Sleep(59 * time.Second)
		since(2, `{"complete":true,"missed":0,`)
		time.Sleep(80 * time.Second)
		since(2, `{"complete":false`) // it is another log

		c = s.connect(t)
		start = c.joinSince("null")
		for _, topic := range []string{"room:b", "room:c"} {
			c.send(fmt.Sprintf(`["2","2",%q,"phx_join",{}]`, topic))
			c.hear()
		}
		for _, topic := range []string{"room:a", "room:b"} {
			c.send(fmt.Sprintf(`[null,"3",%q,"phx_leave",{}]`, topic))
			c.hear()
			c.hear()
		}
		since(0, `{"complete":true,"missed":0`)
		for _, topic := range []string{"room:c"} { // the third, so that the first is forgotten
			c.send(fmt.Sprintf(`[null,"3",%q,"phx_leave",{}]`, topic))
			c.hear()
			c.hear()
		}
		synctest.Wait()
		since(0, `{"complete":true,"missed":0`) // room:b was idle for longer
	})
}

// A client that has missed more than there is room for at once gets it as it reads, in order
// with what is broadcast meanwhile.
func TestALongReplayWaitsForItsClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := recorded(&ws.History{MaxBytes: 10 << 20}, newGuest)
		socket.MaxQueue = 64 << 10
		s := serveInMemory(t, socket)
		c := s.connect(t)
		start := c.joinSince("null")
		body := strings.Repeat("x", 4<<10)
		say := func(n int) {
			t.Helper()
			if err := s.Broadcast("room:a", "news", map[string]any{"n": n, "body": body}); err != nil {
				t.Fatal(err)
			}
			c.hear()
		}
		for n := range 100 {
			say(n + 1)
		}
		again := s.connect(t)
		again.send(`["1","1","room:a","phx_join",{"since":"` + start.ref + `"}]`)
		again.hear()
		again.hear()
		for n := range 150 {
			if n < 50 {
				say(101 + n)
			}
			if got := again.hear(); got.offset() != n+1 {
				t.Fatalf("message %d after %d", got.offset(), n)
			}
		}
		again.heartbeat()
	})
}

// A recorder that has lost its subscription to its topic has its channels join anew.
func TestChannelsOfALostLogJoinAnew(t *testing.T) {
	sys := newSystem()
	l := newPipeListener()
	s := serveSystemOn(t, sys, l, recorded(&ws.History{}, newGuest))
	s.addr, s.dialer = "memory", l.dial
	p := &planted{server: s}
	c := s.connect(t)
	start := c.joinSince("null")
	before := p.part("history")
	before.Exit(actor.Kill)
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
	eventually(t, "the archive is there again", func() bool { now := p.part("history"); return !now.IsZero() && now != before })
	told := c.joinSince(strconv.Quote(start.ref))
	if told.payload != recovery(false, 0, told.ref) || told.ref == start.ref {
		t.Errorf("told of %v", told)
	}
	s.news(t, 1, 1)
	c.hears(`news 1 {"n":1}`)
}

// The nodes of a cluster have a log each, of what all of them broadcast.
func TestMessagesOfOtherNodesAreRecorded(t *testing.T) {
	hub := new(pubsub.Hub)
	a := serveNode(t, pubsub.NewCluster(hub.Node("a")), recorded(&ws.History{}, newGuest))
	b := serveNode(t, pubsub.NewCluster(hub.Node("b")), recorded(&ws.History{}, newGuest))
	c := b.connect(t)
	start := c.joinSince("null")
	a.news(t, 1, 1)
	c.hears(`news 1 {"n":1}`)
	a.news(t, 2, 2, ws.Unrecorded())
	a.news(t, 3, 3, ws.Idempotent("three"))
	c.hears(`news 0 {"n":2}`, `news 2 {"n":3}`)
	b.news(t, 3, 3, ws.Idempotent("three"))
	b.news(t, 4, 4)
	c.hears(`news 3 {"n":4}`)
	again := b.connect(t)
	again.joinSince(strconv.Quote(start.ref))
	again.hears(`news 1 {"n":1}`, `news 2 {"n":3}`, `news 3 {"n":4}`)
	moved := a.connect(t)
	if told := moved.joinSince(strconv.Quote(start.ref)); told.payload != recovery(false, 0, told.ref) {
		t.Errorf("on the other node: told of %v", told)
	}
}

// Messages that the network has lost are a hole in the log.
func TestAGapOfTheNetworkIsAHole(t *testing.T) {
	hub := new(pubsub.Hub)
	adapter := &holed{Adapter: hub.Node("a")}
	s := serveNode(t, pubsub.NewCluster(adapter), recorded(&ws.History{}, newGuest))
	c := s.connect(t)
	c.joinSince("null")
	s.news(t, 1, 1)
	c.hears(`news 1 {"n":1}`)
	adapter.receiver.Missed(pubsub.Gap{Topic: "troupe.ws/room:a", Messages: 1})
	s.news(t, 2, 2)
	last := c.hears(`news 3 {"n":2}`)
	for offset, want := range map[int]string{0: "false,", 1: "false,", 2: `true,"missed":1`, 3: `true,"missed":0`} {
		c := s.connect(t)
		if told := c.joinSince(strconv.Quote(last.at(offset))); !strings.HasPrefix(told.payload, `{"complete":`+want) {
			t.Errorf("after %d told of %v", offset, told)
		}
	}
}

// What has no room any more does not take a hole behind it along.
func TestAHoleOutlastsWhatIsBeforeIt(t *testing.T) {
	hub := new(pubsub.Hub)
	adapter := &holed{Adapter: hub.Node("a")}
	h := &ws.History{Mode: ws.Keyed, Size: 2, Key: func(event string, _ ws.Payload) string { return event }}
	s := serveNode(t, pubsub.NewCluster(adapter), recorded(h, newGuest))
	c := s.connect(t)
	c.joinSince("null")
	for i, event := range []string{"a", "b", "c"} { // there is no room for a then
		if i == 2 {
			adapter.receiver.Missed(pubsub.Gap{Topic: "troupe.ws/room:a", Messages: 1})
		}
		if err := s.Broadcast("room:a", event, nil); err != nil {
			t.Fatal(err)
		}
	}
	last := c.hears("a 1 {}", "b 2 {}", "c 4 {}")
	for offset, want := range map[int]string{1: "false,", 2: "false,", 3: `true,"missed":1`, 4: `true,"missed":0`} {
		c := s.connect(t)
		if told := c.joinSince(strconv.Quote(last.at(offset))); !strings.HasPrefix(told.payload, `{"complete":`+want) {
			t.Errorf("after %d told of %v", offset, told)
		}
	}
}

// holed is an adapter whose Receiver is known.
type holed struct {
	pubsub.Adapter
	receiver pubsub.Receiver
}

func (l *holed) Join(r pubsub.Receiver) error {
	l.receiver = r
	return l.Adapter.Join(r)
}

// A Key that does what it must not costs the log, and neither the broadcaster nor clients.
func TestAKeyIsNotTrusted(t *testing.T) {
	for name, fail := range map[string]func(hang chan struct{}){
		"panics": func(chan struct{}) { panic("key") },
		"exits":  func(chan struct{}) { runtime.Goexit() },
		"hangs":  func(hang chan struct{}) { <-hang },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				defer close(hang)
				var calls atomic.Int32
				s := serveInMemory(t, recorded(&ws.History{Mode: ws.Keyed, Key: func(event string, _ ws.Payload) string {
					calls.Add(1)
					if event == "bad" {
						fail(hang)
					}
					return event
				}}, newGuest))
				c := s.connect(t)
				c.joinSince("null")
				for _, event := range []string{"good", "bad", "good"} {
					if err := s.Broadcast("room:a", event, nil); err != nil {
						t.Fatal(err)
					}
				}
				last := c.hears("good 1 {}", "bad 0 {}", "good 3 {}")
				again := s.connect(t)
				if told := again.joinSince(strconv.Quote(last.at(1))); told.payload != recovery(false, 1, last.ref) {
					t.Errorf("told of %v", told)
				}
				before := calls.Load()
				for range 30 {
					if err := s.Broadcast("room:a", "bad", nil); err != nil {
						t.Fatal(err)
					}
				}
				if n := calls.Load() - before; (name == "hangs") != (n == 15) || n != 15 && n != 30 {
					t.Errorf("it was called %d times more", n)
				}
			})
		})
	}
}

func TestHistoriesThatMakeNoSenseFailTheStart(t *testing.T) {
	key := func(string, ws.Payload) string { return "" }
	both := recorded(&ws.History{}, newGuest)
	both.Path = "/other"
	dropping := ws.Socket{Path: "/other", Channels: ws.Routes{ws.Topic("room:a", newGuest, nil)}, Overflow: ws.DropNewest}
	for want, sockets := range map[string][]ws.Socket{
		"negative":            {recorded(&ws.History{Size: -1}, newGuest)},
		"no History in mode":  {recorded(&ws.History{Mode: 7}, newGuest)},
		"has no Key":          {recorded(&ws.History{Mode: ws.Keyed}, newGuest)},
		"does not use":        {recorded(&ws.History{Key: key}, newGuest)},
		"different Histories": {recorded(&ws.History{}, newGuest), both},
		"drops messages":      {recorded(&ws.History{}, newGuest), dropping},
	} {
		if _, err := ws.Start(newSystem(), ws.Config{Sockets: sockets}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("started: %v, want an error with %q", err, want)
		}
	}
}

// A snapshot that a Join reads as it listens is followed by what comes after it; where the
// client has missed nothing, by what it has missed.
func TestAHandlerChoosesBetweenSnapshotAndReplay(t *testing.T) {
	var s *server
	s = serveInMemory(t, recorded(&ws.History{}, func() guest {
		return guest{func(c *ws.Channel) (any, error) {
			s.news(t, 10, 10)
			if err := c.Listen(); err != nil {
				return nil, err
			}
			s.news(t, 11, 11)
			r, _ := c.Recovery()
			return map[string]any{"snapshot": !r.Complete}, c.Push("first", nil)
		}}
	}))
	c := s.connect(t)
	c.send(`["1","1","room:a","phx_join",{"since":null}]`)
	c.hears(`phx_reply 0 {"status":"ok","response":{"snapshot":true}}`)
	start := c.hears(`phx_position 1 {}`)
	c.hears(`news 2 {"n":11}`, `first 0 {}`)
	c.conn.CloseNow()
	again := s.connect(t)
	again.send(`["1","1","room:a","phx_join",{"since":"` + start.at(2) + `"}]`)
	again.hears(`phx_reply 0 {"status":"ok","response":{"snapshot":false}}`, "phx_recovery 2 "+recovery(true, 0, start.at(2)),
		`news 3 {"n":10}`, `news 4 {"n":11}`, `first 0 {}`)
	if err := s.BroadcastFrom(actor.PID{}, "room:a", "disconnect", nil); err != nil {
		t.Error(err)
	}
	again.hears(`disconnect 5 {}`)
	again.conn.Close(websocket.StatusNormalClosure, "")
}

// interjector is a serializer that does something while the last message of a replay is encoded.
type interjector struct {
	wire.V2
	armed atomic.Bool
	do    func()
}

func (i *interjector) Append(dst []byte, m wire.Message) ([]byte, bool, error) {
	if m.Event == "last" && i.armed.CompareAndSwap(true, false) {
		i.do()
	}
	return i.V2.Append(dst, m)
}

// What is broadcast when a client has been found to have read all, and before it is sent the
// rest, comes behind that: at its join as well as where it reads on.
func TestWhatIsNewComesBehindWhatWasMissed(t *testing.T) {
	for parts := range 3 {
		synctest.Test(t, func(t *testing.T) {
			serializer := new(interjector)
			socket := recorded(&ws.History{}, newGuest)
			socket.Serializers, socket.MaxQueue = []wire.Serializer{serializer}, 32<<10 // parts of one message
			s := serveInMemory(t, socket)
			serializer.do = func() { s.news(t, 1, 1) }
			c := s.connect(t)
			start := c.joinSince("null")
			events := append([]string{"first", "second"}[:parts], "last")
			for _, event := range events {
				if err := s.Broadcast("room:a", event, map[string]string{"body": strings.Repeat("x", 1000)}); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Wait()
			serializer.armed.Store(true)
			again := s.connect(t)
			again.joinSince(strconv.Quote(start.ref))
			for i, event := range append(events, "news") {
				if got := again.hear(); got.event != event || got.offset() != i+1 {
					t.Errorf("%d parts before: got %s %d, want %s %d", parts, got.event, got.offset(), event, i+1)
				}
			}
		})
	}
}
