package wstest_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wire"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// annOn returns a client of the stage whose socket has been changed.
func annOn(t testing.TB, change func(*ws.Socket)) *wstest.Client {
	t.Helper()
	socket := stageSocket(nil)
	change(&socket)
	return wstest.NewClient(t, wstest.NewEndpoint(t, socket), "/socket", ws.Identity{ID: "user:ann", Assigns: "ann"})
}

// CONN-9: what ends a connection over a network ends that of a test, with the same code.
func TestClientsAreDisconnectedAsOverANetwork(t *testing.T) {
	t.Parallel()
	large := map[string]string{"text": strings.Repeat("x", 2000)}
	for name, c := range map[string]struct {
		socket func(*ws.Socket)
		act    func(*testing.T, *wstest.Client)
		code   int
		reason string
	}{
		"message too large": {
			func(s *ws.Socket) { s.MaxMessageSize = 1000 },
			func(_ *testing.T, c *wstest.Client) { room, _ := c.Join("stage:1", nil); room.Push("echo", large) },
			1009, "",
		},
		"message too large, once inflated": {
			func(s *ws.Socket) { s.MaxMessageSize, s.Compress = 1000, true },
			func(_ *testing.T, c *wstest.Client) { room, _ := c.Join("stage:1", nil); room.Push("echo", large) },
			1009, "",
		},
		"idle for longer than its heartbeat": {
			func(s *ws.Socket) { s.IdleTimeout = 20 * time.Second },
			func(*testing.T, *wstest.Client) { time.Sleep(21 * time.Second) },
			1001, "idle",
		},
		"stopped": {
			func(*ws.Socket) {},
			func(t *testing.T, c *wstest.Client) { actortest.Crash(t, c.PID(), actor.Shutdown) },
			1012, "",
		},
		"crashed": {
			func(*ws.Socket) {},
			func(t *testing.T, c *wstest.Client) { actortest.Crash(t, c.PID(), actor.Kill) },
			1011, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				client := annOn(t, c.socket)
				c.act(t, client)
				code, reason := client.AssertDisconnect()
				if code != c.code || c.reason != "" && reason != c.reason {
					t.Errorf("closed with %d %q, want %d %q", code, reason, c.code, c.reason)
				}
			})
		})
	}
}

// A client that closes in the middle is gone for the server, which says nothing more.
func TestACloseOfOnesOwnHasNoCode(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client := ann(t)
		client.Close()
		if code, reason := client.AssertDisconnect(); code != 1006 || reason != "" {
			t.Error(code, reason)
		}
		client.Close()
	})
}

// CONN-10: what is large is compressed both ways, and arrives as it was.
func TestMessagesAreCompressed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		asked := make(chan string, 1)
		socket := stageSocket(nil)
		socket.Compress = true
		socket.Connect = func(r *ws.Request) (ws.Identity, error) {
			asked <- r.Header.Get("Sec-WebSocket-Extensions")
			return ws.Identity{}, nil
		}
		client, err := wstest.Connect(t, wstest.NewEndpoint(t, socket), "/socket", nil)
		if err != nil {
			t.Fatal(err)
		}
		if extensions := <-asked; !strings.Contains(extensions, "permessage-deflate") {
			t.Errorf("asked for %q", extensions)
		}
		room, _ := client.Join("stage:1", nil)
		for _, payload := range []any{
			map[string]string{"text": strings.Repeat("so it goes ", 10_000)},
			ws.Binary([]byte(strings.Repeat("so it goes ", 10_000))),
		} {
			room.AssertReply(room.Push("echo", payload), "ok", payload)
		}
	})
}

// The client's heartbeats keep the connection, for a day.
func TestAnIdleClientStaysConnected(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client := ann(t)
		room, _ := client.Join("stage:1", nil)
		time.Sleep(20 * time.Hour)
		room.AssertReply(room.Push("echo", nil), "ok")
		time.Sleep(5 * time.Hour)
		if code, reason := client.AssertDisconnect(); code != 1001 {
			t.Error(code, reason)
		}
	})
}

// A push does not wait, however slow the handler is, and however little may wait for it.
func TestAPushDoesNotWait(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client := annOn(t, func(s *ws.Socket) { s.MaxUnhandled = 1 })
		room, _ := client.Join("stage:1", nil)
		start := time.Now()
		var last wstest.Ref
		for range 10 {
			last = room.Push("slow", nil)
		}
		if took := time.Since(start); took > 0 {
			t.Error("the pushes took", took)
		}
		room.Within(4*time.Second).RefuteReply(last, "") // and as long for the handler
		room.Within(3*time.Second).AssertReply(last, "ok")
	})
}

// Before it closes, the client sends what it was told to.
func TestCloseSendsWhatWasPushed(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		endpoint := stage(t)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		room, _ := client.Join("stage:1", nil)
		witness, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("stage:1", nil)
		room.Push("shout", nil)
		client.Close()
		witness.AssertPush("shout")
	})
}

// Also if the server is slow to read that, as on a busy machine.
func TestCloseSendsWhatIsReadLate(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		socket := stageSocket(nil)
		socket.MaxMessageRate = 10
		endpoint := wstest.NewEndpoint(t, socket)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{})
		room, _ := client.Join("stage:1", nil)
		witness, _ := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("stage:1", nil)
		for range 150 { // 100 of them at once
			room.Push("echo", nil)
		}
		room.Push("shout", nil)
		start := time.Now()
		client.Close()
		if took := time.Since(start); took < 5*time.Second {
			t.Error("all was read within", took)
		}
		witness.AssertPush("shout")
	})
}

// A connection that has ended keeps no Close waiting.
func TestCloseOfWhatHasEnded(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		endpoint := stage(t)
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
		client.Join("stage:1", nil)
		if err := endpoint.Disconnect("user:ann"); err != nil {
			t.Fatal(err)
		}
		client.AssertDisconnect()
		start := time.Now()
		client.Close()
		if took := time.Since(start); took > 0 {
			t.Error("it took", took)
		}
	})
}

type fromMiddleware struct{}

// Connect sees the request that a client would send, and what a test's own has besides.
func TestConnectSeesTheRequest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		var seen *ws.Request
		socket := stageSocket(nil)
		socket.Path = "/{tenant}/socket"
		socket.Connect = func(r *ws.Request) (ws.Identity, error) { seen = r; return ws.Identity{}, nil }
		endpoint := wstest.NewEndpoint(t, socket)
		ctx := context.WithValue(t.Context(), fromMiddleware{}, "value")
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "/?from=url", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "session=17")
		if _, err := wstest.Connect(t, endpoint, "/acme/socket", &ws.Request{Request: r, AuthToken: "secret"}); err != nil {
			t.Fatal(err)
		}
		cookie, err := seen.Cookie("session")
		if err != nil || cookie.Value != "17" {
			t.Error(cookie, err)
		}
		if got := seen.Context().Value(fromMiddleware{}); got != "value" {
			t.Error("context:", got)
		}
		if seen.AuthToken != "secret" || seen.Params.Get("from") != "url" || seen.Params.Get("tenant") != "acme" || seen.URL.Path != "/acme/socket/websocket" {
			t.Error(seen.AuthToken, seen.Params, seen.URL)
		}
	})
}

// A client that is not let in gets the reason: Connect's own, or the endpoint's.
func TestConnectReturnsWhyItWasRefused(t *testing.T) {
	t.Parallel()
	foreign := &http.Request{Header: http.Header{"Origin": {"https://elsewhere.example"}}}
	busy := &ws.StatusError{Status: http.StatusTooManyRequests}
	for name, c := range map[string]struct {
		connect func(*ws.Request) (ws.Identity, error)
		socket  func(*ws.Socket)
		request *ws.Request
		want    string
	}{
		"by Connect": {
			connect: func(*ws.Request) (ws.Identity, error) { return ws.Identity{}, busy },
			want:    busy.Error(),
		},
		"by a panic": {
			connect: func(*ws.Request) (ws.Identity, error) { panic("oops") },
			want:    "panic: oops",
		},
		"for its origin":       {request: &ws.Request{Request: foreign}, want: "origin not allowed"},
		"for its version":      {socket: func(s *ws.Socket) { s.Serializers = []wire.Serializer{wire.V1{}} }, want: "version"},
		"for want of a seat":   {socket: func(s *ws.Socket) { s.MaxConnections = 1 }, want: "503"},
		"for its neighborhood": {socket: func(s *ws.Socket) { s.MaxPerAddress = 1 }, want: "429"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bubble(t, func(t *testing.T) {
				socket := stageSocket(nil)
				if c.connect != nil {
					socket.Connect = c.connect
				}
				if c.socket != nil {
					c.socket(&socket)
				}
				endpoint := wstest.NewEndpoint(t, socket)
				_, err := wstest.Connect(t, endpoint, "/socket", c.request)
				if err == nil { // then there is one too many
					_, err = wstest.Connect(t, endpoint, "/socket", c.request)
				}
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v, want %q", err, c.want)
				}
			})
		})
	}
}

// A subtest that gets the clients of its parent fails by itself.
func TestForASubtest(t *testing.T) {
	t.Parallel()
	bubble(t, func(t *testing.T) {
		client := ann(t)
		room, _ := client.Join("stage:1", nil)
		topic := client.Subscribe("stage:2")
		for want, f := range map[string]func(t testing.TB){
			`channel "stage:1": no push "x" came`:       func(t testing.TB) { room.For(t).AssertPush("x") },
			`topic "stage:1": no broadcast "x" came`:    func(t testing.TB) { room.For(t).AssertBroadcast("x") },
			`topic "stage:2": no broadcast "x" came`:    func(t testing.TB) { topic.For(t).AssertBroadcast("x") },
			`join "stage:closed": refused with`:         func(t testing.TB) { client.For(t).Join("stage:closed", nil) },
			`channel "stage:1": the channel did not cr`: func(t testing.TB) { room.For(t).AssertCrash() },
		} {
			if got := try(t, f); !strings.Contains(got, want) {
				t.Errorf("%q is missing in: %s", want, got)
			}
		}
	})
}
