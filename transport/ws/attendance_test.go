package ws_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// unread makes a store that cannot be read while it is ill.
func unread() (store *historytest.Store, ill *atomic.Bool) {
	store, ill = new(historytest.Store), new(atomic.Bool)
	store.Fail(func(_ context.Context, operation, _ string) error {
		if ill.Load() && (operation == "since" || operation == "follow") {
			return errors.New("ill")
		}
		return nil
	})
	return store, ill
}

func (c *collector) heard(t *testing.T, want ...string) {
	t.Helper()
	synctest.Wait()
	for _, w := range want {
		if len(c.got) == 0 {
			t.Fatalf("has not heard %s", w)
		}
		if got := <-c.got; got != w {
			t.Errorf("heard %s, want %s", got, w)
		}
	}
	if len(c.got) > 0 {
		t.Errorf("heard %s as well", <-c.got)
	}
}

// A Subscribe that fails leaves no subscription, and takes along neither one that there was
// before nor one that is made at the same time.
func TestASubscriptionThatFailsIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		store, ill := unread()
		a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
		failed, late, gaps := newCollector(), newCollector(), newCollector()
		if err := b.SubscribeGaps(b.PID(), "room:a", gapCollector{gaps}); err != nil {
			t.Fatal(err)
		}
		ill.Store(true)
		made := make(chan error)
		go func() {
			time.Sleep(2 * time.Second)
			made <- b.Subscribe(b.PID(), "room:a", late)
		}()
		if err := b.Subscribe(b.PID(), "room:a", failed); err == nil {
			t.Fatal("subscribed to a log that cannot be read")
		}
		ill.Store(false)
		if err := <-made; err != nil {
			t.Fatal(err)
		}
		a.news(t, 1, 1)
		failed.heard(t)
		late.heard(t, `news {"n":1}`)
		store.Forget() // so that there is a gap, of which those that have subscribed to gaps are told still
		store.Recheck("room:a")
		synctest.Wait()
		if len(gaps.gaps) != 1 {
			t.Errorf("told of %d gaps", len(gaps.gaps))
		}
		b.Unsubscribe(b.PID(), "room:a")
		a.news(t, 2, 2)
		late.heard(t)
		time.Sleep(2 * time.Hour) // longer than a log is kept that nobody needs
		if n := store.Followers("room:a"); n > 0 {
			t.Errorf("%d follow the topic", n)
		}
	})
}

// A Subscribe that fails does not end what an earlier one of the same owner needs; and where
// there is none, nothing is left of it.
func TestASubscriptionThatFailsEndsItsOwnAttendance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		store, ill := unread()
		a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
		first, failed := newCollector(), newCollector()
		if err := b.Subscribe(b.PID(), "room:a", first); err != nil {
			t.Fatal(err)
		}
		ill.Store(true)
		p := planted{server: b}
		p.part("history").Exit(actor.Kill)
		synctest.Wait()
		for _, topic := range []string{"room:a", "room:b"} {
			if err := b.Subscribe(b.PID(), topic, failed); err == nil {
				t.Errorf("subscribed to %s, of which the log cannot be read", topic)
			}
		}
		ill.Store(false)
		time.Sleep(10 * time.Second)
		a.news(t, 1, 1)
		first.heard(t, `news {"n":1}`)
		failed.heard(t)
		time.Sleep(2 * time.Hour) // longer than a log is kept that nobody needs
		if all, none := store.Followers("room:a"), store.Followers("room:b"); all == 0 || none > 0 {
			t.Errorf("%d follow the topic, and %d the one that nobody needs", all, none)
		}
	})
}

// When the logs begin anew and cannot be read, subscribers are told of a gap once they have been:
// what comes until then is in the gap as well.
func TestAGapIsToldWhenTheLogIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		store, ill := unread()
		a, b := serveStored(t, "a", hub, store), serveStored(t, "b", hub, store)
		sub := newCollector()
		for _, err := range []error{
			b.SubscribeGaps(b.PID(), "room:a", gapCollector{sub}), b.Subscribe(b.PID(), "room:a", sub),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		a.news(t, 1, 1)
		sub.heard(t, `news {"n":1}`)
		ill.Store(true)
		p := planted{server: b}
		p.part("history").Exit(actor.Kill)
		time.Sleep(10 * time.Second) // longer than anything waits for the store
		a.news(t, 2, 2)
		sub.heard(t)
		if n := len(sub.gaps); n > 0 {
			t.Errorf("told of %d gaps before what is missed is known", n)
		}
		ill.Store(false)
		time.Sleep(10 * time.Second)
		if n := len(sub.gaps); n != 1 {
			t.Errorf("told of %d gaps", n)
		}
		a.news(t, 3, 3)
		sub.heard(t, `news {"n":3}`)
	})
}
