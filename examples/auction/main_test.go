package main

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/examples/internal/killing"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start starts the auctions, without the web server.
func start(sys *actor.System) (*ws.Endpoint, error) {
	endpoint, children := auctions()
	_, err := supervisor.Start(sys, supervisor.Spec{Children: children})
	return endpoint, err
}

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
		endpoint := wstest.Start(t, start)
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
		ann := join(t, wstest.Start(t, start), "ann")
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
	endpoint := wstest.Start(t, start)
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
		ann := join(t, wstest.Start(t, start), "ann")
		ann.AssertReply(ann.Push("remind", map[string]int{"seconds": 60}), "ok")
		ann.Within(59 * time.Second).RefutePush("highest") // takes no time
		ann.Within(2 * time.Second).AssertPush("highest")
	})
}

func TestACrashIsTheChannelsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, start)
		ann, bob := join(t, endpoint, "ann"), join(t, endpoint, "bob")
		actortest.Crash(t, ann.PID(), nil)
		ann.AssertCrash()
		bob.AssertReply(bob.Push("bid", Bid{Amount: 10}), "ok")
	})
}

// The house forgets its bids when it crashes; the auctions go on.
func TestAuctionDoesNotOutliveItsFailure(t *testing.T) {
	killing.EachChild(t, program, func(ctx context.Context, c *wsclient.Client) error {
		auction := c.Channel("auction:17", nil)
		defer auction.Leave(ctx)
		highest := make(chan struct{}, 100)
		auction.On("highest", func(wsclient.Message) { highest <- struct{}{} })
		if _, err := auction.Join(ctx); err != nil {
			return err
		}
		select {
		case <-highest: // from the house
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

func TestClientsOfTheHouseFollowIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		child, house := newHouse()
		if _, err := supervisor.Start(actortest.NewSystem(t), supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
			t.Fatal(err)
		}
		first, mine := house.ref.PID(), Highest{"ann", 10}
		for _, bid := range []Highest{mine, {"bob", 9}, {"bob", 10}} {
			if got, err := house.Offer(t.Context(), "auction:17", bid); err != nil || got != mine {
				t.Errorf("after %v: %v, %v", bid, got, err)
			}
		}
		first.Exit(actor.Kill)
		<-first.Done()
		if _, err := house.Highest(t.Context(), "auction:17"); err != nil && !errors.Is(err, actor.NoProc) {
			t.Error(err)
		}
		synctest.Wait()
		if got, err := house.Offer(t.Context(), "auction:17", Highest{"bob", 1}); err != nil || got.Who != "bob" {
			t.Errorf("after a restart: %v, %v", got, err)
		}
	})
}
