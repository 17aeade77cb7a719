package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// CONN-4: each check comes only after those before it.
func TestOrderOfTheChecks(t *testing.T) {
	var refusals []string
	connects := 0
	socket := rooms(nil)
	socket.Subprotocols = []string{"chat"}
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		connects++
		return ws.Identity{}, errBadToken
	}
	socket.Observe = func(e ws.Observation) {
		if e, ok := e.(ws.Connected); ok {
			refusals = append(refusals, e.Err.Error())
		}
	}
	s := serve(t, socket)
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"null"},
		"Sec-Websocket-Protocol": {"base64url.bearer.phx.%, other"},
	}
	path := "/socket/websocket?vsn=9.0.0"
	for _, mend := range []func(){
		func() { h.Del("Origin") },
		func() { h.Set("Sec-Websocket-Protocol", "base64url.bearer.phx.YQ, other") },
		func() { h.Set("Sec-Websocket-Protocol", "chat") },
		func() { path = "/socket/websocket?vsn=2.0.0" },
		func() {},
	} {
		if got := s.status(t, "GET", path, h); got != 403 {
			t.Errorf("status %d after %q", got, refusals)
		}
		mend()
	}
	want := []string{"origin not allowed", "auth token is not base64", "none of the client's subprotocols is spoken here",
		`ws: no serializer for version "9.0.0"`, "bad token"}
	if strings.Join(refusals, "\n") != strings.Join(want, "\n") || connects != 1 {
		t.Errorf("refused for %q, with %d calls of Connect; want %q", refusals, connects, want)
	}
}

func TestCheckOriginDecides(t *testing.T) { // ORIG-1, ORIG-2, ORIG-3
	socket := polling(nil)
	socket.CheckOrigin = func(r *http.Request) bool { return r.Header.Get("Origin") != "https://evil.example" }
	s := serve(t, socket)
	for origin, allowed := range map[string]bool{"null": true, "https://other.example": true, "https://evil.example": false} {
		_, resp, err := s.dial(t, "/socket?vsn=2.0.0", http.Header{"Origin": {origin}})
		if (err == nil) != allowed || !allowed && resp.StatusCode != 403 {
			t.Errorf("%s: %v, %v", origin, resp, err)
		}
		if a, _ := s.pollClient(t, "").do("GET", "", "", http.Header{"Origin": {origin}}); (a.Status == 403) == allowed {
			t.Errorf("%s: a client that polls got %+v", origin, a)
		}
	}
}

// syncBuffer is a buffer for a log.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func TestWarningsInTheLog(t *testing.T) { // SER-3, JOIN-3, AUTH-5
	var log syncBuffer
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s := serveSystem(t, sys, rooms(nil))
	s.dial(t, "/socket?vsn=2.1.0&token=s3cret", nil)
	c := s.connectWith(t, "token=s3cret")
	c.send(`["1","1","nowhere","phx_join",{"token":"s3cret"}]`)
	c.read()
	for _, want := range []string{
		`level=WARN msg="connection refused" path=/socket/websocket`,
		`level=WARN msg="no channel for topic" topic=nowhere`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in\n%s", want, log.String())
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("a token in\n%s", log.String())
	}
}

func TestPushesGoToOneClient(t *testing.T) { // OUT-1, OUT-7
	s := serve(t, rooms(nil))
	a, b := s.connect(t), s.connect(t)
	a.join("room:a")
	s.Broadcast("room:a", "early", nil) // nothing is kept for who is not there
	a.expect(`[null,null,"room:a","early",{}]`)
	b.join("room:a")
	b.heartbeat()
	a.send(`["1","2","room:a","push_me",{"x":1}]`)
	a.expect(`["1",null,"room:a","pushed",{"x":1}]`, `["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
	b.heartbeat()
}

func TestReplyAfterTheEnd(t *testing.T) { // MSG-7
	log := newRecord()
	s := serve(t, rooms(log))
	c := s.connect(t)
	c.join("room:a")
	c.send(`["1","2","room:a","keep",{}]`)
	c.send(`["1","3","room:a","phx_leave",{}]`)
	c.expect(`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`, `["1","1","room:a","phx_close",{}]`)
	c.send(`["4","4","room:a","phx_join",{}]`)
	c.expect(`["4","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
	close(log.release)
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"late":true}}]`) // its join_ref is an old one
	c.heartbeat()
}

// CONN-8: whatever comes in keeps a connection, also pings alone.
func TestPingsKeepAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serveInMemory(t, rooms(nil))
		c := s.connect(t)
		lost := c.conn.CloseRead(context.Background())
		for range 5 {
			time.Sleep(50 * time.Second)
			if err := c.conn.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		last := time.Now()
		<-lost.Done()
		if idle := time.Since(last); idle < 60*time.Second || idle > 61*time.Second {
			t.Errorf("closed %v after the last ping, want 60 s", idle)
		}
	})
}

// stayer is a handler whose Terminate and Join tell when they run.
type stayer struct {
	steps   chan string
	release chan struct{}
}

func (s *stayer) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	_, err := c.ReplyRef()
	s.steps <- fmt.Sprint("join, ", errors.Is(err, ws.ErrNoRef), errors.Is(c.Broadcast("x", nil), ws.ErrNotJoined))
	return nil, nil
}

func (s *stayer) HandleIn(*ws.Channel, string, ws.Payload) (ws.Reply, error) {
	return ws.NoReply, nil
}

func (s *stayer) Terminate(*ws.Channel, error) {
	s.steps <- "terminate"
	<-s.release
	s.steps <- "terminated"
}

// JOIN-10: the old channel has ended, Terminate included, when the new one joins.
// JOIN-7, MSG-7: in Join there is nothing to broadcast to, and nothing to refer to.
func TestRejoinWaitsForTerminate(t *testing.T) {
	steps, release := make(chan string, 10), make(chan struct{})
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{
		ws.Topic("room:*", func() *stayer { return &stayer{steps, release} }, nil),
	}})
	c := s.connect(t)
	c.join("room:a")
	c.send(`["2","2","room:a","phx_join",{}]`)
	c.heartbeat() // the join is under way
	release <- struct{}{}
	c.expect(`["1","1","room:a","phx_close",{}]`, `["2","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
	for _, want := range []string{"join, true true", "terminate", "terminated", "join, true true"} {
		if got := <-steps; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	close(release)
}

// WIRE-10, CONN-11: invalid UTF-8 in the middle of a fragmented message, and in a
// message of version 1, ends that connection.
func TestInvalidUTF8(t *testing.T) {
	s := serve(t, rooms(nil))
	c := s.connect(t)
	w, err := c.conn.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`[null,"1","room:a","e`, "\xc3", `x",{}]`} {
		w.Write([]byte(part))
	}
	w.Close()
	c.expectClose(websocket.StatusInvalidFramePayloadData)
	old, _, err := s.dial(t, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	old.send("{\"topic\":\"room:a\",\"event\":\"\xff\",\"payload\":{},\"ref\":\"1\"}")
	old.expectClose(websocket.StatusInvalidFramePayloadData)
}

// LP-3: the token may be in a header; it is worth nothing when its session has ended.
func TestPollTokens(t *testing.T) {
	s := serve(t, polling(nil))
	c := s.pollClient(t, "user=ann")
	c.open()
	token := c.token
	c.token = ""
	header := http.Header{"X-Phoenix-Longpoll-Token": {token}}
	if a, _ := c.do("POST", "", `[null,"1","phoenix","heartbeat",{}]`, header); a.Status != 200 {
		t.Errorf("post: %+v", a)
	}
	a, _ := c.do("GET", "", "", header)
	if a.Status != 200 || a.Token == "" || a.Token == token || len(a.Messages) != 1 {
		t.Errorf("poll: %+v", a)
	}
	token = a.Token                 // each answer with messages has its own
	c.token = "mine&token=" + token // behind a parameter of the client's that is also called so
	if got := c.post(`[null,"1","phoenix","heartbeat",{}]`); got != 200 {
		t.Errorf("post: %d", got)
	}
	s.Disconnect("user:ann")
	s.waitFor(t, func(st ws.Stats) bool { return st.Connections == 0 })
	c.token = token // replayed
	if got := c.post(`[null,"1","phoenix","heartbeat",{}]`); got != 410 {
		t.Errorf("post with the token of a session that has ended: %d", got)
	}
	if a := c.poll(); a.Status != 410 || a.Token == token {
		t.Errorf("poll with it: %+v", a)
	}
}
