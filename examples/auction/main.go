// Command auction is the program that docs/guide/channels.md explains: an auction
// house, in which clients bid over a WebSocket.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// User is what the channels know about who is connected.
type User struct{ Name string }

// connect names the client. A program that is to be trusted checks a token here.
func connect(r *ws.Request) (ws.Identity, error) {
	name := r.Params.Get("name")
	if name == "banned" {
		return ws.Identity{}, errors.New("banned")
	}
	if name == "" {
		return ws.Identity{Assigns: User{}}, nil
	}
	return ws.Identity{ID: "user:" + name, Assigns: User{name}}, nil
}

// membersOnly refuses the events of clients without a name: they may watch.
var membersOnly = ws.Middleware{
	HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
		return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
			if ws.AssignsOf[User](c).Name == "" {
				return ws.Error(ws.Reason("members only")), nil
			}
			return next(c, event, in)
		}
	},
}

// newEndpoint starts the house, and the endpoint for its clients.
func newEndpoint(sys *actor.System) (*ws.Endpoint, error) {
	child, house := supervisor.Follow[Offer](supervisor.Actor("house", newHouse))
	if _, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{child}}); err != nil {
		return nil, err
	}
	return ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path:     "/socket",
		Connect:  connect,
		Channels: ws.Routes{ws.Topic("auction:*", func() *Auction { return &Auction{house: house} }, auctionEvents, membersOnly)},
	}}})
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()

	sys := actor.NewSystem(actor.Config{})
	endpoint, err := newEndpoint(sys)
	if err != nil {
		log.Fatal(err)
	}
	// What is started last is stopped first: no new requests, then the open sockets.
	web, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Server("web", func() *http.Server {
			return &http.Server{Addr: *addr, Handler: endpoint, ReadHeaderTimeout: 10 * time.Second}
		}),
	}})
	if err != nil {
		log.Fatal(err)
	}
	if err := supervisor.Run(context.Background(), sys, 10*time.Second, web.PID()); err != nil {
		log.Fatal(err)
	}
	// The actors have ended. Their clients get a moment to say goodbye.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	endpoint.Shutdown(ctx)
}
