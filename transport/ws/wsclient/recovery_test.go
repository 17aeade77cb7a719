package wsclient_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// A client that was away gets what a recorded topic has had meanwhile, also if nothing had
// come before.
func TestAClientRecoversByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		route := ws.Topic("room:*", func() *room { return &room{} }, nil)
		route.History = &ws.History{Size: 3}
		s, endpoint := serve(t, true, ws.Socket{
			Path: "/socket", Channels: ws.Routes{route},
			Connect: func(*ws.Request) (ws.Identity, error) { return ws.Identity{ID: "ann"}, nil },
		})
		away := make(chan struct{})
		c := s.dial(t, func(o *wsclient.Config) {
			o.OnDisconnect = func(error) { away <- struct{}{} }
			o.ReconnectDelay = func(int) time.Duration { return time.Second }
		})
		room := c.Channel("room:a", nil)
		got := make(chan string, 100)
		room.On("news", func(m wsclient.Message) { got <- string(m.Payload.Bytes()) })
		room.OnRecovery(func(r wsclient.Recovery) { got <- fmt.Sprint(r.Missed, " ", r.Complete) })
		if _, err := room.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := 0
		news := func(count int) {
			for range count {
				n++
				if err := endpoint.Broadcast("room:a", "news", map[string]int{"n": n}); err != nil {
					t.Error(err)
				}
			}
		}
		expect := func(want ...string) {
			t.Helper()
			for _, w := range want {
				if s := soon(t, got); s != w {
					t.Errorf("got %s, want %s", s, w)
				}
			}
		}
		cut := func() {
			if err := endpoint.Disconnect("ann"); err != nil {
				t.Error(err)
			}
			<-away
		}
		synctest.Wait()
		cut()
		news(2)
		expect("2 true", `{"n":1}`, `{"n":2}`)
		news(1)
		expect(`{"n":3}`)
		cut()
		expect("0 true")
		cut()
		news(4)
		expect("0 false")
		news(1)
		expect(`{"n":8}`)
	})
}

// What a server that records says of positions, and one that does not.
func TestPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		c := p.dial(t, instantly)
		var params any
		room := c.Channel("room:a", func() any { return params })
		got := make(chan string, 100)
		room.On("n", func(m wsclient.Message) { got <- string(m.Payload.Bytes()) })
		go room.Join(t.Context())
		peer := p.peer()
		rejoin := func(want string) {
			t.Helper()
			peer.ws.CloseNow()
			peer = p.peer()
			frame := soon(t, peer.frames)
			var ref string
			if fmt.Sscanf(frame, "[%q", &ref); frame != fmt.Sprintf(`[%q,%q,"room:a","phx_join",%s]`, ref, ref, want) {
				t.Fatalf("joins by %s, want %s", frame, want)
			}
			peer.send(fmt.Sprintf(`[%q,%q,"room:a","phx_reply",{"status":"ok","response":{}}]`, ref, ref))
		}
		peer.expectJoin("room:a", "1")
		peer.send(`[null,null,"room:a","n",{"n":1}]`, `[null,"7","room:a","n",{"n":2}]`, `[null,"@x","room:a","n",{"n":3}]`)
		for n := range 3 {
			if s, want := soon(t, got), fmt.Sprintf(`{"n":%d}`, n+1); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		}
		rejoin(`{}`)
		peer.send(`[null,"@e:5","room:a","n",{"n":4}]`, `[null,"@e:4","room:a","n",{"n":0}]`, `[null,"@e:5","room:a","n",{"n":0}]`, `[null,"@f:1","room:a","n",{"n":5}]`)
		for n := range 2 {
			if s, want := soon(t, got), fmt.Sprintf(`{"n":%d}`, n+4); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		}
		params = map[string]any{"token": 12345678901234567890.0, "a": nil}
		rejoin(`{"a":null,"since":"@f:1","token":12345678901234567000}`)
		peer.send(`["3","@e:0","room:a","phx_recovery",{"complete":false}]`, `[null,"@f:9","room:a","unheard",{}]`)
		synctest.Wait()
		params = map[string]any{"since": "mine"}
		rejoin(`{"since":"mine"}`)
		params = wsclient.Binary([]byte("x"))
		peer.ws.CloseNow()
		peer = p.peer()
		if frame := soon(t, peer.frames); frame[0] != 0 {
			t.Errorf("joins by %q", frame)
		}
		select {
		case s := <-got:
			t.Errorf("got %s", s)
		default:
		}
	})
}

// A channel that was joined, and cut off before it was told of its position, does not pass for
// one that joins for the first time.
func TestAPositionThatDidNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		c := p.dial(t, instantly)
		room := c.Channel("room:a", nil)
		room.OnRecovery(func(wsclient.Recovery) {})
		go room.Join(t.Context())
		for ref, join := range []string{ // and whether it is answered
			`["1","1","room:a","phx_join",{"since":null}]`,
			`["2","2","room:a","phx_join",{"since":null}]`,
			`["3","3","room:a","phx_join",{"since":"unknown"}]`,
		} {
			peer := p.peer()
			peer.expect(join)
			if ref > 0 {
				peer.send(fmt.Sprintf(`["%d","%[1]d","room:a","phx_reply",{"status":"ok","response":{}}]`, ref+1))
				synctest.Wait()
			}
			peer.ws.CloseNow()
		}
	})
}
