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
	auction, _ := client.Join("auction:17", nil)
	auction.AssertPush("highest")
	return auction
}

func TestTheHighestBidIsToldToAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newEndpoint)
		ann, bob := join(t, endpoint, "ann"), join(t, endpoint, "bob")

		ref := ann.Push("bid", Bid{Amount: 10})
		ann.AssertReply(ref, "ok", map[string]int{"bids": 1})
		ann.AssertPush("highest", Highest{"ann", 10})
		bob.AssertPush("highest", Highest{"somebody", 10})

		ref = bob.Push("bid", Bid{Amount: 9})
		bob.AssertReply(ref, "error", Highest{"ann", 10})
		ann.RefutePush("highest")
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
			ann.AssertReply(ann.Push("bid", c.in), "error", c.want)
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
	auction, _ := guest.Join("auction:17", nil)
	auction.AssertReply(auction.Push("bid", Bid{Amount: 10}), "error", ws.Reason("members only"))
}

func TestReminders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann := join(t, wstest.Start(t, newEndpoint), "ann")
		ann.AssertReply(ann.Push("remind", map[string]int{"seconds": 60}), "ok")
		ann.Within(59*time.Second).RefutePush("highest") // takes no time
		ann.Within(2*time.Second).AssertPush("highest")
	})
}

func TestACrashIsTheChannelsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, newEndpoint)
		ann, bob := join(t, endpoint, "ann"), join(t, endpoint, "bob")
		actortest.Crash(t, ann.PID(), nil)
		ann.AssertCrash()
		bob.AssertReply(bob.Push("bid", Bid{Amount: 10}), "ok")
	})
}
