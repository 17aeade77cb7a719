package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

func TestJoinPushLeave(t *testing.T) { // JOIN-5, WIRE-2, END-1
	s, _ := serve(t, false, rooms(nil))
	c := s.dial(t)
	ch := c.Channel("room:a", func() any { return map[string]string{"name": "ann"} })
	closed := make(chan error, 1)
	ch.OnClose(func(err error) { closed <- err })

	_, err := ch.Push(t.Context(), "echo", nil)
	expectError(t, err, wsclient.ErrNotJoined)
	expectJSON(t, mustJoin(t, ch), `{"you_sent":{"name":"ann"}}`)
	expectJSON(t, mustJoin(t, ch), `{"you_sent":{"name":"ann"}}`) // it is, already
	expectJSON(t, mustPush(t, ch, "echo", map[string]int{"x": 1}), `{"x":1}`)

	if _, err = ch.Push(t.Context(), "phx_leave", nil); err == nil || !strings.HasSuffix(err.Error(), "names that begin with phx_ are the protocol's own") {
		t.Errorf("pushed an event of the protocol's: %v", err)
	}
	_, err = ch.Push(t.Context(), "fail", nil)
	reply, ok := errors.AsType[*wsclient.ReplyError](err)
	if !ok || reply.Status != "error" || reply.Reason() != "failed" {
		t.Errorf("got %v, want a ReplyError with reason failed", err)
	}
	_, err = ch.Push(t.Context(), "maybe", nil)
	if reply, ok = errors.AsType[*wsclient.ReplyError](err); !ok || reply.Status != "maybe" {
		t.Errorf("got %v, want a ReplyError with status maybe", err)
	} else {
		expectJSON(t, reply.Payload, `{"n":1}`)
	}

	if err := ch.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := soon(t, closed); err != nil {
		t.Errorf("OnClose got %v after Leave, want nil", err)
	}
	_, err = ch.Push(t.Context(), "echo", nil)
	expectError(t, err, wsclient.ErrLeft)
	_, err = ch.Join(t.Context())
	expectError(t, err, wsclient.ErrLeft)
	if err := ch.Leave(t.Context()); err != nil {
		t.Error("second Leave:", err)
	}
	mustPush(t, join(t, c, "room:a"), "echo", nil) // the topic is free for another
}

func TestPayloadsArriveAsTheyWere(t *testing.T) { // WIRE-8, BIN-1 to BIN-3
	s, _ := serve(t, false, rooms(nil))
	ch := s.dial(t).Channel("room:é\"\\", nil)
	events := make(chan wsclient.Message, 1)
	ch.On("shout", func(m wsclient.Message) { events <- m })
	ch.On("pushed", func(m wsclient.Message) { events <- m })
	mustJoin(t, ch)

	var got struct{ N uint64 }
	reply := mustPush(t, ch, "echo", map[string]any{"n": uint64(1<<64 - 1), "s": "<é😀>", "d": []any{nil, true}})
	if err := reply.Decode(&got); err != nil || got.N != 1<<64-1 {
		t.Errorf("decoded %d, %v", got.N, err)
	}
	again := mustPush(t, ch, "echo", reply) // a payload can be sent on
	if string(again.Bytes()) != string(reply.Bytes()) {
		t.Errorf("got %v, want %v", again, reply)
	}
	for _, data := range []string{"\x00\xff\"", ""} {
		reply := mustPush(t, ch, "echo", wsclient.Binary([]byte(data)))
		if !reply.IsBinary() || string(reply.Bytes()) != data {
			t.Errorf("got %v, want %q", reply, data)
		}
		if err := reply.Decode(&got); err == nil {
			t.Error("a binary payload was decoded")
		}
	}
	for _, event := range []string{"shout", "push_me"} {
		if err := ch.Send(event, wsclient.Binary([]byte("abc"))); err != nil {
			t.Fatal(err)
		}
		if m := soon(t, events); !m.Payload.IsBinary() || string(m.Payload.Bytes()) != "abc" {
			t.Errorf("%s: got %v", m.Event, m.Payload)
		}
	}
}

func TestPayloadMustBeAnObject(t *testing.T) { // CLI-11
	s, _ := serve(t, false, rooms(nil))
	ch := join(t, s.dial(t), "room:a")
	for _, payload := range []any{1, "text", []int{1}, text("null")} {
		_, err := ch.Push(t.Context(), "echo", payload)
		expectError(t, err, wsclient.ErrPayload)
		expectError(t, ch.Send("echo", payload), wsclient.ErrPayload)
	}
	if err := ch.Send("echo", make(chan int)); err == nil {
		t.Error("a channel was marshalled")
	}
	long := string(make([]byte, 256))
	if err := ch.Send(long, wsclient.Binary(nil)); err == nil { // BIN-5
		t.Error("an event of 256 bytes was sent in a binary message")
	}
	mustPush(t, ch, "echo", nil)
}

type text string

func (s text) MarshalJSON() ([]byte, error) { return []byte(s), nil }

func TestRefusedJoinTellsWhy(t *testing.T) { // JOIN-3, JOIN-4, JOIN-6
	s, _ := serve(t, false, rooms(func(topic string, _ ws.Payload) (any, error) {
		if topic == "room:crash" {
			panic("join")
		}
		return nil, ws.Refuse(ws.Reason("unauthorized"))
	}))
	c := s.dial(t)
	for topic, reason := range map[string]string{
		"room:private": "unauthorized",
		"room:crash":   "join crashed",
		"nowhere":      "unmatched topic",
	} {
		ch := c.Channel(topic, nil)
		_, err := ch.Join(t.Context())
		refused, ok := errors.AsType[*wsclient.JoinError](err)
		if !ok || refused.Reason() != reason {
			t.Errorf("join of %q: got %v, want a JoinError with reason %q", topic, err, reason)
		}
		if got, want := errors.Is(err, wsclient.ErrCrashed), topic == "room:crash"; got != want {
			t.Errorf("join of %q: is ErrCrashed: %v", topic, got)
		}
		if err := ch.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestEventsComeInOrder(t *testing.T) { // OUT-5
	const n = 1000
	s, _ := serve(t, false, rooms(nil))
	got := make(chan int)
	for range 2 {
		ch := s.dial(t).Channel("room:a", nil)
		ch.On("shout", func(m wsclient.Message) {
			var body struct{ I int }
			m.Payload.Decode(&body)
			got <- body.I
		})
		ch.On("other", func(wsclient.Message) { t.Error("an event came to the wrong function") })
		mustJoin(t, ch)
		next := make(chan bool)
		go func() {
			defer close(next)
			for i := range n {
				if v := <-got; v != i {
					t.Errorf("got %d, want %d", v, i)
					return
				}
			}
		}()
		for i := range n {
			if err := ch.Send("shout", map[string]int{"i": i}); err != nil {
				t.Fatal(err)
			}
		}
		soon(t, next)
		ch.Leave(t.Context())
	}
}

func TestFunctionsMayWaitForReplies(t *testing.T) {
	s, _ := serve(t, false, rooms(nil))
	ch := s.dial(t).Channel("room:a", nil)
	replies := make(chan wsclient.Payload, 1)
	ch.On("pushed", func(m wsclient.Message) { replies <- mustPush(t, ch, "echo", m.Payload) })
	mustJoin(t, ch)
	mustPush(t, ch, "push_me", map[string]int{"x": 1})
	expectJSON(t, soon(t, replies), `{"x":1}`)
}

func TestServerEndsChannel(t *testing.T) { // END-2
	s, _ := serve(t, false, rooms(nil))
	c := s.dial(t)
	ch := c.Channel("room:a", nil)
	closed := make(chan error, 1)
	ch.OnClose(func(err error) { closed <- err })
	mustJoin(t, ch)
	expectJSON(t, mustPush(t, ch, "stop", nil), `{"stopped":true}`)
	expectError(t, soon(t, closed), wsclient.ErrStopped)
	_, err := ch.Push(t.Context(), "echo", nil)
	expectError(t, err, wsclient.ErrStopped)
}

func TestAuthTokenAndParamsAreSent(t *testing.T) { // AUTH-1, AUTH-2, CONN-3
	socket := rooms(nil)
	seen := make(chan *ws.Request, 1)
	connect := socket.Connect
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		seen <- r
		return connect(r)
	}
	s, _ := serve(t, false, socket)
	c := s.dial(t, func(o *wsclient.Config) {
		o.URL += "?a=1&b=2"
		o.Params = func(context.Context) (url.Values, error) { return url.Values{"b": {"3"}, "c": {"ü&"}}, nil }
		o.AuthToken = func(context.Context) (string, error) { return "tö?ken>", nil }
		o.Header = map[string][]string{"X-Test": {"yes"}}
	})
	r := soon(t, seen)
	if r.AuthToken != "tö?ken>" || r.Header.Get("X-Test") != "yes" {
		t.Errorf("got token %q, header %v", r.AuthToken, r.Header)
	}
	if got, want := r.Params.Encode(), "a=1&b=3&c=%C3%BC%26&vsn=2.0.0"; got != want {
		t.Errorf("got params %q, want %q", got, want)
	}
	mustPush(t, join(t, c, "room:a"), "echo", nil)
}

// Over TLS, and with a server that would rather speak HTTP/2.
func TestTLS(t *testing.T) {
	_, endpoint := serve(t, false, rooms(nil))
	tls := httptest.NewUnstartedServer(endpoint)
	tls.EnableHTTP2 = true
	tls.StartTLS()
	t.Cleanup(tls.Close)
	c, err := wsclient.Dial(t.Context(), wsclient.Config{
		URL:        strings.Replace(tls.URL, "https", "wss", 1) + "/socket/",
		HTTPClient: tls.Client(),
	})
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, c)
	mustPush(t, join(t, c, "room:a"), "echo", nil)
}

func TestDialTellsWhyItFailed(t *testing.T) { // CLI-9
	s, _ := serve(t, false, rooms(nil))
	opts := s.options()
	opts.Params = func(context.Context) (url.Values, error) { return url.Values{"token": {"bad"}}, nil }
	_, err := wsclient.Dial(t.Context(), opts)
	if refused, ok := errors.AsType[*wsclient.ConnectError](err); !ok || refused.StatusCode != 403 {
		t.Errorf("got %v, want a ConnectError with status 403", err)
	}
	for name, url := range map[string]string{
		"wrong path":   s.options().URL + "/nowhere",
		"nobody there": "ws://127.0.0.1:1/socket",
		"empty":        "",
		"no scheme":    "127.0.0.1/socket",
		"not a URL":    "ws://%",
	} {
		if _, err := wsclient.Dial(t.Context(), wsclient.Config{URL: url}); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
	noToken := errors.New("no token")
	opts.Params = func(context.Context) (url.Values, error) { return nil, noToken }
	_, err = wsclient.Dial(t.Context(), opts)
	expectError(t, err, noToken)
	opts.Params = nil
	opts.AuthToken = func(context.Context) (string, error) { return "", noToken }
	_, err = wsclient.Dial(t.Context(), opts)
	expectError(t, err, noToken)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = wsclient.Dial(ctx, s.options())
	expectError(t, err, context.Canceled)
}

func TestOptionsAreChecked(t *testing.T) {
	for _, opts := range []wsclient.Config{
		{URL: "ws://a/socket", Timeout: -1},
		{URL: "ws://a/socket", HeartbeatInterval: -1},
		{URL: "ws://a/socket", PushLimit: -1},
		{URL: "ws://a/socket", EventLimit: -1},
		{URL: "ws://a/socket", MaxMessageSize: -1},
		{URL: "ws://a/socket", PushOverflow: 7},
		{URL: "ftp://a/socket"},
	} {
		if _, err := wsclient.Start(opts); err == nil {
			t.Errorf("New took %+v", opts)
		}
	}
}

func TestCloseEndsEverything(t *testing.T) {
	s, _ := serve(t, false, rooms(nil))
	c := s.dial(t)
	ch := c.Channel("room:a", nil)
	closed := make(chan error, 1)
	ch.OnClose(func(err error) { closed <- err })
	mustJoin(t, ch)
	listener := s.dial(t).Channel("room:a", nil)
	heard := make(chan wsclient.Payload, 100)
	listener.On("shout", func(m wsclient.Message) { heard <- m.Payload })
	mustJoin(t, listener)

	waiting := make(chan error, 1)
	go func() {
		_, err := ch.Push(context.Background(), "silence", nil)
		waiting <- err
	}()
	mustPush(t, ch, "echo", nil)
	for range 100 { // what is given to the connection is sent before it closes
		if err := ch.Send("shout", nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectError(t, soon(t, waiting), wsclient.ErrClosed)
	expectError(t, soon(t, closed), wsclient.ErrClosed)
	for range 100 {
		soon(t, heard)
	}
	_, err := ch.Push(t.Context(), "echo", nil)
	expectError(t, err, wsclient.ErrClosed)
	_, err = c.Channel("room:b", nil).Join(t.Context())
	expectError(t, err, wsclient.ErrClosed)
	if c.Connected() {
		t.Error("still connected")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Error("second Close:", err)
	}
}

// Many goroutines use a client at the same time while its connection is cut again and
// again: when some pushes have been answered, and when a channel comes back. So it is cut as
// often on any machine, and lives long enough on any for some to be answered. What is promised
// then: each call returns, and the channels come back.
func TestConcurrentUseWithCuts(t *testing.T) {
	var endpoint *ws.Endpoint
	var cuts, joins, answered atomic.Int32
	every := func(n int32, count *atomic.Int32) {
		if count.Add(1)%n == 0 {
			endpoint.Disconnect("me")
		}
	}
	s, endpoint := serve(t, false, rooms(func(string, ws.Payload) (any, error) {
		every(7, &joins) // of the four that come back at once
		return nil, nil
	}))
	c := s.dial(t, func(o *wsclient.Config) {
		o.Params = func(context.Context) (url.Values, error) { return url.Values{"id": {"me"}}, nil }
		o.ReconnectDelay = func(int) time.Duration { return time.Millisecond }
		o.OnDisconnect = func(error) { cuts.Add(1) }
		o.Timeout = time.Minute
	})
	var users sync.WaitGroup
	for i := range 4 {
		ch := join(t, c, fmt.Sprintf("room:%d", i))
		ch.On("shout", func(wsclient.Message) {})
		for range 4 {
			users.Go(func() {
				for n := range 200 {
					reply, err := ch.Push(t.Context(), "echo", map[string]int{"n": n})
					switch {
					case err == nil:
						every(50, &answered)
						expect := fmt.Sprintf(`{"n":%d}`, n)
						if string(reply.Bytes()) != expect {
							t.Errorf("got %v, want %s", reply, expect)
						}
					case !errors.Is(err, wsclient.ErrDisconnected):
						t.Error(err)
					}
					ch.Send("shout", nil)
				}
			})
		}
	}
	users.Wait()
	t.Logf("%d of %d pushes answered, %d joins, %d cuts", answered.Load(), 4*4*200, joins.Load(), cuts.Load())
	for i := range 4 {
		ch := c.Channel(fmt.Sprintf("room:%d", i), nil) // replaces the other
		mustJoin(t, ch)
		_, err := ch.Push(t.Context(), "echo", nil)
		for errors.Is(err, wsclient.ErrDisconnected) { // by a cut that is late
			_, err = ch.Push(t.Context(), "echo", nil)
		}
		if err != nil {
			t.Error(err)
		}
	}
}
