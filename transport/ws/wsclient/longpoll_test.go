package wsclient_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// proxy lets no WebSocket through, in its way.
type proxy struct {
	http.Handler
	way      string
	upgrades atomic.Int32 // attempts to open a WebSocket
	polls    atomic.Int32
	posts    atomic.Int32
	fail     atomic.Int32 // status to answer the next poll with; 0: none
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/websocket"):
		p.upgrades.Add(1)
		p.stop(w, r)
		return
	case r.Method == http.MethodPost:
		p.posts.Add(1)
	default:
		p.polls.Add(1)
		if status := p.fail.Swap(0); status != 0 {
			w.WriteHeader(int(status))
			return
		}
	}
	p.Handler.ServeHTTP(w, r)
}

func (p *proxy) stop(w http.ResponseWriter, r *http.Request) {
	switch p.way {
	case "lets it through":
		p.Handler.ServeHTTP(w, r)
	case "refuses":
		w.WriteHeader(http.StatusBadGateway)
	case "does not answer":
		<-r.Context().Done()
	case "opens and is mute":
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"phoenix"}})
		if err != nil {
			return
		}
		defer c.CloseNow()
		for err == nil {
			_, _, err = c.Read(context.Background())
		}
	}
}

// behind starts an endpoint behind a proxy.
func behind(t *testing.T, way string, socket ws.Socket) (*server, *proxy) {
	socket.LongPoll = true
	p := &proxy{Handler: newEndpoint(t, socket), way: way}
	return serveHTTP(t, p, true), p
}

func fallback(o *wsclient.Config) { o.LongPollFallback = 2500 * time.Millisecond }

// LP-8: a client that gets no WebSocket, or one on which no heartbeat is answered, polls.
func TestClientPollsWhereNoWebSocketGetsThrough(t *testing.T) { // LP-1, LP-2, LP-5, LP-7
	for _, way := range []string{"refuses", "does not answer", "opens and is mute"} {
		t.Run(way, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, p := behind(t, way, rooms(nil))
				start := time.Now()
				c := s.dial(t, fallback, func(o *wsclient.Config) {
					o.Params = func(context.Context) (url.Values, error) { return url.Values{"token": {"mine"}}, nil }
					o.OnDisconnect = func(err error) { t.Error("disconnected:", err) }
				})
				if took := time.Since(start); took > 2500*time.Millisecond {
					t.Errorf("it took %v to fall back", took)
				}
				ch := c.Channel("room:a", nil)
				shouts := make(chan wsclient.Message, 100)
				ch.On("shout", func(m wsclient.Message) { shouts <- m })
				mustJoin(t, ch)
				expectJSON(t, mustPush(t, ch, "echo", map[string]string{"text": "a\nb"}), `{"text":"a\nb"}`)
				expectJSON(t, mustPush(t, ch, "count", wsclient.Binary([]byte("\x00\n["))), `{"n":1}`)
				for i := range 20 {
					mustPush(t, ch, "shout", map[string]int{"i": i})
				}
				for i := range 20 {
					var m struct{ I int }
					if err := soon(t, shouts).Payload.Decode(&m); err != nil || m.I != i {
						t.Errorf("message %d is %+v, %v", i, m, err)
					}
				}
				posts := p.posts.Load()
				time.Sleep(5 * time.Minute)
				if n := p.posts.Load() - posts; n != 0 {
					t.Errorf("%d heartbeats were posted", n)
				}
				mustPush(t, ch, "echo", nil) // is still there
				if _, err := c.Ping(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A client that has fallen back does not try a WebSocket again, and connects anew when a
// poll fails: the channels join again.
func TestClientThatPollsReconnectsByPolling(t *testing.T) { // LP-4
	for _, status := range []int32{http.StatusInternalServerError, http.StatusGone, http.StatusBadGateway} {
		synctest.Test(t, func(t *testing.T) {
			s, p := behind(t, "refuses", rooms(nil))
			c := s.dial(t, fallback)
			joined := make(chan wsclient.Payload, 10)
			ch := c.Channel("room:a", nil)
			ch.OnJoin(func(reply wsclient.Payload) { joined <- reply })
			mustJoin(t, ch)
			soon(t, joined)
			p.fail.Store(status)
			soon(t, joined)
			mustPush(t, ch, "echo", nil)
			if n := p.upgrades.Load(); n != 1 {
				t.Errorf("%d attempts to open a WebSocket, want 1", n)
			}
		})
	}
}

// Where a WebSocket works, or has worked once, and where the server itself refuses the
// client, there is no fallback.
func TestClientDoesNotPollWithoutNeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, p := behind(t, "lets it through", rooms(nil))
		c := s.dial(t, fallback)
		ch := join(t, c, "room:a")
		mustPush(t, ch, "echo", nil)

		o := s.options()
		o.URL += "?token=bad"
		fallback(&o)
		_, err := wsclient.Dial(t.Context(), o)
		refused, ok := errors.AsType[*wsclient.ConnectError](err)
		if !ok || refused.StatusCode != http.StatusForbidden {
			t.Errorf("refused with %v", err)
		}
		if n := p.polls.Load(); n != 0 {
			t.Errorf("%d polls", n)
		}
	})
}

// A server that refuses a client that polls says so.
func TestClientThatPollsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := behind(t, "refuses", rooms(nil))
		o := s.options()
		o.URL += "?token=bad"
		fallback(&o)
		_, err := wsclient.Dial(t.Context(), o)
		refused, ok := errors.AsType[*wsclient.ConnectError](err)
		if !ok || refused.StatusCode != http.StatusForbidden {
			t.Errorf("refused with %v", err)
		}
	})
}
