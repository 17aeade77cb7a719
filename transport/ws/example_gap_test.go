package ws_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws"
)

// Score is a channel that shows a score. Its client hears of each goal by a broadcast.
type Score struct{}

func newScore() *Score { return new(Score) }

// Join shows the present score.
func (*Score) Join(*ws.Channel, string, ws.Payload) (any, error) { return scoreNow(), nil }

// HandleGap shows it anew: goals that were broadcast on other nodes may have been missed.
func (*Score) HandleGap(c *ws.Channel, g pubsub.Gap) error {
	return c.Push("score", scoreNow())
}

func scoreNow() map[string]int { return map[string]int{"home": 3, "guests": 1} }

func ExampleGapHandler() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(ctx)
	way := &leaky{Adapter: new(pubsub.Hub).Node("a")}
	cluster := pubsub.NewCluster(way)
	if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
		log.Fatal(err)
	}
	endpoint, err := ws.Start(sys, ws.Config{
		Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{ws.Topic("score", newScore, nil)}}},
		Cluster: cluster,
	})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	_, heard, leave := join(server.URL, "score", "score")
	defer leave()

	way.Missed(pubsub.Gap{Anywhere: true, Messages: 2}) // which the adapter does when it sees a loss
	<-heard
	fmt.Println("the client knows")
	// Output:
	// score {"guests":1,"home":3}
	// the client knows
}
