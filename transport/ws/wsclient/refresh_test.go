package wsclient_test

import (
	"context"
	"errors"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// A client with tokens of a minute stays connected as long as it has others, and comes back as
// soon as it has one again. On a recorded topic it has missed nothing then.
func TestAClientIsRefreshed(t *testing.T) {
	for name, fail := range map[string]func(context.Context) (string, error){
		"error":  func(context.Context) (string, error) { return "", errors.New("no token") },
		"stale":  func(context.Context) (string, error) { return "stale", nil },
		"panic":  func(context.Context) (string, error) { panic("token") },
		"goexit": func(context.Context) (string, error) { runtime.Goexit(); return "", nil },
		"wait":   func(ctx context.Context) (string, error) { <-ctx.Done(); return "", ctx.Err() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testRefresh(t, fail) })
		})
	}
}

func testRefresh(t *testing.T, fail func(context.Context) (string, error)) {
	connect := func(r *ws.Request) (ws.Identity, error) {
		if r.AuthToken != "good" || r.Params.Get("user") != "ann" {
			return ws.Identity{}, errors.New("bad token")
		}
		return ws.Identity{ID: "ann", Expires: time.Now().Add(time.Minute)}, nil
	}
	route := ws.Topic("room:*", func() *room { return &room{} }, nil)
	route.History = &ws.History{}
	s, endpoint := serve(t, true, ws.Socket{
		Path: "/socket", Channels: ws.Routes{route}, Connect: connect, IdleTimeout: time.Hour,
		Refresh: func(r *ws.Request, _ ws.Identity) (ws.Identity, error) { return connect(r) },
	})
	begun, lost := time.Now(), make(chan time.Duration, 100)
	var failing atomic.Int64 // since when, for a minute
	c := s.dial(t, func(o *wsclient.Config) {
		o.URL += "?user=nobody"
		o.Params = func(context.Context) (url.Values, error) { return url.Values{"user": {"ann"}}, nil }
		o.AuthToken = func(ctx context.Context) (string, error) {
			if since := time.Duration(failing.Load()); since > 0 && time.Since(begun) < since+time.Minute {
				return fail(ctx)
			}
			return "good", nil
		}
		o.OnDisconnect = func(error) { lost <- time.Since(begun) }
	})
	room := c.Channel("room:a", nil)
	news := make(chan string, 100)
	room.On("news", func(m wsclient.Message) { news <- string(m.Payload.Bytes()) })
	if _, err := room.Join(t.Context()); err != nil {
		t.Fatal(err)
	}
	tell := func(text string) {
		t.Helper()
		if err := endpoint.Broadcast("room:a", "news", map[string]string{"n": text}); err != nil {
			t.Fatal(err)
		}
	}
	tell("1")
	time.Sleep(5*time.Minute + 10*time.Second)
	if len(lost) != 0 {
		t.Fatalf("disconnected after %v", <-lost)
	}
	failing.Store(int64(time.Since(begun)))
	time.Sleep(time.Minute)
	if after := <-lost - time.Duration(failing.Load()); after < 20*time.Second || after > 50*time.Second {
		t.Errorf("disconnected %v after there were no tokens any more", after)
	}
	tell("2")
	time.Sleep(time.Minute)
	for _, want := range []string{`{"n":"1"}`, `{"n":"2"}`} {
		if got := soon(t, news); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if !c.Connected() {
		t.Error("it has not come back")
	}
}

// What a client sends when it is asked, once at a time; and nothing holds up its end.
func TestWhatAServerIsSentThatAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		asked, answer := make(chan struct{}, 10), make(chan string)
		var ready bool
		c := p.dial(t, func(o *wsclient.Config) {
			o.URL += "?locale=de&locale=fr"
			o.AuthToken = func(context.Context) (string, error) {
				if !ready {
					ready = true
					return "first", nil
				}
				asked <- struct{}{}
				return <-answer, nil
			}
		})
		defer close(answer)
		const ask = `[null,null,"phoenix","phx_refresh",{"expires_in":60}]`
		peer := p.peer()
		peer.send(ask, ask)
		synctest.Wait()
		answer <- "second"
		peer.expect(`[null,"1","phoenix","phx_refresh",{"token":"second","params":{"locale":"de"}}]`)
		peer.send(`[null,"1","phoenix","phx_reply",{"status":"error","response":{"reason":"refresh refused"}}]`, ask)
		synctest.Wait()
		if len(asked) != 2 {
			t.Errorf("the token was asked for %d times, want 2", len(asked))
		}
		start := time.Now()
		if err := c.Close(t.Context()); err != nil || time.Since(start) > 0 {
			t.Errorf("closed after %v: %v", time.Since(start), err)
		}
	})
}
