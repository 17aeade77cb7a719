package wsclient_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// joined returns a channel on room:a, joined with ref 1, and the server's end.
func (p *puppet) joined(change ...func(*wsclient.Config)) (*wsclient.Client, *wsclient.Channel, *peer) {
	p.t.Helper()
	c := p.dial(p.t, change...)
	peer := p.peer()
	ch := c.Channel("room:a", nil)
	done := make(chan error, 1)
	go func() {
		_, err := ch.Join(context.Background())
		done <- err
	}()
	peer.expectJoin("room:a", "1")
	if err := <-done; err != nil {
		p.t.Fatal(err)
	}
	return c, ch, peer
}

// pushing starts a push and returns where its error will be.
func pushing(ctx context.Context, ch *wsclient.Channel, event string) <-chan error {
	outcome := make(chan error, 1)
	go func() {
		_, err := ch.Push(ctx, event, nil)
		outcome <- err
	}()
	synctest.Wait() // so that pushes started one by one are in order
	return outcome
}

// notBeforeTheEnd returns an OnClose for channels that only the test's end closes.
func notBeforeTheEnd(t *testing.T) func(error) {
	return func(err error) {
		if !errors.Is(err, wsclient.ErrClosed) {
			t.Error("closed:", err)
		}
	}
}

func TestJoinTimeout(t *testing.T) { // CLI-5, CLI-3, CLI-7
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		c := p.dial(t)
		peer := p.peer()
		ch := c.Channel("room:a", nil)
		failures := make(chan error, 1)
		ch.OnError(func(err error) { failures <- err })
		start := time.Now()
		_, err := ch.Join(t.Context())
		expectError(t, err, wsclient.ErrTimeout)
		expectError(t, err, context.DeadlineExceeded)
		expectError(t, <-failures, wsclient.ErrTimeout)
		peer.expect(
			`["1","1","room:a","phx_join",{}]`,
			`["1","2","room:a","phx_leave",{}]`)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("gave up after %v", took)
		}
		// The late answers belong to a join that nobody waits for.
		peer.send(
			`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","1","room:a","phx_close",{}]`)
		peer.expectJoin("room:a", "3")
		if took := time.Since(start); took != 11*time.Second {
			t.Errorf("tried again after %v", took)
		}
		mustJoin(t, ch)
	})
}

func TestOutdatedFramesAreDropped(t *testing.T) { // CLI-7, WIRE-4
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		var got []string
		ch.On("x", func(m wsclient.Message) { got = append(got, m.Payload.String()) })
		ch.OnClose(notBeforeTheEnd(t))
		reply := pushing(t.Context(), ch, "ask")
		peer.expect(`["1","2","room:a","ask",{}]`)
		peer.send(
			`["0",null,"room:a","x",{"n":1}]`,
			`["0","0","room:a","phx_close",{}]`,
			`["0","2","room:a","phx_reply",{"status":"error","response":{}}]`,
			`[null,null,"room:b","x",{"n":2}]`,
			`[null,null,"room:a","x",{"n":3}]`,
			`["1",null,"room:a","x",{"n":4}]`,
			`["1","99","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-reply; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if s := fmt.Sprint(got); s != `[{"n":3} {"n":4}]` {
			t.Errorf("got %s", s)
		}
	})
}

// What is not understood is passed over; the connection goes on.
func TestUnknownFramesArePassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		reply := pushing(t.Context(), ch, "ask")
		peer.expect(`["1","2","room:a","ask",{}]`)
		peer.send(`{}`, `[]`, `null`, `[1,2,3,4,5]`, `["1","2","room:a","phx_reply",{}]`)
		peer.sendBinary("")
		peer.sendBinary("\x09abc")
		peer.sendBinary("\x01\xff\xff\xff\xff")
		peer.sendBinary("\x01\x01\x01\x06\x0212room:aok\x00\xff")
		if err := <-reply; err != nil {
			t.Error(err)
		}
	})
}

// Events may come before the answer to the join, which the server sends after it has
// subscribed: JOIN-7.
func TestBroadcastBeforeJoinReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t).Channel("room:a", nil)
		var got []string
		ch.On("x", func(m wsclient.Message) { got = append(got, m.Event) })
		ch.OnJoin(func(wsclient.Payload) { got = append(got, "joined") })
		go ch.Join(t.Context())
		peer := p.peer()
		peer.expect(`["1","1","room:a","phx_join",{}]`)
		peer.send(`[null,null,"room:a","x",{}]`, `["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		synctest.Wait()
		if fmt.Sprint(got) != "[x joined]" {
			t.Errorf("got %v", got)
		}
	})
}

func TestPushesWaitForTheJoinInOrder(t *testing.T) { // CLI-6
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t).Channel("room:a", nil)
		peer := p.peer()
		go ch.Join(t.Context())
		peer.expect(`["1","1","room:a","phx_join",{}]`)

		first := pushing(t.Context(), ch, "first")
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		tooShort := pushing(short, ch, "too_short")
		cancelled, cancel2 := context.WithCancel(t.Context())
		gone := pushing(cancelled, ch, "cancelled")
		if err := ch.Send("second", nil); err != nil {
			t.Fatal(err)
		}
		third := pushing(t.Context(), ch, "third")
		cancel2()
		expectError(t, <-gone, context.Canceled)
		start := time.Now()
		expectError(t, <-tooShort, wsclient.ErrTimeout)
		if took := time.Since(start); took != time.Second {
			t.Errorf("timed out after %v", took)
		}
		peer.send(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		peer.expect(
			`["1","2","room:a","first",{}]`,
			`["1",null,"room:a","second",{}]`,
			`["1","3","room:a","third",{}]`)
		peer.send(
			`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-first; err != nil {
			t.Error(err)
		}
		if err := <-third; err != nil {
			t.Error(err)
		}
	})
}

func TestPushTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		start := time.Now()
		_, err := ch.Push(t.Context(), "ask", nil)
		expectError(t, err, wsclient.ErrTimeout)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("timed out after %v", took)
		}
		peer.expect(`["1","2","room:a","ask",{}]`)
		peer.send(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`) // too late
		answered := pushing(t.Context(), ch, "again")
		peer.expect(`["1","3","room:a","again",{}]`)
		peer.send(`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-answered; err != nil {
			t.Error(err)
		}
	})
}

func TestPushBufferIsBounded(t *testing.T) {
	waiting := func(t *testing.T, policy wsclient.Overflow) (*wsclient.Channel, *peer, []<-chan error) {
		p := newPuppet(t)
		ch := p.dial(t, func(o *wsclient.Config) { o.PushLimit, o.PushOverflow = 2, policy }).Channel("room:a", nil)
		go ch.Join(t.Context())
		peer := p.peer()
		peer.expect(`["1","1","room:a","phx_join",{}]`)
		return ch, peer, []<-chan error{pushing(t.Context(), ch, "a"), pushing(t.Context(), ch, "b")}
	}
	answerJoin := `["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`
	inBubble("fail", t, func(t *testing.T) {
		ch, peer, _ := waiting(t, wsclient.Fail)
		_, err := ch.Push(t.Context(), "c", nil)
		expectError(t, err, wsclient.ErrBufferFull)
		expectError(t, ch.Send("c", nil), wsclient.ErrBufferFull)
		peer.send(answerJoin)
		peer.expect(`["1","2","room:a","a",{}]`, `["1","3","room:a","b",{}]`)
		if err := ch.Send("d", nil); err != nil { // there is room again
			t.Error(err)
		}
	})
	inBubble("drop oldest", t, func(t *testing.T) {
		ch, peer, pushes := waiting(t, wsclient.DropOldest)
		if err := ch.Send("c", nil); err != nil {
			t.Fatal(err)
		}
		expectError(t, <-pushes[0], wsclient.ErrBufferFull)
		peer.send(answerJoin)
		peer.expect(`["1","2","room:a","b",{}]`, `["1",null,"room:a","c",{}]`)
	})
	inBubble("what has timed out takes no room", t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t, func(o *wsclient.Config) { o.PushLimit = 2 }).Channel("room:a", nil)
		go ch.Join(t.Context())
		peer := p.peer()
		synctest.Wait()
		for range 2 {
			ch.Send("old", nil)
		}
		time.Sleep(10 * time.Second)
		if err := ch.Send("new", nil); err != nil {
			t.Error(err)
		}
		peer.expect(`["1","1","room:a","phx_join",{}]`, `["1","2","room:a","phx_leave",{}]`)
		peer.expectJoin("room:a", "3")
		peer.expect(`["3",null,"room:a","new",{}]`)
	})
}

// The reply to what was sent before a cut cannot come; what was not sent is sent after
// it, in order.
func TestPushesAcrossACut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined(func(o *wsclient.Config) {
			o.ReconnectDelay = func(int) time.Duration { return time.Second }
		})
		sent := pushing(t.Context(), ch, "sent")
		peer.expect(`["1","2","room:a","sent",{}]`)
		peer.ws.CloseNow()
		expectError(t, <-sent, wsclient.ErrDisconnected)
		waiting := pushing(t.Context(), ch, "waiting")
		ch.Send("behind", nil)
		peer = p.peer()
		peer.expectJoin("room:a", "3")
		peer.expect(`["3","4","room:a","waiting",{}]`, `["3",null,"room:a","behind",{}]`)
		peer.send(`["3","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	})
}

// Behind a peer that reads slowly, pushes count and wait as they do for a join.
func TestPushesBehindASlowPeer(t *testing.T) {
	// One frame is with the peer, one is being written, the others are queued.
	queue := func(t *testing.T) (p *puppet, peer *peer, pushes [3]<-chan error) {
		p = newPuppet(t)
		p.hesitant = true
		_, ch, peer := p.joined(instantly, func(o *wsclient.Config) { o.PushLimit = 3 })
		for _, event := range []string{"read", "written"} {
			if err := ch.Send(event, nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		cancelled, cancel := context.WithCancel(t.Context())
		pushes[0] = pushing(t.Context(), ch, "first")
		pushes[1] = pushing(cancelled, ch, "cancelled")
		pushes[2] = pushing(t.Context(), ch, "last")
		expectError(t, ch.Send("one more", nil), wsclient.ErrBufferFull)
		cancel()
		expectError(t, <-pushes[1], context.Canceled)
		return p, peer, pushes
	}
	inBubble("that reads on", t, func(t *testing.T) {
		_, peer, pushes := queue(t)
		peer.expect(
			`["1",null,"room:a","read",{}]`,
			`["1",null,"room:a","written",{}]`,
			`["1","2","room:a","first",{}]`,
			`["1","4","room:a","last",{}]`)
		peer.send(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-pushes[0]; err != nil {
			t.Error(err)
		}
	})
	inBubble("that goes away", t, func(t *testing.T) {
		p, peer, pushes := queue(t)
		peer.ws.CloseNow()
		peer = p.peer()
		peer.expectJoin("room:a", "5")
		peer.expect(`["5","6","room:a","first",{}]`, `["5","7","room:a","last",{}]`)
		peer.send(`["5","7","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-pushes[2]; err != nil {
			t.Error(err)
		}
	})
}

// A crash is like a cut for the pushes that ran into it, and those behind: END-3.
func TestPushesAcrossACrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		sent := pushing(t.Context(), ch, "sent")
		peer.expect(`["1","2","room:a","sent",{}]`)
		peer.send(
			`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`,
			`[null,"2","room:a","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`)
		expectError(t, <-sent, wsclient.ErrCrashed)
		waiting := pushing(t.Context(), ch, "waiting")
		peer.expectJoin("room:a", "3")
		peer.expect(`["3","4","room:a","waiting",{}]`)
		peer.send(`["3","4","room:a","phx_reply",{"status":"ok","response":{}}]`)
		if err := <-waiting; err != nil {
			t.Error(err)
		}
	})
}

func TestAnotherChannelOnTheTopicReplacesTheFirst(t *testing.T) { // CLI-8, JOIN-10
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		c, old, peer := p.joined()
		closed := make(chan error, 1)
		old.OnClose(func(err error) { closed <- err })
		pending := pushing(t.Context(), old, "ask")
		peer.expect(`["1","2","room:a","ask",{}]`)
		ch := c.Channel("room:a", nil)
		ch.OnClose(notBeforeTheEnd(t))
		go ch.Join(t.Context())
		expectError(t, <-closed, wsclient.ErrReplaced)
		expectError(t, <-pending, wsclient.ErrReplaced)
		peer.expect(`["1","3","room:a","phx_leave",{}]`)
		peer.expectJoin("room:a", "4")
		peer.send(`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`, `["1","1","room:a","phx_close",{}]`)
		synctest.Wait()
		if err := ch.Send("x", nil); err != nil {
			t.Error(err)
		}
		peer.expect(`["4",null,"room:a","x",{}]`)
	})
}

func TestLeave(t *testing.T) {
	inBubble("what was pushed before arrives before, END-1", t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		ch.Send("last", nil)
		answered := pushing(t.Context(), ch, "words")
		left := make(chan error, 1)
		go func() { left <- ch.Leave(t.Context()) }()
		peer.expect(
			`["1",null,"room:a","last",{}]`,
			`["1","2","room:a","words",{}]`,
			`["1","3","room:a","phx_leave",{}]`)
		_, err := ch.Push(t.Context(), "more", nil)
		expectError(t, err, wsclient.ErrLeft)
		peer.send(
			`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`,
			`["1","1","room:a","phx_close",{}]`)
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if err := <-left; err != nil {
			t.Error(err)
		}
	})
	inBubble("not answered", t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		expectError(t, ch.Leave(t.Context()), wsclient.ErrTimeout)
		peer.expect(`["1","2","room:a","phx_leave",{}]`)
		peer.expectNothing(time.Hour) // it does not rejoin
	})
	inBubble("while joining", t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t).Channel("room:a", nil)
		peer := p.peer()
		joined := make(chan error, 1)
		go func() {
			_, err := ch.Join(t.Context())
			joined <- err
		}()
		peer.expect(`["1","1","room:a","phx_join",{}]`)
		waiting := pushing(t.Context(), ch, "x")
		if err := ch.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		expectError(t, <-joined, wsclient.ErrLeft)
		expectError(t, <-waiting, wsclient.ErrLeft)
		peer.expect(`["1","2","room:a","phx_leave",{}]`)
		peer.send(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
		peer.expectNothing(time.Hour)
	})
	inBubble("while refused", t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t).Channel("room:a", nil)
		peer := p.peer()
		go ch.Join(t.Context())
		peer.expect(`["1","1","room:a","phx_join",{}]`)
		peer.send(`["1","1","room:a","phx_reply",{"status":"error","response":{}}]`)
		synctest.Wait()
		if err := ch.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		peer.expectNothing(time.Hour)
	})
	inBubble("while the connection breaks", t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		left := make(chan error, 1)
		go func() { left <- ch.Leave(t.Context()) }()
		peer.expect(`["1","2","room:a","phx_leave",{}]`)
		peer.ws.CloseNow()
		if err := <-left; err != nil {
			t.Error(err)
		}
		p.peer().expectNothing(time.Hour)
	})
	inBubble("while the channel crashes", t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined()
		left := make(chan error, 1)
		go func() { left <- ch.Leave(t.Context()) }()
		peer.expect(`["1","2","room:a","phx_leave",{}]`)
		peer.send(`["1","1","room:a","phx_error",{}]`)
		if err := <-left; err != nil {
			t.Error(err)
		}
		peer.expectNothing(time.Hour)
	})
	inBubble("never joined", t, func(t *testing.T) {
		p := newPuppet(t)
		ch := p.dial(t).Channel("room:a", nil)
		if err := ch.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		_, err := ch.Join(t.Context())
		expectError(t, err, wsclient.ErrLeft)
	})
}

// A channel whose functions do not keep up takes no unbounded memory: it is left and
// joined again.
func TestOverrunChannelStartsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		_, ch, peer := p.joined(func(o *wsclient.Config) { o.EventLimit = 3 })
		release := make(chan struct{})
		var got []string
		note := func(s string) { got = append(got, s) }
		ch.On("x", func(m wsclient.Message) {
			<-release
			note(m.Payload.String())
		})
		ch.OnError(func(err error) {
			expectError(t, err, wsclient.ErrOverrun)
			note("error")
		})
		ch.OnJoin(func(wsclient.Payload) { note("joined") })
		for n := range 10 { // one in hand, three waiting; the next is too many
			peer.send(fmt.Sprintf(`[null,null,"room:a","x",{"n":%d}]`, n))
			synctest.Wait()
		}
		peer.send(`[null,null,"room:a","unheard",{}]`)
		peer.expect(`["1","2","room:a","phx_leave",{}]`)
		peer.expectJoin("room:a", "3")
		synctest.Wait()
		close(release)
		synctest.Wait()
		want := `[{"n":0} {"n":1} {"n":2} {"n":3} joined]` // the error, unseen, is outdated
		if fmt.Sprint(got) != want {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

func TestJoinWithParamsThatCannotBeSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		n := 0
		ch := p.dial(t).Channel("room:a", func() any {
			if n++; n == 1 {
				return "no object"
			}
			return wsclient.Binary([]byte("token"))
		})
		peer := p.peer()
		_, err := ch.Join(t.Context())
		expectError(t, err, wsclient.ErrPayload)
		peer.expect("\x00\x01\x01\x06\x0822room:aphx_jointoken")
	})
}

func TestCloseIsCutShortByItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		c, ch, peer := p.joined()
		release := make(chan struct{})
		ch.On("x", func(wsclient.Message) { <-release })
		peer.send(`[null,null,"room:a","x",{}]`)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		expectError(t, c.Close(ctx), context.DeadlineExceeded)
		close(release)
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Close of a client that has no connection does not wait for one.
func TestCloseWhileReconnecting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPuppet(t)
		p.refuse.Store(503)
		c, err := wsclient.Start(p.options())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		start := time.Now()
		if err := c.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("took %v", took)
		}
		refused := p.refused.Load()
		time.Sleep(time.Hour)
		if p.refused.Load() != refused {
			t.Error("connects after Close")
		}
	})
}
