package ws_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// joinMany joins n topics, leaves each again, and returns how many joins were let
// in.
func (c *client) joinMany(n int) (joined int) {
	c.t.Helper()
	for i := range n {
		ref := fmt.Sprint(i)
		c.send(`["` + ref + `","` + ref + `","room:` + ref + `","phx_join",{}]`)
		_, got, err := c.read()
		switch text := string(got); {
		case err != nil:
			c.t.Fatal(err)
		case strings.Contains(text, `"ok"`):
			joined++
			c.send(`["` + ref + `","x","room:` + ref + `","phx_leave",{}]`)
			c.read() // the reply
			c.read() // phx_close
		case !strings.Contains(text, `{"status":"error","response":{"reason":"too many joins"}}`):
			c.t.Fatalf("got %s", text)
		}
	}
	return joined
}

func TestJoinRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := rooms(nil)
		socket.MaxJoinRate = 2
		s := serveInMemory(t, socket)
		c, other := s.connect(t), s.connect(t)
		if got := c.joinMany(30); got != 20 {
			t.Errorf("%d joins at once, want ten seconds' worth: 20", got)
		}
		other.join("room:a") // each connection by itself
		c.heartbeat()
		time.Sleep(2 * time.Second)
		if got := c.joinMany(30); got != 4 {
			t.Errorf("%d joins after 2 s, want 4", got)
		}
		time.Sleep(50 * time.Second) // short of the idle timeout
		if got := c.joinMany(30); got != 20 {
			t.Errorf("%d joins after a long time, want 20", got)
		}
	})
}

// What a client may have the server keep of a channel is bounded: 100 topics of 1 MiB
// would be much.
func TestTopicsAreBounded(t *testing.T) {
	s := serve(t, rooms(nil))
	c := s.connect(t)
	topic := "room:" + strings.Repeat("x", 1019)
	c.join(topic)
	for _, m := range [][2]string{{`"2"`, topic + "x"}, {`"` + strings.Repeat("2", 1023) + `"`, "room:a"}} {
		c.send(`[` + m[0] + `,"3","` + m[1] + `","phx_join",{}]`)
		c.expect(`[` + m[0] + `,"3","` + m[1] + `","phx_reply",{"status":"error","response":{"reason":"topic too long"}}]`)
	}
	if got := s.Stats().Channels; got != 1 {
		t.Errorf("%d channels", got)
	}
}

// A flood of joins gets as many channels as are allowed, and costs nobody else.
func TestJoinFlood(t *testing.T) { // JOIN-9
	s := serve(t, rooms(nil))
	bystander := s.connect(t)
	bystander.join("room:a")
	c := s.connect(t)
	const n = 2000
	go func() {
		for i := range n {
			text := fmt.Sprintf(`["%d","%d","room:%d","phx_join",{}]`, i, i, i)
			if c.conn.Write(context.Background(), websocket.MessageText, []byte(text)) != nil {
				return
			}
		}
	}()
	answers := map[string]int{}
	for range n {
		_, got, err := c.read()
		if err != nil {
			t.Fatal(err)
		}
		_, payload, _ := bytes.Cut(got, []byte(`phx_reply",`))
		answers[string(payload)]++
	}
	if len(answers) != 2 || answers[`{"status":"ok","response":{}}]`] != 100 ||
		answers[`{"status":"error","response":{"reason":"too many channels joined"}}]`] != n-100 {
		t.Errorf("answers: %v", answers)
	}
	bystander.send(`["1","2","room:a","count",{}]`)
	bystander.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`)
}

func TestFastSenderIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := rooms(nil)
		socket.MaxMessageRate = 10
		s := serveInMemory(t, socket)
		c := s.connect(t)
		start := time.Now()
		c.join("room:a")
		go func() {
			for range 150 {
				c.conn.Write(context.Background(), websocket.MessageText, []byte(`["1","2","room:a","count",{}]`))
			}
		}()
		for n := 1; n <= 150; n++ {
			c.expect(fmt.Sprintf(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":%d}}]`, n))
			want := max(0, time.Duration(n+1-100)*time.Second/10) // the join counts as well
			if at := time.Since(start); at < want || at > want+10*time.Millisecond {
				t.Fatalf("message %d was answered after %v, want %v", n, at, want)
			}
		}
	})
}

func TestFastPollerIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := polling(nil)
		socket.MaxMessageRate = 1
		s := serveInMemory(t, socket)
		c := s.pollClient(t, "")
		c.open()
		lines := strings.Split(strings.Repeat(`[null,"1","phoenix","heartbeat",{}] `, 14), " ")[:14]
		start := time.Now()
		if got := c.post(lines...); got != 200 || time.Since(start) != 4*time.Second {
			t.Errorf("14 messages: %d after %v, want 200 after 4 s", got, time.Since(start))
		}
		// So that no message is due at the very moment at which the window ends.
		time.Sleep(500 * time.Millisecond)
		start = time.Now()
		if got := c.post(lines...); got != 200 || time.Since(start) != 10*time.Second {
			t.Errorf("14 more: %d after %v, want 200 after the window of 10 s", got, time.Since(start))
		}
		if got := len(c.poll().Messages); got != 24 {
			t.Errorf("%d answers, want 24: those that were taken", got)
		}
		for n := range 4 { // those that were held back
			if got := len(c.poll().Messages); got != 1 {
				t.Errorf("%d answers, want one a second", got)
			}
			if late := time.Since(start) - time.Duration(n+11)*time.Second; late.Abs() > 500*time.Millisecond {
				t.Errorf("answer %d came after %v", n+11, time.Since(start))
			}
		}
	})
}

// What is held back for a client that polls is bounded: more than that is not even
// read.
func TestPostIsReadNoFasterThanItsMessagesAreTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		socket := polling(nil)
		socket.MaxMessageRate = 1
		socket.MaxMessageSize = 2000
		s := serveInMemory(t, socket)
		c := s.pollClient(t, "")
		c.open()
		line := `[null,"1","phoenix","heartbeat",{"x":"` + strings.Repeat("x", 900) + `"}]`
		var lines []string
		for range 26 {
			lines = append(lines, line)
		}
		start := time.Now()
		if got := c.postEarly(s, "", strings.Join(lines, "\n")); got != 408 || time.Since(start) != 10*time.Second {
			t.Errorf("26 messages: %d after %v, want 408 after the window of 10 s", got, time.Since(start))
		}
		time.Sleep(4 * time.Second)
		// Ten at once, ten in the window, two that were held, and half of a second's
		// worth that comes of rounding.
		if got := len(c.poll().Messages); got < 20 || got > 23 {
			t.Errorf("%d answers", got)
		}
	})
}

func TestRatesCanBeTakenOff(t *testing.T) {
	socket := rooms(nil)
	socket.MaxJoinRate, socket.MaxMessageRate = -1, -1
	s := serve(t, socket)
	c := s.connect(t)
	if got := c.joinMany(700); got != 700 { // more than ten seconds' worth
		t.Errorf("%d joins", got)
	}
}

// OUT-8: with DropNewest a client that does not read loses messages, whole ones, and
// stays.
func TestOverflowDropsMessages(t *testing.T) {
	socket := rooms(nil)
	socket.MaxQueue = 64 << 10
	socket.Overflow = ws.DropNewest
	s := serve(t, socket)
	slow := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
	slow.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	payload := map[string]string{"x": strings.Repeat("x", 32<<10)}
	sent := 0
	for ; s.Stats().Dropped < 5; sent++ {
		if sent == 2000 { // 64 MiB, more than the kernel buffers
			t.Fatal("nothing is dropped")
		}
		if err := s.Broadcast("room:a", "big", payload); err != nil {
			t.Fatal(err)
		}
	}
	for range sent - int(s.Stats().Dropped) {
		if first, got, err := slow.ReadFrame(); first != rawclient.Fin|rawclient.OpText || len(got) < 32<<10 || err != nil {
			t.Fatalf("first byte %#x, %d bytes, %v", first, len(got), err)
		}
	}
	slow.Write(rawclient.Text(`["1","2","room:a","count",{}]`))
	slow.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{"n":1}}]`)
	if st := s.Stats(); st.SlowConsumers != 0 || st.Connections != 1 {
		t.Errorf("figures %+v", st)
	}
}

// duringUpgrade calls f in the middle of an upgrade: just before the client hears that
// it is connected.
type duringUpgrade struct {
	http.ResponseWriter
	f func()
}

func (d duringUpgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	d.f()
	return http.NewResponseController(d.ResponseWriter).Hijack()
}

// DISC-1: from the moment that a client knows that it is connected, Disconnect
// reaches it.
func TestDisconnectReachesWhoIsJustConnecting(t *testing.T) {
	s := serve(t, rooms(nil))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(duringUpgrade{w, func() {
			if err := s.Disconnect("user:ann"); err != nil {
				t.Error(err)
			}
		}}, r)
	})}
	done := make(chan error)
	go func() { done <- front.Serve(l) }()
	defer func() {
		front.Close()
		<-done
	}()
	back := s.addr
	s.addr = l.Addr().String()
	ann := s.connectWith(t, "user=ann")
	ann.expectClose(websocket.StatusGoingAway)
	bob := s.connectWith(t, "user=bob")
	bob.heartbeat()
	s.addr = back
}

func TestFailedUpgradeLeavesNothingBehind(t *testing.T) {
	s := serve(t, rooms(nil))
	for range 10 {
		if got := s.status(t, "GET", "/socket/websocket?user=ann", http.Header{"Upgrade": {"websocket"}, "Connection": {"Upgrade"}}); got != 400 {
			t.Errorf("status %d, want 400", got)
		}
	}
	s.waitFor(t, func(st ws.Stats) bool { return st.Connections == 0 })
}

// A panic in the middle of a handshake is that request's; it is not counted as a
// connection, for which Shutdown would wait.
func TestPanicDuringTheHandshakeLeavesNothingBehind(t *testing.T) {
	socket := polling(nil)
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		if r.Params.Has("panic") {
			panic(http.ErrAbortHandler) // of which net/http makes no fuss
		}
		return ws.Identity{}, nil
	}
	s := serve(t, socket)
	if _, resp, err := s.dial(t, "/socket?vsn=2.0.0&panic=1", nil); err == nil {
		t.Errorf("status %d", resp.StatusCode)
	}
	poll := s.pollClient(t, "panic=1")
	if resp, err := poll.http.Do(request(t, poll.url, nil)); err == nil {
		t.Errorf("status %d", resp.StatusCode)
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(duringUpgrade{w, func() { panic(http.ErrAbortHandler) }}, r)
	}))
	defer front.Close()
	back := s.addr
	s.addr = front.Listener.Addr().String()
	if _, resp, err := s.dial(t, "/socket?vsn=2.0.0", nil); err == nil {
		t.Errorf("status %d", resp.StatusCode)
	}
	s.addr = back
	if got := s.Stats().Connections; got != 0 {
		t.Errorf("%d connections", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// A socket actor that is killed runs no Terminate. Its channels are not counted any
// more all the same.
func TestKilledSessionLeavesNothingBehind(t *testing.T) {
	log := newRecord()
	sessions := make(chan actor.PID, 1)
	socket := rooms(log, ws.Middleware{Join: func(next ws.JoinFunc) ws.JoinFunc {
		return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
			sessions <- c.Context().(interface{ Parent() actor.PID }).Parent()
			return next(c, topic, in)
		}
	}})
	s := serve(t, socket)
	c := s.connect(t)
	c.join("room:a")
	session := <-sessions
	session.Exit(actor.Kill)
	<-session.Done()
	if got := s.Stats().Channels; got != 0 {
		t.Errorf("%d channels", got)
	}
	c.expectClose(websocket.StatusInternalError)
	if reason := <-log.terminated; reason != actor.Killed {
		t.Errorf("Terminate got %v, want Killed", reason)
	}
}
