package ws_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http/httptest"
	"net/url"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// listen starts an endpoint behind a server, for an example, and returns it with its
// address. stop ends both.
func listen(sockets ...ws.Socket) (endpoint *ws.Endpoint, address string, stop func()) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	endpoint, err := ws.Start(sys, ws.Config{Sockets: sockets})
	if err != nil {
		log.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	return endpoint, server.URL, func() {
		ctx := context.Background()
		sys.Shutdown(ctx)
		server.Close()
	}
}

// dial connects a client of the examples.
func dial(address string, params url.Values) (*wsclient.Client, error) {
	return wsclient.Dial(context.Background(), wsclient.Config{
		URL:    address + "/socket",
		Params: func(context.Context) (url.Values, error) { return params, nil },
	})
}

// join connects a client and has it join a topic. It prints the events of that topic, and
// sends on heard after each.
func join(address, topic string, events ...string) (room *wsclient.Channel, heard chan struct{}, leave func()) {
	ctx := context.Background()
	client, err := dial(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	room, heard = client.Channel(topic, nil), make(chan struct{})
	for _, event := range events {
		room.On(event, func(m wsclient.Message) {
			fmt.Println(event, m.Payload)
			heard <- struct{}{}
		})
	}
	if _, err := room.Join(ctx); err != nil {
		log.Fatal(err)
	}
	return room, heard, func() { client.Close(ctx) }
}
