package ws_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// A store loses its log while a client joins. What the client is told has nothing of the old log
// and of the new one at once: with the old number in the new log it would miss what comes before
// that, and be told that it has missed nothing.
func TestALogIsLostWhileAClientJoins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, goOn := new(historytest.Store), make(chan struct{})
		joining := func(c *ws.Channel) (any, error) {
			err := c.Listen() // means nothing to a client that gets what it has missed
			<-goOn
			return nil, err
		}
		a := serveNode(t, pubsub.NewCluster(new(pubsub.Hub).Node("a")),
			recorded(&ws.History{Store: store}, func() guest { return guest{joining} }))
		joins := func(since string) *client {
			c := a.connect(t)
			c.send(`["1","1","room:a","phx_join",{"since":` + since + `}]`)
			synctest.Wait()
			return c
		}
		told := func(c *client) heard {
			goOn <- struct{}{}
			c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
			return c.hear()
		}
		a.news(t, 1, 2)
		synctest.Wait()
		stands := told(joins("null"))

		c := joins("null")
		store.Forget()
		a.news(t, 3, 4)
		synctest.Wait()
		if got := told(c); got.ref != stands.ref {
			t.Errorf("a client that stands at %s is told of %v", stands.ref, got)
		}

		stands = told(joins("null"))
		c = joins(quoted(stands.ref))
		store.Forget()
		store.Lose(func(string, history.Record) bool { return true })
		a.news(t, 5, 300)
		reads, readOn := 0, make(chan struct{})
		store.Fail(func(_ context.Context, operation, _ string) error {
			if operation == "since" {
				if reads++; reads == 3 { // of the new log from its beginning, the second part
					<-readOn
				}
			}
			return nil
		})
		store.Recheck("room:a")
		synctest.Wait()
		goOn <- struct{}{}
		if got := c.hear(); got.event != "phx_reply" || !strings.Contains(got.payload, "messages are lost") {
			t.Errorf("a client that stands at %s is told of %v", stands.ref, got)
		}
		close(readOn)
		if got := told(joins(quoted(stands.ref))); !strings.HasPrefix(got.payload, `{"complete":false,`) {
			t.Errorf("the next time it is told of %v", got)
		}
	})
}
