// Command auction is the program that docs/guide/channels.md explains: an auction
// house, in which clients bid over a WebSocket.
package main

import (
	"errors"
	"flag"
	"net/http"
	"time"

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

// auctions returns the endpoint of the auctions, and what runs for it, in the order of its
// start.
func auctions() (*ws.Endpoint, []supervisor.Child) {
	child, house := newHouse()
	newAuction := func() *Auction { return &Auction{house: house} }
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{
		Path:     "/socket",
		Connect:  connect,
		Channels: ws.Routes{ws.Topic("auction:*", newAuction, auctionEvents, membersOnly)},
	}}})
	return endpoint, []supervisor.Child{child, endpoint.Child()}
}

// program is the auction house. It stops in reverse: no new requests, then the open
// sockets, then the house.
func program(addr string) supervisor.Program {
	endpoint, children := auctions()
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: endpoint, ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:  supervisor.Spec{Children: append(children, web)},
		Drain: endpoint.Drain,
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()
	supervisor.Main(program(*addr))
}
