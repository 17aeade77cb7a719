package ws_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// serveStored serves a node whose topics are kept in a store.
func serveStored(t *testing.T, name string, hub *pubsub.Hub, store history.Store) *server {
	t.Helper()
	return serveNode(t, pubsub.NewCluster(hub.Node(name)), recorded(&ws.History{Store: store}, newGuest))
}

// told joins and checks what a client is told.
func (c *client) told(since, want string) heard {
	c.t.Helper()
	got := c.joinSince(strconv.Quote(since))
	if s := got.event + " " + got.payload; !strings.HasPrefix(s, want) {
		c.t.Fatalf("since %s: told of %v, want %s", since, got, want)
	}
	return got
}

const (
	toldComplete   = `phx_recovery {"complete":true,`
	toldIncomplete = `phx_recovery {"complete":false,`
)

// With a store a position holds on all nodes, and when they are started anew.
func TestAPositionHoldsOnEachNode(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
	c := a.connect(t)
	start := c.joinSince("null")
	a.news(t, 1, 1)
	b.news(t, 2, 2)
	store.Append(t.Context(), "room:b", "", nil) // takes a place
	if err := a.Broadcast("room:a", "pic", ws.Binary([]byte{1})); err != nil {
		t.Fatal(err)
	}
	last := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
	c.expect("\x02\x06\x03room:apic\x01")
	c.hears(`phx_position 4 {}`)

	moved := b.connect(t)
	moved.told(last.at(1), toldComplete+`"missed":2,`)
	moved.hears(`news 2 {"n":2}`)
	moved.expect("\x02\x06\x03room:apic\x01")
	moved.hears(`phx_position 4 {}`)
	never := b.connect(t)
	never.told(start.ref, toldComplete+`"missed":3,`)

	late := serveStored(t, "c", hub, store)
	again := late.connect(t)
	again.told(last.at(4), toldComplete+`"missed":0,`)
	late.news(t, 3, 3, ws.Idempotent("three"))
	a.news(t, 3, 3, ws.Idempotent("three"))
	a.news(t, 5, 5)
	for _, c := range []*client{c, moved, again} {
		c.hears(`news 5 {"n":3}`, `news 6 {"n":5}`)
	}
	if n := store.Reads("room:a"); n > 5 {
		t.Errorf("%d reads by three nodes", n)
	}
}

// A sender that is left out is left out, on whatever way its message comes back.
func TestASenderIsLeftOutOfWhatTheStoreHas(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
	c, other, far := a.connect(t), a.connect(t), b.connect(t)
	for _, c := range []*client{c, other, far} {
		c.joinSince("null")
	}
	c.send(`["1","2","room:a","said",{}]`)
	c.hears(`phx_position 1 {}`)
	other.hears(`said 1 {}`)
	far.hears(`said 1 {}`)
	for _, c := range []*client{c, other, far} {
		c.heartbeat()
	}
}

// What is not recorded does not go through the store.
func TestWhatIsUnrecordedIsNotStored(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
	c, far := a.connect(t), b.connect(t)
	start := c.joinSince("null")
	far.joinSince("null")
	a.news(t, 1, 1, ws.Unrecorded())
	c.hears(`news 0 {"n":1}`)
	far.hears(`news 0 {"n":1}`)
	if last, _ := store.Top("room:a"); last != 0 {
		t.Errorf("the store has offset %d", last)
	}
	again := a.connect(t)
	again.told(start.ref, toldComplete+`"missed":0,`)
}

// A new node has the values of before.
func TestModesWithAStore(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	key := func(event string, _ ws.Payload) string { return event }
	node := func(name string, h ws.History) *server {
		h.Store = store
		return serveNode(t, pubsub.NewCluster(hub.Node(name)), recorded(&h, newGuest))
	}
	first := node("first", ws.History{Mode: ws.Latest})
	for _, event := range []string{"a", "b", "a"} {
		if err := first.Broadcast("room:a", event, nil); err != nil {
			t.Fatal(err)
		}
	}
	c := node("latest", ws.History{Mode: ws.Latest}).connect(t)
	c.joinSince("null")
	last := c.hears("a 3 {}")
	keyed := node("keyed", ws.History{Mode: ws.Keyed, Key: key})
	c = keyed.connect(t)
	c.joinSince("null")
	c.hears("b 2 {}", "a 3 {}")
	again := keyed.connect(t)
	again.told(last.at(2), toldComplete+`"missed":1,`)
	again.hears("a 3 {}")
}

// Many clients that come back at once cost the store one read.
func TestClientsThatComeBackTogetherReadOnce(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a := serveStored(t, "a", hub, store)
	c := a.connect(t)
	start := c.joinSince("null")
	a.news(t, 1, 3)
	c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`)
	held := make(chan struct{})
	store.Fail(func(_ context.Context, operation, _ string) error {
		if operation == "since" {
			<-held
		}
		return nil
	})
	before := store.Reads("room:a")
	b := serveStored(t, "b", hub, store)
	var clients []*client
	for range 20 {
		c := b.connect(t)
		c.send(`["1","1","room:a","phx_join",{"since":"` + start.ref + `"}]`)
		clients = append(clients, c)
	}
	close(held)
	for _, c := range clients {
		c.hear()
		if got := c.hear(); !strings.HasPrefix(got.payload, `{"complete":true,"missed":3,`) {
			t.Errorf("told of %v", got)
		}
		c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`)
	}
	if n := store.Reads("room:a") - before; n != 1 {
		t.Errorf("%d reads for 20 clients", n)
	}
}

// A store that has lost its log, or has gone back, is no way to lose messages unseen.
func TestAStoreThatHasLostItsLog(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a := serveStored(t, "a", hub, store)
	c := a.connect(t)
	c.joinSince("null")
	a.news(t, 1, 2)
	last := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
	store.Forget()
	store.Recheck("room:a")
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
	now := c.told(last.ref, toldIncomplete)
	a.news(t, 3, 5)
	c.hears(`news 1 {"n":3}`, `news 2 {"n":4}`, `news 3 {"n":5}`)
	again := a.connect(t)
	again.told(last.ref, toldIncomplete)
	if now.at(2) == last.ref {
		t.Error("the log has the same name")
	}

	store.Forget() // and nobody says so
	a.news(t, 6, 6)
	c.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
	c.told(now.at(3), toldIncomplete)
}

// What followers are not told of is made good when they hear of the next message, or after a
// while.
func TestWhatAStoreDoesNotTellOfIsMadeGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, store := new(pubsub.Hub), new(historytest.Store)
		deaf := func(is bool) { store.Lose(func(string, history.Record) bool { return is }) }
		a := serveStored(t, "a", hub, store)
		c := a.connect(t)
		c.joinSince("null")
		a.news(t, 1, 1)
		deaf(true)
		a.news(t, 2, 3)
		deaf(false)
		a.news(t, 4, 4)
		last := c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`, `news 3 {"n":3}`, `news 4 {"n":4}`)
		deaf(true)
		a.news(t, 5, 5)
		time.Sleep(3 * time.Minute)
		a.connect(t).told(last.ref, toldComplete+`"missed":1,`)
	})
}

var errOutOfOrder = errors.New("out of order")

// A store that does what it must not costs broadcasts, and neither joins nor anything else. When
// it is well again the clients are told, and have lost nothing.
func TestAStoreIsNotTrusted(t *testing.T) {
	for name, fail := range map[string]func(ctx context.Context, hang chan struct{}) error{
		"fails":     func(context.Context, chan struct{}) error { return errOutOfOrder },
		"panics":    func(context.Context, chan struct{}) error { panic("store") },
		"exits":     func(context.Context, chan struct{}) error { runtime.Goexit(); return nil },
		"hangs":     func(_ context.Context, hang chan struct{}) error { <-hang; return errOutOfOrder },
		"waits":     func(ctx context.Context, _ chan struct{}) error { <-ctx.Done(); return ctx.Err() },
		"typed nil": func(context.Context, chan struct{}) error { return (*brokenError)(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				var ill atomic.Bool
				hub, store := new(pubsub.Hub), new(historytest.Store)
				store.Fail(func(ctx context.Context, _, _ string) error {
					if ill.Load() {
						return fail(ctx, hang)
					}
					return nil
				})
				a := serveStored(t, "a", hub, store)
				c := a.connect(t)
				start := c.joinSince("null")
				a.news(t, 1, 1)
				c.hears(`news 1 {"n":1}`)
				ill.Store(true)
				began := time.Now()
				if err := a.Broadcast("room:a", "news", nil); err == nil {
					t.Error("a broadcast did not fail")
				}
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("a broadcast took %v", took)
				}
				known := a.connect(t) // of a log that is here
				known.told(start.ref, toldComplete+`"missed":1,`)

				b := serveStored(t, "b", hub, store)
				again := b.connect(t)
				began = time.Now()
				again.told(start.ref, toldIncomplete)
				if took := time.Since(began); took != 3*time.Second {
					t.Errorf("a join took %v", took)
				}
				if err := b.Subscribe(b.PID(), "room:a", &collector{}); err == nil {
					t.Error("subscribed to a log that cannot be read")
				}
				again.heartbeat()
				ill.Store(false)
				close(hang)
				again.expect(`["1","1","room:a","phx_error",{"reason":"channel_crash"}]`)
				again.told(start.ref, toldComplete+`"missed":1,`)
				again.hears(`news 1 {"n":1}`)
			})
		})
	}
}

type brokenError struct{ text string }

func (b *brokenError) Error() string { return b.text }

// A broadcast of which nobody knows whether it has been made can be made again.
func TestABroadcastOfUnknownOutcomeIsMadeAgain(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a := serveStored(t, "a", hub, store)
	c := a.connect(t)
	c.joinSince("null")
	store.Fail(func(_ context.Context, operation, _ string) error {
		if operation == "appended" {
			return errOutOfOrder
		}
		return nil
	})
	if err := a.Broadcast("room:a", "news", map[string]int{"n": 1}, ws.Idempotent("one")); !errors.Is(err, errOutOfOrder) {
		t.Errorf("a broadcast: %v", err)
	}
	store.Fail(nil)
	a.news(t, 1, 1, ws.Idempotent("one"))
	a.news(t, 2, 2)
	c.hears(`news 1 {"n":1}`, `news 2 {"n":2}`)
}

// collector takes what a subscriber gets.
type collector struct {
	got  chan string
	gaps chan pubsub.Gap
}

func newCollector() *collector {
	return &collector{make(chan string, 100), make(chan pubsub.Gap, 100)}
}

func (c *collector) Deliver(_ string, b ws.Broadcast) {
	c.got <- fmt.Sprintf("%s %s", b.Event, b.Payload.Bytes())
}

type gapCollector struct{ *collector }

func (c gapCollector) Deliver(_ string, g pubsub.Gap) { c.gaps <- g }

// What is no channel of a recorded topic hears what the store has, also where no client is on the
// topic, and over an end of what keeps the logs.
func TestSubscribersHearWhatTheStoreHas(t *testing.T) {
	hub, store := new(pubsub.Hub), new(historytest.Store)
	a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
	p := &planted{server: b}
	sub, other := newCollector(), newCollector()
	owner, err := actor.Spawn(b.sys, actor.Func(func(*actor.Context[int], int) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		b.SubscribeGaps(owner.PID(), "room:a", gapCollector{sub}), b.Subscribe(owner.PID(), "room:a", sub),
		b.Subscribe(b.PID(), "room:a", other),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	hears := func(c *collector, want string) {
		t.Helper()
		select {
		case got := <-c.got:
			if got != want {
				t.Errorf("heard %s, want %s", got, want)
			}
		case <-time.After(patience):
			t.Fatalf("has not heard %s", want)
		}
	}
	a.news(t, 1, 1)
	hears(sub, `news {"n":1}`)
	hears(other, `news {"n":1}`)
	if err := b.BroadcastFrom(owner.PID(), "room:a", "news", nil); err != nil {
		t.Fatal(err)
	}
	hears(other, `news {}`)
	before := p.part("history")
	before.Exit(actor.Kill)
	if g := <-sub.gaps; g.Topic != "room:a" {
		t.Errorf("told of %+v", g)
	}
	a.news(t, 2, 2)
	hears(sub, `news {"n":2}`)
	hears(other, `news {"n":2}`)

	b.Unsubscribe(b.PID(), "room:a")
	owner.PID().Exit(actor.Kill)
	<-owner.PID().Done()
	a.news(t, 3, 3)
	eventually(t, "the other node has it", func() bool {
		l, err := b.Recorded(t.Context(), "room:a", ws.Position{}, 1)
		return err == nil && l.To.Offset == 4
	})
	c := b.connect(t)
	c.joinSince("null")
	a.news(t, 4, 4)
	c.hears(`news 5 {"n":4}`)
	if len(sub.got)+len(other.got) > 0 {
		t.Error("heard of something after the end")
	}
}

// Follow ends with the topic's recorder, and none goes on behind the endpoint's end.
func TestFollowingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, store := new(pubsub.Hub), new(historytest.Store)
		a := serveStored(t, "a", hub, store)
		c := a.connect(t)
		c.joinSince("null")
		if n := store.Followers("room:a"); n != 1 {
			t.Errorf("%d followers", n)
		}
		c.conn.CloseNow()
		time.Sleep(10 * time.Minute)
		if n := store.Followers("room:a"); n != 0 {
			t.Errorf("%d followers of a topic that nobody is on", n)
		}
		c = a.connect(t)
		c.joinSince("null")
		if err := a.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := store.Followers("room:a"); n != 0 {
			t.Errorf("%d followers of an endpoint that has ended", n)
		}
	})
}
