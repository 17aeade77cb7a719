package main

import (
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// join connects a client to an auction, and takes what it is shown first.
func join(t *testing.T, endpoint *ws.Endpoint, name string) *wstest.Channel {
	t.Helper()
	client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{Assigns: User{name}})
	auction, _ := client.Join(t, "auction:17", nil)
	auction.AssertPush(t, "highest")
	return auction
}

func TestTheHighestBidIsToldToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newEndpoint)
		ann, bob := join(t, endpoint, "ann"), join(t, endpoint, "bob")

		ref := ann.Push(t, "bid", Bid{Amount: 10})
		ann.AssertReply(t, ref, "ok", map[string]int{"bids": 1})
		ann.AssertPush(t, "highest", Highest{"ann", 10})
		bob.AssertPush(t, "highest", Highest{"somebody", 10})

		ref = bob.Push(t, "bid", Bid{Amount: 9})
		bob.AssertReply(t, ref, "error", Highest{"ann", 10})
		ann.RefutePush(t, "highest")
	})
}

func TestABadBidIsExplained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := join(t, wstest.Start(t, newEndpoint), "ann")
		for _, c := range []struct {
			in   any
			want error
		}{
			{nil, ws.Invalid("amount", "is missing")},
			{Bid{Amount: -1}, ws.Invalid("amount", "must be positive")},
			{map[string]string{"amount": "10"}, ws.Invalid("amount", "must be an integer, not a string")},
		} {
			ann.AssertReply(t, ann.Push(t, "bid", c.in), "error", c.want)
		}
	})
}

func TestConnect(t *testing.T) {
	endpoint := wstest.Start(t, newEndpoint)
	if _, err := wstest.Connect(t, endpoint, "/socket", &ws.Request{Params: url.Values{"name": {"banned"}}}); err == nil {
		t.Error("connected")
	}
	guest, err := wstest.Connect(t, endpoint, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	auction, _ := guest.Join(t, "auction:17", nil)
	auction.AssertReply(t, auction.Push(t, "bid", Bid{Amount: 10}), "error", ws.Reason("members only"))
}

func TestReminders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := join(t, wstest.Start(t, newEndpoint), "ann")
		ann.AssertReply(t, ann.Push(t, "remind", map[string]int{"seconds": 60}), "ok")
		ann.Within(59*time.Second).RefutePush(t, "highest") // takes no time
		ann.Within(2*time.Second).AssertPush(t, "highest")
	})
}

func TestACrashIsTheChannelsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newEndpoint)
		ann, bob := join(t, endpoint, "ann"), join(t, endpoint, "bob")
		actortest.Crash(t, ann.PID(), nil)
		ann.AssertCrash(t)
		bob.AssertReply(t, bob.Push(t, "bid", Bid{Amount: 10}), "ok")
	})
}
