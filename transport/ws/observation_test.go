package ws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// observed is a socket whose events come through a channel, each as text without
// what differs from run to run.
func observed(log *record) (ws.Socket, chan string) {
	events := make(chan string, 1000)
	socket := polling(log)
	socket.Observe = func(e ws.Observation) {
		text := ""
		switch e := e.(type) {
		case ws.Connected:
			text = fmt.Sprintf("connected %s %s %s %q %v", e.Path, e.Transport, e.Version, e.SocketID, e.Err)
			if e.Duration <= 0 || e.Request.RemoteAddr == "" {
				text += fmt.Sprint(" ", e.Duration, e.Request)
			}
		case ws.Disconnected:
			text = fmt.Sprintf("disconnected %s %s %q %d %q %v", e.Path, e.Transport, e.SocketID, e.Code, e.Reason, e.Err != nil)
		case ws.Joined:
			text = fmt.Sprintf("joined %s %q %s %v", e.Topic, e.SocketID, e.Params.Bytes(), e.Err)
		case ws.Handled:
			text = fmt.Sprintf("handled %s %s %q %s %q %v", e.Topic, e.Event, e.SocketID, e.Params.Bytes(), e.Status, e.Err)
		case ws.Ended:
			reason := e.Reason
			if p, ok := errors.AsType[*actor.PanicError](reason); ok {
				reason = fmt.Errorf("panic %v", p.Value)
			}
			text = fmt.Sprintf("ended %s %q %v", e.Topic, e.SocketID, reason)
		case ws.Dropped:
			text = fmt.Sprintf("dropped %s %q %q %v", e.Path, e.Topic, e.Event, e.Err)
		case ws.Drained:
			text = fmt.Sprintf("drained %d of %d, %d of %d, %v", e.Count, e.Total, e.Index, e.Rounds, e.Interval)
		}
		events <- text
	}
	return socket, events
}

func expectEvents(t *testing.T, events <-chan string, want ...string) {
	t.Helper()
	for _, w := range want {
		select {
		case got := <-events:
			if got != w {
				t.Errorf("event %s\nwant  %s", got, w)
			}
		case <-time.After(patience):
			t.Fatalf("no event; want %s", w)
		}
	}
}

func TestEvents(t *testing.T) { // phoenix OBS-1
	socket, events := observed(nil)
	s := serve(t, socket)
	c := s.connectWith(t, "user=ann")
	c.send(`["1","1","room:a","phx_join",{"x":1}]`)
	c.read()
	expectEvents(t, events, `connected /socket websocket 2.0.0 "user:ann" <nil>`, `joined room:a "user:ann" {"x":1} <nil>`)
	c.send(`["1","2","room:a","fail",{}]`)
	c.read()
	expectEvents(t, events, `handled room:a fail "user:ann" {} "error" <nil>`)
	c.send(`["1","3","room:a","crash",{}]`)
	c.read()
	expectEvents(t, events, `handled room:a crash "user:ann" {} "" the handler panicked`, `ended room:a "user:ann" panic crash`)
	c.send(`["1","1","room:private","phx_join",{}]`)
	c.read()
	c.send(`["1","1","room:crashjoin","phx_join",{}]`)
	c.read()
	expectEvents(t, events, `joined room:private "user:ann" {} ws: join refused: unauthorized`,
		`joined room:crashjoin "user:ann" {} the handler panicked`)
	c.join("room:b")
	c.send(`["1","2","room:b","phx_leave",{}]`)
	c.read() // the reply
	c.read() // phx_close
	expectEvents(t, events, `joined room:b "user:ann" {} <nil>`, `ended room:b "user:ann" shutdown: left`)
	c.join("room:c")
	c.conn.Close(4001, "")
	expectEvents(t, events, `joined room:c "user:ann" {} <nil>`, `disconnected /socket websocket "user:ann" 4001 "" false`,
		`ended room:c "user:ann" shutdown: connection closed`)

	s.dial(t, "/socket?vsn=2.0.0&token=bad", nil)
	s.dial(t, "/socket?vsn=7.0.0", nil)
	s.pollClient(t, "").poll()
	expectEvents(t, events, `connected /socket websocket 2.0.0 "" bad token`,
		`connected /socket websocket 7.0.0 "" no serializer for version "7.0.0"`,
		`connected /socket longpoll 2.0.0 "" <nil>`)

	got := s.Stats()
	if got.MessagesOut < 9 {
		t.Errorf("%d messages out", got.MessagesOut)
	}
	got.Connections, got.MessagesOut = 0, 0
	if want := (ws.Stats{LongPolls: 1, Connects: 2, Refusals: 2, Joins: 3, JoinRefusals: 1, ChannelErrors: 2, MessagesIn: 8}); got != want {
		t.Errorf("figures %+v\nwant    %+v", got, want)
	}
}

// A channel that ends while its connection does tells of its own reason, the one that
// its Terminate gets: here the client has left, and hung up before it was answered.
func TestReasonOfAChannelThatEndsWithItsConnection(t *testing.T) { // phoenix OBS-1, END-5
	log := newRecord()
	socket, events := observed(log)
	c := serve(t, socket).connect(t)
	c.join("room:a")
	c.send(`["1","2","room:a","wait",{}]`)
	<-log.entered
	c.send(`["1","3","room:a","phx_leave",{}]`)
	c.conn.CloseNow()
	expectEvents(t, events, `connected /socket websocket 2.0.0 "" <nil>`, `joined room:a "" {} <nil>`,
		`disconnected /socket websocket "" 1006 "" true`)
	close(log.release)
	expectEvents(t, events, `handled room:a wait "" {} "ok" <nil>`, `ended room:a "" shutdown: left`)
	if reason := <-log.terminated; reason != ws.Left {
		t.Errorf("Terminate got %v, want Left", reason)
	}
}

func TestReasonsOfDisconnects(t *testing.T) { // phoenix OBS-1
	for _, c := range []struct {
		name string
		end  func(*server, *client)
		want string
	}{
		{"malformed", func(_ *server, c *client) { c.send("?") }, `1007 "malformed message" true`},
		{"too large", func(_ *server, c *client) { c.send(strings.Repeat("x", 2000)) }, `1009 "message too big" false`},
		{"kicked", func(s *server, _ *client) { s.Disconnect("user:ann") }, `1001 "disconnected" false`},
		{"lost", func(_ *server, c *client) { c.conn.CloseNow() }, `1006 "" true`},
		{"drained", func(s *server, _ *client) { s.Drain(t.Context()) }, `1012 "drain" false`},
	} {
		socket, events := observed(nil)
		socket.MaxMessageSize = 1000
		s := serve(t, socket)
		client := s.connectWith(t, "user=ann")
		expectEvents(t, events, `connected /socket websocket 2.0.0 "user:ann" <nil>`)
		go client.conn.Read(context.Background()) // answers the close frame
		c.end(s, client)
		if c.name == "drained" {
			expectEvents(t, events, "drained 1 of 1, 1 of 1, 2s")
		}
		expectEvents(t, events, `disconnected /socket websocket "user:ann" `+c.want)
	}
}

func TestReasonIdleAndShutdown(t *testing.T) { // phoenix OBS-1
	synctest.Test(t, func(t *testing.T) {
		socket, events := observed(nil)
		socket.Connect = nil
		s := serveInMemory(t, socket)
		c := s.connect(t)
		c.join("room:a")
		<-events
		<-events
		c.conn.Read(context.Background())
		expectEvents(t, events, `disconnected /socket websocket "" 1001 "idle" false`, `ended room:a "" shutdown: connection closed`)
		p := s.pollClient(t, "")
		p.open()
		<-events
		expectEvents(t, events) // nothing yet
		time.Sleep(16 * time.Second)
		expectEvents(t, events, `disconnected /socket longpoll "" 1006 "" true`)
		c = s.connect(t)
		<-events
		go c.conn.Read(context.Background())
		s.Shutdown(t.Context())
		expectEvents(t, events, `disconnected /socket websocket "" 1012 "shutdown" false`)
	})
}

func TestUndeliverableBroadcastsAreTold(t *testing.T) { // phoenix OBS-1, BIN-6
	socket, events := observed(nil)
	s := serve(t, socket)
	c, _, err := s.dial(t, "/socket?vsn=1.0.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
	c.read()
	<-events
	<-events
	s.Broadcast("room:a", "bytes", ws.Binary([]byte("x")))
	expectEvents(t, events, `dropped /socket "room:a" "bytes" version 1 of the protocol has no binary payloads`)
	if got := s.Stats().Dropped; got != 1 {
		t.Errorf("%d dropped", got)
	}
}

func TestPanicOfAnObserverIsContained(t *testing.T) {
	socket := rooms(nil)
	socket.Observe = func(ws.Observation) { panic("observer") }
	s := serve(t, socket)
	c := s.connect(t)
	c.join("room:a")
	c.send(`["1","2","room:a","count",{}]`)
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`)
}

func TestObservationLog(t *testing.T) { // phoenix OBS-2, AUTH-5
	var out bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "took" || a.Key == "remote" {
				return slog.Attr{}
			}
			return a
		},
	}))
	long := ws.RawJSON([]byte(`{"x":"` + strings.Repeat("x", 5000) + `"}`))
	params := ws.RawJSON([]byte(`{"password":"p","user":{"password_again":"p","n":12345678901234567890},"list":[{"my_token":"t"}]}`))
	request := &ws.Request{Request: request(t, "http://h/", nil), Params: map[string][]string{"token": {"s3cret"}, "room": {"1"}}, AuthToken: "s3cret"}
	events := []ws.Observation{
		ws.Connected{Request: request, Path: "/socket", Transport: "websocket", Version: "2.0.0"},
		ws.Connected{Request: request, Err: errBadToken},
		ws.Joined{Topic: "room:a", Params: params},
		ws.Joined{Topic: "room:a", Err: errBadToken},
		ws.Joined{Topic: "phoenix:live_reload"},
		ws.Handled{Topic: "room:a", Event: "new_msg", Params: long, Status: "ok"},
		ws.Handled{Topic: "room:a", Event: "bytes", Params: ws.Binary([]byte("abc"))},
		ws.Resumed{Topic: "room:a", Resumption: ws.Resumption{Away: time.Second, Missed: 1, Complete: true}},
		ws.Resumed{Topic: "room:a", Err: errBadToken},
		ws.Resumed{Topic: "room:a", Err: ws.Stop},
		ws.Ended{Topic: "room:a", Reason: ws.Left},
		ws.Disconnected{Path: "/socket", Code: 1001, Reason: "idle"},
		ws.Dropped{Path: "/socket", Err: ws.ErrSlow},
		ws.Drained{Count: 1, Total: 2, Index: 1, Rounds: 2, Interval: time.Second},
	}
	log := &ws.ObservationLog{Logger: logger}
	for _, e := range events {
		log.Observe(e)
	}
	want := `level=INFO msg=connected path=/socket transport=websocket version=2.0.0 id="" params="map[room:[1] token:[[FILTERED]]]" error=<nil>
level=INFO msg=refused path="" transport="" version="" id="" params="map[room:[1] token:[[FILTERED]]]" error="bad token"
level=INFO msg=joined topic=room:a id="" params="map[list:[map[my_token:[FILTERED]]] password:[FILTERED] user:map[n:12345678901234567890 password_again:[FILTERED]]]" error=<nil>
level=INFO msg="join refused" topic=room:a id="" params=map[] error="bad token"
level=DEBUG msg=handled topic=room:a event=new_msg id="" params="5008 bytes" status=ok error=<nil>
level=DEBUG msg=handled topic=room:a event=bytes id="" params="3 bytes" status="" error=<nil>
level=DEBUG msg="channel resumed" topic=room:a id="" away=1s missed=1 complete=true error=<nil>
level=DEBUG msg="resume refused" topic=room:a id="" away=0s missed=0 complete=false error="bad token"
level=DEBUG msg="channel resumed" topic=room:a id="" away=0s missed=0 complete=false error=normal
level=DEBUG msg="channel ended" topic=room:a id="" reason="shutdown: left"
level=DEBUG msg=disconnected path=/socket transport="" id="" code=StatusGoingAway reason=idle error=<nil>
level=DEBUG msg=dropped path=/socket topic="" event="" error="too much is waiting for the client"
level=INFO msg=draining connections=1 of=2 batch=1 batches=2 interval=1s
`
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}

	out.Reset()
	log = &ws.ObservationLog{
		Logger: logger,
		Level: func(e ws.Observation) (slog.Level, bool) {
			_, ok := e.(ws.Handled)
			return slog.LevelWarn, ok
		},
		Filter: []string{"message"},
	}
	for _, e := range events {
		log.Observe(e)
	}
	log.Observe(ws.Handled{Topic: "room:a", Params: ws.RawJSON([]byte(`{"message":1,"password":2}`))})
	if got := out.String(); strings.Count(got, "level=WARN msg=handled") != 3 || strings.Count(got, "\n") != 3 || !strings.Contains(got, "message:[FILTERED] password:2") {
		t.Errorf("got\n%s", got)
	}
}
