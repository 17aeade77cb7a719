package ws_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// exchange is what a client sends and what it gets for it, in order.
type exchange struct {
	send string
	want []string
}

func TestProtocol(t *testing.T) {
	const joined = `["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`
	join := exchange{`["1","1","room:a","phx_join",{}]`, []string{joined}}
	cases := []struct {
		name string // with the rules that it shows
		talk []exchange
	}{
		{"heartbeat, EVT-2", []exchange{
			{`[null,"7","phoenix","heartbeat",{}]`, []string{`[null,"7","phoenix","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"other events on phoenix, EVT-3", []exchange{
			{`[null,"7","phoenix","other",{}]`, []string{`[null,"7","phoenix","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"join, JOIN-5", []exchange{join}},
		{"join without join_ref, JOIN-1", []exchange{
			{`[null,"3","room:a","phx_join",{}]`, []string{`["3","3","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"join of no route, JOIN-3", []exchange{
			{`["1","1","nowhere","phx_join",{}]`, []string{`[null,"1","nowhere","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"refused join, JOIN-4", []exchange{
			{`["1","1","room:private","phx_join",{}]`, []string{`["1","1","room:private","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]`}},
			{`["1","2","room:private","echo",{}]`, []string{`[null,"2","room:private","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"an unforeseen error of Join is not told", []exchange{
			{`["1","1","room:broken","phx_join",{}]`, []string{`["1","1","room:broken","phx_reply",{"status":"error","response":{"reason":"join failed"}}]`}},
		}},
		{"join that crashes, JOIN-6", []exchange{
			{`["1","1","room:crashjoin","phx_join",{}]`, []string{`["1","1","room:crashjoin","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`}},
			{`["2","3","room:crashjoin","phx_join",{}]`, []string{`["2","3","room:crashjoin","phx_reply",{"status":"error","response":{"reason":"join crashed"}}]`}},
			join,
		}},
		{"no push inside join, JOIN-7", []exchange{
			{`["1","1","room:eager","phx_join",{}]`, []string{`["1","1","room:eager","phx_reply",{"status":"ok","response":{"push":"ws: push \"x\": channel is not joined"}}]`}},
		}},
		{"Continue comes after the answer to the join", []exchange{
			{`["1","1","room:continue","phx_join",{}]`, []string{
				`["1","1","room:continue","phx_reply",{"status":"ok","response":{}}]`,
				`["1",null,"room:continue","state",{"n":1}]`}},
		}},
		{"echo, WIRE-8", []exchange{join,
			{`["1","2","room:a","echo",{"n":12345678901234567890,"s":"é😀","d":{"x":[null,true]}}]`, []string{
				`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":12345678901234567890,"s":"é😀","d":{"x":[null,true]}}}]`}},
		}},
		{"refs come back as they were, WIRE-6", []exchange{join,
			{`["1",17,"room:a","echo",{}]`, []string{`["1",17,"room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"push without join_ref, WIRE-7", []exchange{join,
			{`[null,"2","room:a","echo",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"error reply", []exchange{join,
			{`["1","2","room:a","fail",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"error","response":{"reason":"failed"}}]`}},
		}},
		{"a status of one's own, WIRE-2", []exchange{join,
			{`["1","2","room:a","status",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"maybe","response":{}}]`}},
		}},
		{"no reply, MSG-5", []exchange{join,
			{`["1","2","room:a","noreply",{}]`, nil},
			{`["1","3","room:a","echo",{}]`, []string{`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"unknown event, MSG-6", []exchange{join,
			{`["1","2","room:a","what",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"error","response":{"reason":"unknown event"}}]`}},
		}},
		{"push before reply, MSG-5", []exchange{join,
			{`["1","2","room:a","push_me",{"x":1}]`, []string{
				`["1",null,"room:a","pushed",{"x":1}]`,
				`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"a payload that is no object crashes the channel, WIRE-9, and a reply goes out first, MSG-5", []exchange{join,
			{`["1","2","room:a","push_text",{}]`, []string{
				`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
				`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`}},
		}},
		{"a reply may be any JSON, WIRE-9", []exchange{join,
			{`["1","2","room:a","echo",[1,null,"x"]]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":[1,null,"x"]}]`}},
		}},
		{"of the reserved events only joining and leaving are special when they come in, EVT-1", []exchange{join,
			{`["1","2","room:a","phx_close",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"error","response":{"reason":"unknown event"}}]`}},
			{`["1","3","room:a","phx_error",{}]`, []string{`["1","3","room:a","phx_reply",{"status":"error","response":{"reason":"unknown event"}}]`}},
			{`["1","4","room:a","heartbeat",{}]`, []string{`["1","4","room:a","phx_reply",{"status":"error","response":{"reason":"unknown event"}}]`}},
		}},
		{"nothing to reply to, MSG-7", []exchange{join,
			{`["1",null,"room:a","defer",{}]`, []string{`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`}},
		}},
		{"broadcast to oneself, OUT-2", []exchange{join,
			{`["1","2","room:a","shout",{"x":1}]`, []string{
				`[null,null,"room:a","shout",{"x":1}]`,
				`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"broadcast_from skips oneself, OUT-2", []exchange{join,
			{`["1","2","room:a","shout_others",{"x":1}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"deferred reply, MSG-7", []exchange{join,
			{`["1","2","room:a","defer",{}]`, nil},
			{`["1","3","room:a","answer",{"late":true}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{"late":true}}]`}},
		}},
		{"message from elsewhere", []exchange{join,
			{`["1","2","room:a","info",{}]`, []string{`["1",null,"room:a","info",{"msg":"hello"}]`}},
		}},
		{"push to a topic not joined, MSG-1", []exchange{
			{`["1","2","room:a","echo",{}]`, []string{`[null,"2","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"leave of a topic not joined, MSG-2", []exchange{
			{`["1","2","room:a","phx_leave",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"stale join_ref, MSG-3", []exchange{join,
			{`["0","2","room:a","echo",{}]`, nil},
			{`["0","3","room:a","phx_leave",{}]`, nil},
			{`["1","4","room:a","echo",{}]`, []string{`["1","4","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"leave, END-1, then it is not joined", []exchange{join,
			{`["1","2","room:a","phx_leave",{}]`, []string{
				`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
				`["1","1","room:a","phx_close",{}]`}},
			{`["1","3","room:a","echo",{}]`, []string{`[null,"3","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"stop, END-2", []exchange{join,
			{`["1","2","room:a","stop",{}]`, []string{
				`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
				`["1","1","room:a","phx_close",{}]`}},
			{`["1","3","room:a","echo",{}]`, []string{`[null,"3","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
		}},
		{"crash, END-3, and rejoin with fresh state, END-4", []exchange{join,
			{`["1","2","room:a","count",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`}},
			{`["1","3","room:a","crash",{}]`, []string{`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`}},
			{`["1","4","room:a","count",{}]`, []string{`[null,"4","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`}},
			{`["5","5","room:a","phx_join",{}]`, []string{`["5","5","room:a","phx_reply",{"status":"ok","response":{}}]`}},
			{`["5","6","room:a","count",{}]`, []string{`["5","6","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`}},
		}},
		{"duplicate join, JOIN-10, JOIN-12", []exchange{join,
			{`["1","2","room:a","count",{}]`, []string{`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`}},
			{`["3","3","room:a","phx_join",{}]`, []string{
				`["1","1","room:a","phx_close",{}]`,
				`["3","3","room:a","phx_reply",{"status":"ok","response":{}}]`}},
			{`["3","4","room:a","count",{}]`, []string{`["3","4","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`}},
			{`["3","5","room:a","shout",{}]`, []string{
				`[null,null,"room:a","shout",{}]`,
				`["3","5","room:a","phx_reply",{"status":"ok","response":{}}]`}},
		}},
		{"frames behind a join need not wait for it, MSG-9", []exchange{
			{`["1","1","room:a","phx_join",{}]`, nil},
			{`["1","2","room:a","count",{}]`, []string{joined, `["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`}},
		}},
		{"topics need not be plain", []exchange{
			{`["1","1","room:\"é\\","phx_join",{}]`, []string{`["1","1","room:\"é\\","phx_reply",{"status":"ok","response":{}}]`}},
			{`["1","2","room:\"\u00e9\\","shout",{}]`, []string{
				`[null,null,"room:\"é\\","shout",{}]`,
				`["1","2","room:\"é\\","phx_reply",{"status":"ok","response":{}}]`}},
		}},
	}
	s := serve(t, rooms(nil))
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := s.connect(t)
			for _, x := range c.talk {
				client.send(x.send)
				client.expect(x.want...)
			}
			client.heartbeat() // nothing else has come
		})
	}
}

func TestBinaryMessages(t *testing.T) { // BIN-1 to BIN-3, BIN-7
	s := serve(t, rooms(nil))
	c := s.connect(t)
	c.join("room:a")
	c.sendBinary("\x00\x01\x01\x06\x0412room:aecho\x00\xff")
	c.expect("\x01\x01\x01\x06\x0212room:aok\x00\xff")
	c.sendBinary("\x00\x01\x01\x06\x0513room:ashoutabc")
	c.expect("\x02\x06\x05room:ashoutabc", `["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.sendBinary("\x00\x01\x01\x06\x0714room:apush_meabc")
	c.expect("\x00\x01\x06\x061room:apushedabc", `["1","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
}

func TestVersion1(t *testing.T) { // SER-2, V1-1, V1-2, V1-4
	s := serve(t, rooms(nil))
	c, _, err := s.dial(t, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
	c.expect(`{"topic":"room:a","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}`)
	c.send(`{"topic":"room:a","event":"shout","payload":{"x":1},"ref":"2"}`)
	c.expect(`{"topic":"room:a","event":"shout","ref":null,"payload":{"x":1}}`,
		`{"topic":"room:a","event":"phx_reply","ref":"2","payload":{"status":"ok","response":{}}}`)

	// BIN-6: a binary broadcast cannot be told to it, and does it no harm.
	v2 := s.connect(t)
	v2.join("room:a")
	v2.sendBinary("\x00\x01\x01\x06\x0513room:ashoutabc")
	v2.expect("\x02\x06\x05room:ashoutabc", `["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.send(`{"topic":"room:a","event":"phx_leave","payload":{},"ref":"3"}`)
	c.expect(`{"topic":"room:a","event":"phx_reply","ref":"3","payload":{"status":"ok","response":{}}}`,
		`{"topic":"room:a","event":"phx_close","ref":null,"payload":{}}`)
}

func TestHandshakeRefusals(t *testing.T) { // CONN-2 to CONN-5, ORIG-3, SER-3, AUTH-3
	s := serve(t, rooms(nil))
	upgrade := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	with := func(key, value string) http.Header {
		h := upgrade.Clone()
		h.Set(key, value)
		return h
	}
	cases := []struct {
		name, method, path string
		header             http.Header
		want               int
	}{
		{"unknown path", "GET", "/nowhere/websocket", upgrade, 404},
		{"the mount itself", "GET", "/socket", upgrade, 404},
		{"no upgrade", "GET", "/socket/websocket", nil, 426},
		{"wrong method", "POST", "/socket/websocket", upgrade, 405},
		{"wrong WebSocket version", "GET", "/socket/websocket", with("Sec-WebSocket-Version", "8"), 400},
		{"refused by Connect", "GET", "/socket/websocket?token=bad", upgrade, 403},
		{"refused by Connect for its auth token", "GET", "/socket/websocket",
			with("Sec-WebSocket-Protocol", "phoenix, base64url.bearer.phx."+base64.RawStdEncoding.EncodeToString([]byte("bad"))), 403},
		{"auth token that does not decode", "GET", "/socket/websocket", with("Sec-WebSocket-Protocol", "phoenix, base64url.bearer.phx.%"), 403},
		{"other origin", "GET", "/socket/websocket", with("Origin", "https://evil.example"), 403},
		{"opaque origin", "GET", "/socket/websocket", with("Origin", "null"), 403},
		{"unknown version", "GET", "/socket/websocket?vsn=3.0.0", upgrade, 403},
		{"empty version", "GET", "/socket/websocket?vsn=", upgrade, 403},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := s.status(t, c.method, c.path, c.header); got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
		})
	}
}

func TestHandshakeAccepts(t *testing.T) {
	s := serve(t, rooms(nil))
	t.Run("own origin, ORIG-2", func(t *testing.T) {
		c, _, err := s.dial(t, "/socket?vsn=2.0.0", http.Header{"Origin": {"http://" + s.addr}})
		if err != nil {
			t.Fatal(err)
		}
		c.heartbeat()
	})
	t.Run("auth token, AUTH-2", func(t *testing.T) {
		c, resp, err := s.dial(t, "/socket?vsn=2.0.0", http.Header{
			"X-Subprotocols": {"phoenix", "base64url.bearer.phx.Z29vZA"}})
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != "phoenix" {
			t.Errorf("answered with subprotocol %q, want phoenix", got)
		}
		c.heartbeat()
	})
	t.Run("frames that come with the handshake", func(t *testing.T) {
		// The measured trap: net/http may have read bytes behind the request.
		for range 20 {
			c := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
			c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		}
	})
}

// WIRE-10, BIN-4, CONN-9: broken input ends its own connection, not with code
// 1000, and no other.
func TestBrokenInputEndsOneConnection(t *testing.T) {
	socket := rooms(nil)
	socket.MaxMessageSize = 4096
	s := serve(t, socket)
	bystander := s.connect(t)
	bystander.join("room:a")
	cases := []struct {
		name string
		send func(*client)
		code websocket.StatusCode
	}{
		{"not JSON", func(c *client) { c.send(`{`) }, websocket.StatusInvalidFramePayloadData},
		{"empty", func(c *client) { c.send(``) }, websocket.StatusInvalidFramePayloadData},
		{"object", func(c *client) { c.send(`{}`) }, websocket.StatusInvalidFramePayloadData},
		{"too few elements", func(c *client) { c.send(`["1","1","room:a","phx_join"]`) }, websocket.StatusInvalidFramePayloadData},
		{"invalid UTF-8", func(c *client) { c.send("[null,\"1\",\"room:a\",\"\xff\",{}]") }, websocket.StatusInvalidFramePayloadData},
		{"unknown binary kind", func(c *client) { c.sendBinary("\x09abcdefgh") }, websocket.StatusInvalidFramePayloadData},
		{"too large", func(c *client) {
			c.send(`["1","1","room:a","echo",{"x":"` + strings.Repeat("x", 4096) + `"}]`)
		}, websocket.StatusMessageTooBig},
		{"too large, in fragments", func(c *client) {
			w, _ := c.conn.Writer(context.Background(), websocket.MessageText)
			for range 20 {
				if _, err := w.Write([]byte(strings.Repeat("x", 500))); err != nil {
					return
				}
			}
			w.Close()
		}, websocket.StatusMessageTooBig},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			client := s.connect(t)
			client.join("room:a")
			c.send(client)
			client.expectClose(c.code)
			bystander.heartbeat()
		})
	}
	bystander.send(`["1","2","room:a","count",{}]`)
	bystander.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`)
}

func TestLargestMessageAndFragments(t *testing.T) { // CONN-9, CONN-11
	socket := rooms(nil)
	socket.MaxMessageSize = 100_000
	socket.MaxQueue = 50_000 // the answer does not fit, but nothing is before it
	s := serve(t, socket)
	c := s.connect(t)
	c.join("room:a")
	head, tail := `["1","2","room:a","echo",{"x":"`, `"}]`
	text := strings.Repeat("x", socket.MaxMessageSize-len(head)-len(tail))
	want := fmt.Sprintf(`["1","2","room:a","phx_reply",{"status":"ok","response":{"x":%q}}]`, text)
	c.send(head + text + tail)
	c.expect(want)

	w, err := c.conn.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{head, text[:70_000], text[70_000:], tail} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	c.expect(want)
}

// A panic in one channel leaves the socket, its other channels and all other
// sockets as they are: END-3, END-4.
func TestCrashCostsOneChannel(t *testing.T) {
	log := newRecord()
	s := serve(t, rooms(log))
	a, b := s.connect(t), s.connect(t)
	count := func(c *client, topic string, n int) {
		t.Helper()
		c.send(fmt.Sprintf(`["1","9",%q,"count",{}]`, topic))
		c.expect(fmt.Sprintf(`["1","9",%q,"phx_reply",{"status":"ok","response":{"n":%d}}]`, topic, n))
	}
	a.join("room:1")
	a.join("room:2")
	b.join("room:1")
	for _, c := range []*client{a, b} {
		count(c, "room:1", 1)
	}
	count(a, "room:2", 1)

	a.send(`["1","3","room:1","crash",{}]`)
	a.expect(`["1","1","room:1","phx_error",{"reason":"channel_crash"}]`)
	var crash *actor.PanicError
	if reason := <-log.terminated; !errors.As(reason, &crash) || crash.Value != "crash" {
		t.Errorf("Terminate got %v, want the panic", reason)
	}
	count(a, "room:2", 2)
	count(b, "room:1", 2)
	a.heartbeat()
	b.heartbeat()

	// The crashed channel gets no more broadcasts; the others do.
	b.send(`["1","3","room:1","shout",{}]`)
	b.expect(`[null,null,"room:1","shout",{}]`, `["1","3","room:1","phx_reply",{"status":"ok","response":{}}]`)
	a.heartbeat()
}

func TestBroadcastReachesAllMembersInOrder(t *testing.T) { // OUT-2, OUT-5
	const n = 1000
	s := serve(t, rooms(nil))
	clients := []*client{s.connect(t), s.connect(t), s.connect(t)}
	for _, c := range clients {
		c.join("room:a")
	}
	other := s.connect(t)
	other.join("room:b")
	go func() {
		for i := range n {
			clients[0].send(fmt.Sprintf(`["1",null,"room:a","shout",{"i":%d}]`, i))
		}
	}()
	for _, c := range clients {
		for i := range n {
			c.expect(fmt.Sprintf(`[null,null,"room:a","shout",{"i":%d}]`, i))
		}
	}
	other.heartbeat() // and nobody else
}

func TestInterceptedBroadcasts(t *testing.T) { // OUT-4
	s := serve(t, rooms(nil))
	ann, bob, deaf := s.connectWith(t, "user=ann"), s.connectWith(t, "user=bob"), s.connectWith(t, "user=deaf")
	for _, c := range []*client{ann, bob, deaf} {
		c.join("room:a")
	}
	ann.send(`["1",null,"room:a","whisper",{"x":1}]`)
	ann.expect(`["1",null,"room:a","whisper",{"for":"user:ann","what":{"x":1}}]`)
	bob.expect(`["1",null,"room:a","whisper",{"for":"user:bob","what":{"x":1}}]`)
	deaf.send(`["1","2","room:a","echo",{}]`) // behind it in the channel's mailbox
	deaf.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
}

func TestEndpointBroadcastsAndDisconnects(t *testing.T) { // OUT-2, DISC-1, DISC-2
	s := serve(t, rooms(nil))
	ann1, ann2, bob := s.connectWith(t, "user=ann"), s.connectWith(t, "user=ann"), s.connectWith(t, "user=bob")
	ann1.join("room:a")
	anonymous := s.connect(t)
	if err := s.Broadcast("room:a", "news", map[string]int{"n": 1}); err != nil {
		t.Fatal(err)
	}
	ann1.expect(`[null,null,"room:a","news",{"n":1}]`)
	if err := s.Broadcast("room:a", "news", 1); !errors.Is(err, ws.ErrPayload) {
		t.Errorf("broadcast of a number: %v", err)
	}
	if err := s.Disconnect("user:ann"); err != nil {
		t.Fatal(err)
	}
	ann1.expectClose(websocket.StatusGoingAway)
	ann2.expectClose(websocket.StatusGoingAway)
	bob.heartbeat()
	if err := s.Disconnect(""); err != nil { // CONN-7: nobody has the empty ID
		t.Error(err)
	}
	anonymous.heartbeat()
}

func TestChannelLimit(t *testing.T) { // JOIN-9
	socket := rooms(nil)
	socket.MaxChannels = 2
	s := serve(t, socket)
	c := s.connect(t)
	c.join("room:1")
	c.join("room:2")
	c.send(`["1","1","room:3","phx_join",{}]`)
	c.expect(`["1","1","room:3","phx_reply",{"status":"error","response":{"reason":"too many channels joined"}}]`)
	c.send(`["1","2","room:1","phx_leave",{}]`)
	c.expect(`["1","2","room:1","phx_reply",{"status":"ok","response":{}}]`, `["1","1","room:1","phx_close",{}]`)
	c.join("room:3")
}

func TestSlowHandlerDelaysNobodyElse(t *testing.T) { // MSG-4
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	c.join("room:b")
	c.send(`["1","2","room:a","wait",{}]`)
	<-log.entered
	c.send(`["1","3","room:a","echo",{}]`)
	c.heartbeat()
	c.send(`["1","4","room:b","echo",{}]`)
	c.expect(`["1","4","room:b","phx_reply",{"status":"ok","response":{}}]`)
	log.release <- struct{}{}
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`, `["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`)
}

func TestMessagesForAReplacedChannelAreDropped(t *testing.T) { // JOIN-11
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	c.send(`["1","2","room:a","wait",{}]`)
	<-log.entered
	c.send(`["1","3","room:a","count",{}]`)
	c.send(`["1","4","room:a","phx_leave",{}]`)
	c.send(`["5","5","room:a","phx_join",{}]`)
	c.heartbeat() // so the session has got all that
	log.release <- struct{}{}
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`, // was being handled
		`["1","1","room:a","phx_close",{}]`,
		`["5","5","room:a","phx_reply",{"status":"ok","response":{}}]`)
	if reason := <-log.terminated; reason != ws.Rejoined {
		t.Errorf("Terminate got %v, want Rejoined", reason)
	}
	c.heartbeat()
}

// CONN-12, END-5: the end of a connection ends its channels, with Terminate.
func TestEndOfTheConnectionEndsItsChannels(t *testing.T) {
	for name, end := range map[string]func(*client){
		"closed":    func(c *client) { c.conn.Close(websocket.StatusNormalClosure, "") },
		"cut off":   func(c *client) { c.conn.CloseNow() },
		"malformed": func(c *client) { c.send("?") },
	} {
		t.Run(name, func(t *testing.T) {
			log := newRecord()
			s := serve(t, rooms(log))
			c := s.connect(t)
			c.join("room:a")
			c.join("room:b")
			end(c)
			for range 2 {
				if reason := <-log.terminated; reason != ws.Closed {
					t.Errorf("Terminate got %v, want Closed", reason)
				}
			}
		})
	}
}

func TestTerminateGetsTheReason(t *testing.T) {
	for event, want := range map[string]error{"phx_leave": ws.Left, "stop": actor.Normal} {
		log := newRecord()
		s := serve(t, rooms(log))
		c := s.connect(t)
		c.join("room:a")
		c.send(fmt.Sprintf(`["1","2","room:a",%q,{}]`, event))
		if reason := <-log.terminated; reason != want {
			t.Errorf("%s: Terminate got %v, want %v", event, reason, want)
		}
	}
}

func TestShutdownClosesWithServiceRestart(t *testing.T) { // DISC-4, END-5
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	done := make(chan error)
	go func() { done <- s.Shutdown(t.Context()) }()
	c.expectClose(websocket.StatusServiceRestart)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if reason := <-log.terminated; reason != ws.Closed {
		t.Errorf("Terminate got %v, want Closed", reason)
	}
	if got := s.Stats().Connections; got != 0 {
		t.Errorf("%d connections left", got)
	}
	if _, resp, err := s.dial(t, "/socket?vsn=2.0.0", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a new connection: %v, %v; want 503", resp, err)
	}
}

func TestDrainClosesInBatches(t *testing.T) { // DISC-4
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveConfigInMemory(t, plain, ws.Config{
			Sockets: []ws.Socket{rooms(log)}, DrainBatch: 3, DrainInterval: 2 * time.Second,
		})
		start := time.Now()
		closed := make([]time.Duration, 7)
		var wg sync.WaitGroup
		for i := range closed {
			c := s.connect(t)
			c.join("room:a")
			wg.Go(func() {
				_, _, err := c.conn.Read(context.Background())
				closed[i] = time.Since(start)
				if got := websocket.CloseStatus(err); got != websocket.StatusServiceRestart {
					t.Errorf("connection %d closed with %v, %v; want 1012", i, got, err)
				}
			})
		}
		if err := s.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		perTime := map[time.Duration]int{}
		for _, at := range closed {
			perTime[at]++
		}
		if perTime[0] != 3 || perTime[2*time.Second] != 3 || perTime[4*time.Second] != 1 {
			t.Errorf("closed at %v, want 3 at once, 3 after 2 s and 1 after 4 s", closed)
		}
		for range closed {
			if reason := <-log.terminated; reason != ws.Closed {
				t.Errorf("Terminate got %v, want Closed", reason)
			}
		}
		if _, resp, err := s.dial(t, "/socket?vsn=2.0.0", nil); err == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("a new connection: %v, %v; want 503", resp, err)
		}
	})
}

func TestDrainHasLimits(t *testing.T) { // DISC-4
	cases := []struct {
		name            string
		limit, interval time.Duration // of the context, and between batches of one
		fails           bool
		left            int
		takes           time.Duration
	}{
		{"its context", time.Second, time.Minute, true, 3, time.Second},
		{"30 s by default", 0, 20 * time.Second, true, 2, 30 * time.Second},
		{"more if wanted", time.Hour, 20 * time.Second, false, 0, 60 * time.Second},
		{"2 s between batches by default", 0, 0, false, 0, 6 * time.Second},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				socket := rooms(nil)
				socket.IdleTimeout = time.Hour
				s := serveConfigInMemory(t, plain, ws.Config{
					Sockets: []ws.Socket{socket}, DrainBatch: 1, DrainInterval: c.interval,
				})
				for range 4 {
					client := s.connect(t)
					client.join("room:a")
					go client.conn.Read(t.Context()) // answers the close frame
				}
				ctx := t.Context()
				if c.limit > 0 {
					limited, cancel := context.WithTimeout(ctx, c.limit)
					defer cancel()
					ctx = limited
				}
				start := time.Now()
				err := s.Drain(ctx)
				if errors.Is(err, context.DeadlineExceeded) != c.fails || time.Since(start) != c.takes {
					t.Errorf("%v after %v, want %v", err, time.Since(start), c.takes)
				}
				synctest.Wait()
				if got := s.Stats().Connections; got != c.left {
					t.Errorf("%d connections are left, want %d", got, c.left)
				}
			})
		})
	}
}

func TestIdleConnectionIsClosed(t *testing.T) { // CONN-8
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, rooms(nil))
		c := s.connect(t)
		start := time.Now()
		for range 3 {
			time.Sleep(59 * time.Second) // virtual
			c.heartbeat()
		}
		last := time.Now()
		_, _, err := c.conn.Read(context.Background())
		if got := websocket.CloseStatus(err); got != websocket.StatusGoingAway {
			t.Errorf("closed with %v, %v; want 1001", got, err)
		}
		if idle := time.Since(last); idle < 60*time.Second || idle > 61*time.Second {
			t.Errorf("closed after %v idle, %v in all; want 60 s", idle, time.Since(start))
		}
	})
}

// A message that trickles in does not keep a connection open for ever.
func TestSlowlorisIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, rooms(nil))
		c := s.connect(t)
		start := time.Now()
		frame := rawclient.Text(`["1","1","room:a","phx_join",{"x":"` + strings.Repeat("x", 50) + `"}]`)
		sent := 0
		for ; sent < len(frame); sent++ {
			time.Sleep(10 * time.Second) // virtual
			if _, err := c.nc.Write(frame[sent : sent+1]); err != nil {
				break
			}
		}
		if sent == len(frame) || time.Since(start) > 3*time.Minute {
			t.Errorf("still open after %v and %d of %d bytes", time.Since(start), sent, len(frame))
		}
	})
}

func TestStuckChannelHoldsUpNeitherRejoinNorShutdown(t *testing.T) { // JOIN-10, END-6, GO-3
	synctest.Test(t, func(t *testing.T) {
		log := newRecord()
		s := serveInMemory(t, rooms(log))
		c := s.connect(t)
		c.join("room:a")
		c.send(`["1","2","room:a","wait",{}]`)
		<-log.entered
		start := time.Now()
		c.send(`["3","3","room:a","phx_join",{}]`)
		c.expect(`["1","1","room:a","phx_close",{}]`, `["3","3","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("the stuck channel was given %v, want 5 s and a little", took)
		}
		c.send(`["3","4","room:a","wait",{}]`)
		<-log.entered
		start = time.Now()
		go c.read() // answers the close frame
		err := s.Shutdown(t.Context())
		if stuck, ok := errors.AsType[*supervisor.StuckError](err); !ok || len(stuck.Actors) != 2 {
			t.Errorf("shutdown: %v; want both handlers that still run", err)
		}
		if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
			t.Errorf("shutdown took %v, want 5 s and a little", took)
		}
		if got := s.sys.Abandoned(); got != 2 {
			t.Errorf("%d abandoned, want 2", got)
		}
		close(log.release)
	})
}
