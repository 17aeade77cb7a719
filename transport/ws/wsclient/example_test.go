package wsclient_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// greeter is the server side of the example.
type greeter struct{}

func (greeter) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (greeter) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "hello":
		return ws.OK(map[string]string{"text": "hello to you"}), nil
	case "news":
		return ws.NoReply, c.Broadcast("news", in)
	}
	return ws.UnknownEvent, nil
}

func Example() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("room:*", func() greeter { return greeter{} }, nil)},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer endpoint.Shutdown(ctx)
	server := httptest.NewServer(endpoint)
	defer server.Close()

	client, err := wsclient.Dial(ctx, wsclient.Config{URL: server.URL + "/socket"})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

	type note struct{ Text string }
	room := client.Channel("room:lobby", nil)
	news := make(chan note)
	room.On("news", func(m wsclient.Message) {
		var n note
		if err := m.Payload.Decode(&n); err == nil {
			news <- n
		}
	})
	if _, err := room.Join(ctx); err != nil {
		log.Fatal(err)
	}

	reply, err := room.Push(ctx, "hello", nil)
	fmt.Println(reply, err)

	room.Send("news", note{"it works"})
	fmt.Println(<-news)

	_, err = room.Push(ctx, "nonsense", nil)
	fmt.Println(err)
	// Output:
	// {"text":"hello to you"} <nil>
	// {it works}
	// wsclient: push "nonsense" on "room:lobby": reply with status "error": unknown event
}

// Behind a proxy that knows no WebSockets, a client polls.
func ExampleConfig_longPollFallback() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path:     "/socket",
		LongPoll: true,
		Channels: ws.Routes{ws.Topic("room:*", func() greeter { return greeter{} }, nil)},
	}}})
	if err != nil {
		log.Fatal(err)
	}
	defer endpoint.Shutdown(ctx)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Upgrade")
		endpoint.ServeHTTP(w, r)
	}))
	defer server.Close()

	client, err := wsclient.Dial(ctx, wsclient.Config{
		URL:              server.URL + "/socket",
		LongPollFallback: 2500 * time.Millisecond,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close(ctx)

	room := client.Channel("room:lobby", nil)
	if _, err := room.Join(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(room.Push(ctx, "hello", nil))
	// Output:
	// {"text":"hello to you"} <nil>
}
