package wsclient_test

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// A function that is taken off is not called any more, not even for what has come
// before, and the others are.
func TestFunctionsAreTakenOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := serve(t, true, rooms(nil))
		c := s.dial(t)
		ch := c.Channel("room:a", nil)
		var mu sync.Mutex
		var calls []string
		note := func(call string) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, call)
		}
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(calls, want) {
				t.Errorf("calls: %q, want %q", calls, want)
			}
			calls = nil
		}
		var offSecond func()
		offFirst := ch.On("shout", func(wsclient.Message) { note("first"); offSecond() })
		offSecond = ch.On("shout", func(wsclient.Message) { note("second") })
		ch.On("shout", func(wsclient.Message) { note("third") })
		ch.On("pushed", func(wsclient.Message) { note("pushed") })
		offJoin := ch.OnJoin(func(wsclient.Payload) { note("join") })
		ch.OnError(func(error) { note("error") })()
		ch.OnClose(func(error) { note("close") })()
		mustJoin(t, ch)
		expect("join")
		mustPush(t, ch, "shout", nil)
		expect("first", "third")
		offFirst()
		offFirst()
		mustPush(t, ch, "shout", nil)
		expect("third")
		ch.Off("shout")
		ch.Off("nothing")
		mustPush(t, ch, "shout", nil)
		mustPush(t, ch, "push_me", nil)
		expect("pushed")
		ch.On("shout", func(wsclient.Message) { note("again") })
		mustPush(t, ch, "shout", nil)
		expect("again")
		offJoin()
		if err := ch.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		expect()
	})
}

func TestPing(t *testing.T) { // CLI-1
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.refuse.Store(503)
		o := p.options()
		c, err := wsclient.Start(o)
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, c)
		_, err = c.Ping(t.Context())
		expectError(t, err, wsclient.ErrDisconnected)

		p.refuse.Store(0)
		peer := p.peer()
		synctest.Wait()
		if _, err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		peer.mute.Store(true)
		took := make(chan time.Duration, 1)
		go func() {
			d, err := c.Ping(context.Background())
			if err != nil {
				t.Error(err)
			}
			took <- d
		}()
		ref, ok := strings.CutSuffix(soon(t, peer.frames), `,"phoenix","heartbeat",{}]`)
		if !ok {
			t.Fatalf("it sent %s", ref)
		}
		time.Sleep(3 * time.Second)
		peer.send(ref + `,"phoenix","phx_reply",{"status":"ok","response":{}}]`)
		if d := soon(t, took); d != 3*time.Second {
			t.Errorf("the answer took %v", d)
		}
		_, err = c.Ping(t.Context()) // Config.Timeout
		expectError(t, err, wsclient.ErrTimeout)
		lost := make(chan error, 1)
		go func() {
			_, err := c.Ping(context.Background())
			lost <- err
		}()
		synctest.Wait()
		peer.ws.CloseNow()
		expectError(t, soon(t, lost), wsclient.ErrDisconnected)
	})
}

// OnMessage sees what channels see, and what they do not.
func TestOnMessageSeesEveryMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		seen := make(chan wsclient.Incoming, 100)
		c := p.dial(t, func(o *wsclient.Config) { o.OnMessage = func(m wsclient.Incoming) { seen <- m } })
		peer := p.peer()
		if _, err := c.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		peer.send(`[null,null,"room:nobody","x",{"n":1}]`)
		peer.sendBinary("\x01\x011\x02room:aok")
		peer.sendBinary("\x02\x06\x01room:axabc")
		for _, want := range []wsclient.Incoming{
			{Topic: "phoenix", Event: "phx_reply", Ref: "1", Status: "ok"},
			{Topic: "room:nobody", Event: "x"},
			{Topic: "room:a", Event: "x"},
		} {
			got := soon(t, seen)
			payload := got.Payload
			got.Payload = wsclient.Payload{}
			if got.Topic != want.Topic || got.Event != want.Event || got.Ref != want.Ref || got.Status != want.Status {
				t.Errorf("saw %+v, want %+v", got, want)
			}
			if want.Topic == "room:a" && (!payload.IsBinary() || string(payload.Bytes()) != "abc") {
				t.Errorf("the payload is %q", payload.Bytes())
			}
		}
	})
}

// faults are what a callback may do wrong; held is what one that blocks waits for.
var faults = map[string]func(held chan struct{}){
	"panic":  func(chan struct{}) { panic("no") },
	"Goexit": func(chan struct{}) { runtime.Goexit() },
	"block":  func(held chan struct{}) { <-held },
}

// A function that fails, however often, costs what it was called for: other functions,
// channels and the connection go on.
func TestFaultOfAFunctionCostsNobodyElse(t *testing.T) {
	type at struct {
		change func(*wsclient.Config, func())  // of the options
		give   func(*wsclient.Channel, func()) // to the channel
		params bool
		same   bool // others on the same channel must see theirs, unless it blocks
	}
	for name, a := range map[string]at{
		"On":        {give: func(ch *wsclient.Channel, f func()) { ch.On("shout", func(wsclient.Message) { f() }) }, same: true},
		"OnJoin":    {give: func(ch *wsclient.Channel, f func()) { ch.OnJoin(func(wsclient.Payload) { f() }) }, same: true},
		"OnError":   {give: func(ch *wsclient.Channel, f func()) { ch.OnError(func(error) { f() }) }},
		"OnConnect": {change: func(o *wsclient.Config, f func()) { o.OnConnect = f }, same: true},
		"OnMessage": {change: func(o *wsclient.Config, f func()) { o.OnMessage = func(wsclient.Incoming) { f() } }, same: true},
		"Logger":    {change: func(o *wsclient.Config, f func()) { o.Logger = slog.New(failingHandler{f}) }, same: true},
		"RejoinDelay": {change: func(o *wsclient.Config, f func()) {
			o.RejoinDelay = func(int) time.Duration { f(); return time.Millisecond }
		}},
		"params": {params: true},
	} {
		for kind, fault := range faults {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					f := func() { fault(held) }
					s, _ := serve(t, true, rooms(nil))
					c := s.dial(t, func(o *wsclient.Config) {
						if a.change != nil {
							a.change(o, f)
						}
					})
					t.Cleanup(sync.OnceFunc(func() {
						ctx, cancel := context.WithTimeout(context.Background(), time.Second)
						defer cancel()
						_ = c.Close(ctx)
					}))
					var params func() any
					if a.params {
						params = func() any { f(); return nil }
					}
					bad, good := c.Channel("room:bad", params), c.Channel("room:good", nil)
					if a.give != nil {
						a.give(bad, f)
					}
					shouts := make(chan string, 100)
					if a.same && kind != "block" {
						bad.On("shout", func(wsclient.Message) { shouts <- "same" })
					}
					good.On("shout", func(wsclient.Message) { shouts <- "other" })
					_, err := bad.Join(t.Context())
					if (err != nil) != a.params {
						t.Errorf("joined: %v", err)
					}
					mustJoin(t, good)
					for range 3 {
						if !a.params {
							mustPush(t, bad, "shout", nil)
							if a.same && kind != "block" {
								if got := soon(t, shouts); got != "same" {
									t.Errorf("%s came first", got)
								}
							}
						}
						mustPush(t, good, "shout", nil)
						if got := soon(t, shouts); got != "other" {
							t.Errorf("%s came second", got)
						}
					}
					if !a.params { // crashes on the server, and joins again
						_ = bad.Send("crash", nil)
						time.Sleep(time.Minute)
						mustPush(t, bad, "echo", nil)
						mustPush(t, good, "echo", nil)
					}
				})
			})
		}
	}
}

// failingHandler is a slog.Handler that does what it must not.
type failingHandler struct{ f func() }

func (h failingHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (h failingHandler) Handle(context.Context, slog.Record) error { h.f(); return nil }
func (h failingHandler) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h failingHandler) WithGroup(string) slog.Handler             { return h }

// What a function of the options does wrong is a failed attempt to connect.
func TestFaultOfAnOptionIsAFailedAttempt(t *testing.T) {
	for kind, fault := range faults {
		for name, change := range map[string]func(*wsclient.Config, func()){
			"Params": func(o *wsclient.Config, f func()) {
				o.Params = func(context.Context) (url.Values, error) { f(); return nil, nil }
			},
			"AuthToken": func(o *wsclient.Config, f func()) {
				o.AuthToken = func(context.Context) (string, error) { f(); return "", nil }
			},
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					held := make(chan struct{})
					defer close(held)
					s, _ := serve(t, true, rooms(nil))
					o := s.options()
					change(&o, func() { fault(held) })
					_, err := wsclient.Dial(t.Context(), o)
					if _, ok := errors.AsType[*wsclient.ConnectError](err); !ok {
						t.Errorf("dialled: %v", err)
					}
				})
			})
		}
	}
}

func TestNilFunctionsAreRefusedAtOnce(t *testing.T) {
	s, _ := serve(t, false, rooms(nil))
	ch := s.dial(t).Channel("room:a", nil)
	for name, give := range map[string]func(){
		"On":      func() { ch.On("x", nil) },
		"OnJoin":  func() { ch.OnJoin(nil) },
		"OnError": func() { ch.OnError(nil) },
		"OnClose": func() { ch.OnClose(nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s took nil", name)
				}
			}()
			give()
		}()
	}
}
