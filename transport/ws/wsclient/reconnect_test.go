package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// inBubble runs f in virtual time.
func inBubble(name string, t *testing.T, f func(*testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// instantly makes a client reconnect at once.
func instantly(o *wsclient.Config) { o.ReconnectDelay = func(int) time.Duration { return 0 } }

func TestHeartbeats(t *testing.T) { // CLI-1, EVT-2
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		lost := make(chan error, 1)
		p.dial(t, instantly, func(o *wsclient.Config) { o.OnDisconnect = func(err error) { lost <- err } })
		first := p.peer()
		time.Sleep(10 * time.Minute) // answered heartbeats keep it
		select {
		case err := <-lost:
			t.Fatal("lost:", err)
		default:
		}
		first.mute.Store(true)
		start := time.Now()
		err := <-lost
		expectError(t, err, wsclient.ErrHeartbeat)
		expectError(t, err, wsclient.ErrDisconnected)
		if took := time.Since(start); took < 30*time.Second || took > 60*time.Second {
			t.Errorf("took %v to notice", took)
		}
		<-first.closed
		p.peer()
	})
}

func TestHeartbeatIntervalIsAnOption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.dial(t, func(o *wsclient.Config) { o.HeartbeatInterval = time.Second })
		peer := p.peer()
		peer.mute.Store(true)
		start := time.Now()
		peer.expect(`[null,"1","phoenix","heartbeat",{}]`)
		if took := time.Since(start); took != time.Second {
			t.Errorf("heartbeat after %v", took)
		}
		<-peer.closed
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("given up after %v", took)
		}
	})
}

func TestReconnectDelaysGrow(t *testing.T) { // CLI-2
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		failed := make(chan time.Time, 1)
		opened := make(chan time.Time, 2)
		p.dial(t, func(o *wsclient.Config) {
			o.OnDisconnect = func(error) { failed <- time.Now() }
			o.OnConnect = func() { opened <- time.Now() }
		})
		p.peer().ws.CloseNow()
		p.refuse.Store(403)
		<-opened
		last := <-failed
		for _, ms := range []int{10, 50, 100, 150, 200, 250, 500, 1000, 2000, 5000, 5000} {
			now := <-failed
			d := time.Duration(ms) * time.Millisecond
			if waited := now.Sub(last); waited < d/2 || waited >= d*3/2 {
				t.Errorf("waited %v, want about %v", waited, d)
			}
			last = now
		}
		p.refuse.Store(0)
		<-opened

		// A connection that a message has come on counts as a success: the delays
		// start anew.
		time.Sleep(70 * time.Second) // a heartbeat is answered
		p.peer().ws.CloseNow()
		start := <-failed
		if waited := (<-opened).Sub(start); waited >= 15*time.Millisecond {
			t.Errorf("waited %v, want about 10ms", waited)
		}
	})
}

// A server that accepts connections and closes them at once is not hammered.
func TestDelaysGrowWhileConnectionsAreCutAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		var attempts []int
		p.dial(t, func(o *wsclient.Config) {
			o.ReconnectDelay = func(n int) time.Duration {
				attempts = append(attempts, n)
				return time.Second
			}
		})
		for range 3 {
			p.peer().ws.CloseNow()
		}
		p.peer()
		synctest.Wait()
		if fmt.Sprint(attempts) != "[1 2 3]" {
			t.Errorf("attempts %v, want 1, 2, 3", attempts)
		}
	})
}

func TestEveryCloseCodeReconnects(t *testing.T) { // CLI-2, DISC-2, DISC-4
	for _, code := range []websocket.StatusCode{1000, 1001, 1011, 1012, 1013} {
		inBubble(fmt.Sprint(int(code)), t, func(t *testing.T) {
			p := newPuppet(t)
			lost := make(chan error, 1)
			c := p.dial(t, func(o *wsclient.Config) { o.OnDisconnect = func(err error) { lost <- err } })
			first := p.peer()
			ch := c.Channel("room:a", nil)
			go ch.Join(t.Context())
			first.expectJoin("room:a", "1")
			first.ws.Close(code, "bye")
			err := <-lost
			if got := websocket.CloseStatus(err); got != code {
				t.Errorf("told of code %v: %v", got, err)
			}
			p.peer().expectJoin("room:a", "2")
		})
	}
}

func TestFreshParamsAtEachAttempt(t *testing.T) { // CLI-9
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		n := 0
		lost := make(chan error, 1)
		p.dial(t, instantly, func(o *wsclient.Config) {
			o.OnDisconnect = func(err error) { lost <- err }
			o.Params = func(context.Context) (url.Values, error) {
				if n++; n == 3 {
					return nil, errors.New("no token today")
				}
				return url.Values{"n": {fmt.Sprint(n)}}, nil
			}
		})
		for _, want := range []string{"1", "2", "4"} {
			peer := p.peer()
			if got := peer.request.URL.Query().Get("n"); got != want {
				t.Errorf("connected with n=%s, want %s", got, want)
			}
			peer.ws.CloseNow()
			<-lost
			if want == "2" {
				if err, ok := errors.AsType[*wsclient.ConnectError](<-lost); !ok {
					t.Errorf("got %v, want a ConnectError", err)
				}
			}
		}
	})
}

func TestNewConnectsWhenTheServerIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.refuse.Store(503)
		c, err := wsclient.Start(p.options())
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, c)
		ch := c.Channel("room:a", nil)
		start := time.Now()
		_, err = ch.Join(t.Context())
		expectError(t, err, wsclient.ErrTimeout)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("Join gave up after %v", took)
		}
		if c.Connected() {
			t.Error("is connected to a server that refuses")
		}
		time.AfterFunc(time.Minute, func() { p.refuse.Store(0) })
		joined := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			_, err := ch.Join(ctx)
			joined <- err
		}()
		time.Sleep(time.Minute + 10*time.Second)
		p.peer().expectJoin("room:a", "1")
		if err := <-joined; err != nil {
			t.Error(err)
		}
		if !c.Connected() {
			t.Error("is not connected")
		}
	})
}

func TestConnectThatIsNotAnsweredTimesOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.refuse.Store(403)
		opts := p.options()
		opts.Params = func(ctx context.Context) (url.Values, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		_, err := wsclient.Dial(t.Context(), opts)
		expectError(t, err, context.DeadlineExceeded)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("gave up after %v", took)
		}
	})
}

// A peer that takes nothing ends a write, and with it the connection.
func TestStuckWriteEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.hesitant = true
		lost := make(chan error, 1)
		c := p.dial(t, instantly, func(o *wsclient.Config) { o.OnDisconnect = func(err error) { lost <- err } })
		peer := p.peer()
		ch := c.Channel("room:a", nil)
		go ch.Join(t.Context())
		peer.expectJoin("room:a", "1")
		synctest.Wait()
		for range 10 {
			if err := ch.Send("x", map[string]string{"x": string(make([]byte, 10_000))}); err != nil {
				t.Fatal(err)
			}
		}
		expectError(t, <-lost, wsclient.ErrDisconnected)
		p.peer().expectJoin("room:a", "2")
	})
}

// The whole way, with the real server: a kick, a crash, and what the application sees.
func TestChannelComesBack(t *testing.T) { // CLI-3, DISC-1 to DISC-3, END-3, END-4
	synctest.Test(t, func(t *testing.T) {
		s, endpoint := serve(t, true, rooms(nil))
		c := s.dial(t, func(o *wsclient.Config) {
			o.Params = func(context.Context) (url.Values, error) { return url.Values{"id": {"me"}}, nil }
		})
		lastSeen := 0
		ch := c.Channel("room:a", func() any { lastSeen++; return map[string]int{"last_seen": lastSeen} })
		joins := make(chan wsclient.Payload, 10)
		failures := make(chan error, 10)
		ch.OnJoin(func(reply wsclient.Payload) { joins <- reply })
		ch.OnError(func(err error) { failures <- err })
		mustJoin(t, ch)
		expectJSON(t, <-joins, `{"you_sent":{"last_seen":1}}`)
		expectJSON(t, mustPush(t, ch, "count", nil), `{"n":1}`)

		endpoint.Disconnect("me")
		err := <-failures
		expectError(t, err, wsclient.ErrDisconnected)
		if code := websocket.CloseStatus(err); code != websocket.StatusGoingAway {
			t.Errorf("told of code %v", code)
		}
		start := time.Now()
		expectJSON(t, <-joins, `{"you_sent":{"last_seen":2}}`)
		if took := time.Since(start); took >= 15*time.Millisecond {
			t.Errorf("back after %v", took)
		}

		start = time.Now()
		_, err = ch.Push(t.Context(), "crash", nil)
		expectError(t, err, wsclient.ErrCrashed)
		if took := time.Since(start); took != 0 {
			t.Errorf("Push waited %v", took)
		}
		expectError(t, <-failures, wsclient.ErrCrashed)
		expectJSON(t, <-joins, `{"you_sent":{"last_seen":3}}`)
		if took := time.Since(start); took != time.Second {
			t.Errorf("joined again after %v, want 1s", took)
		}
		expectJSON(t, mustPush(t, ch, "count", nil), `{"n":1}`) // fresh state
	})
}

// A join is tried again for as long as the channel is not left, at the pace of the
// official client: CLI-3, CLI-4.
func TestRefusedJoinIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var attempts []time.Duration
		start := time.Now()
		s, _ := serve(t, true, rooms(func(string, ws.Payload) (any, error) {
			attempts = append(attempts, time.Since(start))
			if len(attempts) == 7 {
				return nil, nil
			}
			return nil, ws.Refuse(ws.Reason("full"))
		}))
		ch := s.dial(t).Channel("room:a", nil)
		var failures int
		ch.OnError(func(err error) {
			if _, ok := errors.AsType[*wsclient.JoinError](err); ok {
				failures++
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		for range 6 { // each waits for the next attempt
			if _, err := ch.Join(ctx); err == nil {
				t.Fatal("joined")
			}
		}
		if _, err := ch.Join(ctx); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got, want := fmt.Sprint(attempts), "[0s 1s 3s 8s 18s 28s 38s]"; got != want {
			t.Errorf("attempts at %s, want %s", got, want)
		}
		if failures != 6 {
			t.Errorf("OnError called %d times, want 6", failures)
		}
	})
}
