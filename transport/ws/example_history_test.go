package ws_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// News is the handler of a channel whose clients miss nothing.
type News struct{}

// Join shows the headlines to those that do not get what they have missed.
func (n *News) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	if recovery, named := c.Recovery(); named && recovery.Complete {
		return nil, nil // what it has missed follows
	}
	return n.headlines(), nil
}

func (n *News) headlines() any { return map[string]any{"headlines": []string{"all is well"}} }

// Paid tells that an order is paid, once, however often it is called.
func (n *News) Paid(c *ws.Channel, order string) error {
	c.Broadcast("typing", nil, ws.Unrecorded())
	return c.Broadcast("paid", map[string]string{"order": order}, ws.Idempotent(order))
}

func newNews() *News { return new(News) }

// newsRoute has the news recorded.
func newsRoute() ws.Route {
	news := ws.Topic("news:*", newNews, nil)
	news.History = &ws.History{Size: 500, TTL: 10 * time.Minute}
	return news
}

// vehicle is what a position is about.
func vehicle(_ string, p ws.Payload) string {
	var at struct{ Vehicle string }
	p.Decode(&at)
	return at.Vehicle
}

// stateRoutes have the last value recorded, and that of each vehicle.
func stateRoutes() (prices, positions ws.Route) {
	prices, positions = ws.Topic("prices:*", newNews, nil), ws.Topic("positions:*", newNews, nil)
	prices.History = &ws.History{Mode: ws.Latest}
	positions.History = &ws.History{Mode: ws.Keyed, Key: vehicle, TTL: time.Hour}
	return prices, positions
}

// A client whose connection is lost gets what it has missed.
func ExampleHistory() {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{newsRoute()},
		Connect: func(*ws.Request) (ws.Identity, error) { return ws.Identity{ID: "ann"}, nil },
	}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()

	ctx := context.Background()
	var tunnel atomic.Bool // there is no network in it
	lost := make(chan error, 1)
	client, err := wsclient.Dial(ctx, wsclient.Config{
		URL: server.URL + "/socket",
		Params: func(context.Context) (url.Values, error) {
			if tunnel.Load() {
				return nil, errors.New("no network")
			}
			return nil, nil
		},
		OnDisconnect: func(err error) {
			select {
			case lost <- err:
			default: // it has tried again
			}
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close(ctx)
	today, lines := client.Channel("news:today", nil), make(chan string)
	today.On("line", func(m wsclient.Message) { lines <- string(m.Payload.Bytes()) })
	today.OnRecovery(func(r wsclient.Recovery) { lines <- fmt.Sprintf("%d missed, complete: %t", r.Missed, r.Complete) })
	if _, err := today.Join(ctx); err != nil {
		fmt.Println(err)
	}
	endpoint.Broadcast("news:today", "line", map[string]int{"n": 1})
	fmt.Println(<-lines)

	tunnel.Store(true)
	endpoint.Disconnect("ann")
	<-lost
	endpoint.Broadcast("news:today", "line", map[string]int{"n": 2})
	endpoint.Broadcast("news:today", "line", map[string]int{"n": 3})
	tunnel.Store(false)
	for range 3 {
		fmt.Println(<-lines)
	}
	// Output:
	// {"n":1}
	// 2 missed, complete: true
	// {"n":2}
	// {"n":3}
}

// The last value of a topic, and the last of each key.
func ExampleMode() {
	prices, positions := stateRoutes()
	fmt.Println(prices.History.Mode, positions.History.Mode)
	// Output: latest keyed
}
