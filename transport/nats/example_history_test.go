package nats_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/nats"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

type news struct{}

func (news) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func newNews() news { return news{} }

// newsRoute has the news recorded for all nodes, and for the next start of each.
func newsRoute(node *nats.Node) ws.Route {
	news := ws.Topic("news:*", newNews, nil)
	news.History = &ws.History{Store: &nats.History{Conn: node.Conn()}}
	return news
}

// serveNews is a program that serves the news. It returns what ends it.
func serveNews(ctx context.Context, url, name string) (*ws.Endpoint, func(), error) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	node, err := join(ctx, sys, url, name)
	if err != nil {
		return nil, nil, err
	}
	endpoint, err := ws.Start(sys, ws.Config{
		Cluster: node.Cluster(), Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{newsRoute(node)}}},
	})
	return endpoint, func() {
		sys.Shutdown(context.Background())
		node.Close()
	}, err
}

// balancer sends clients to one of the nodes.
type balancer struct{ to atomic.Pointer[ws.Endpoint] }

func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) { b.to.Load().ServeHTTP(w, r) }

// A client gets from one node what it has missed when another one was stopped.
func ExampleHistory() {
	ctx := context.Background()
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	berlin, stopBerlin, err := serveNews(ctx, url, "berlin")
	if err != nil {
		fmt.Println(err)
		return
	}
	tokyo, stopTokyo, err := serveNews(ctx, url, "tokyo")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stopTokyo()
	front := new(balancer)
	front.to.Store(berlin)
	server := httptest.NewServer(front)
	defer server.Close()
	client, err := wsclient.Dial(ctx, wsclient.Config{URL: server.URL + "/socket"})
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
	berlin.Broadcast("news:today", "line", map[string]int{"n": 1})
	fmt.Println(<-lines)

	front.to.Store(down)
	stopBerlin()
	tokyo.Broadcast("news:today", "line", map[string]int{"n": 2})
	tokyo.Broadcast("news:today", "line", map[string]int{"n": 3})
	front.to.Store(tokyo)
	for range 3 {
		fmt.Println(<-lines)
	}
	// Output:
	// {"n":1}
	// 2 missed, complete: true
	// {"n":2}
	// {"n":3}
}

// down is an endpoint that does not run.
var down = ws.New(ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{ws.Topic("news:*", newNews, nil)}}}})
