// Command conformance is a server that shows all of the Channels protocol. The
// end-to-end tests run the official client against it, and it is a tour of
// package ws: each event of room.go is one thing that a channel can do. In lobby.go
// clients see who is there. POST /drain sends all clients away, as before a restart.
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
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Client is what the channels know about who is connected.
type Client struct{ user, token string }

// connect refuses the token "bad" and names the connection after its user.
func connect(r *ws.Request) (ws.Identity, error) {
	if r.Params.Get("token") == "bad" || r.AuthToken == "bad" {
		return ws.Identity{}, errors.New("bad token")
	}
	client := Client{user: r.Params.Get("user_id"), token: r.AuthToken}
	if client.user == "" {
		return ws.Identity{Assigns: client}, nil
	}
	return ws.Identity{ID: socketID(client.user), Assigns: client}, nil
}

func socketID(user string) string { return "user_socket:" + user }

func newEndpoint(sys *actor.System) (*ws.Endpoint, error) {
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		return nil, err
	}
	socket := ws.Socket{
		Path:           "/socket",
		Connect:        connect,
		LongPoll:       true,
		PollWindow:     1500 * time.Millisecond,
		MaxMessageSize: 1 << 20,
		Channels: ws.Routes{
			ws.Topic("room:*", func() *Room { return new(Room) }, roomEvents),
			ws.Topic("presence:*", func() *Lobby { return &Lobby{who} }, lobbyEvents),
		},
	}
	short := socket
	short.Path = "/socket-short"
	short.LongPoll = false
	short.IdleTimeout = time.Second
	return ws.Start(sys, ws.Config{
		Trackers: []ws.Tracker{who},
		Sockets:  []ws.Socket{socket, short},
	})
}

// handler serves the endpoint, and drains it when it is told so.
func handler(endpoint *ws.Endpoint) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", endpoint)
	mux.HandleFunc("POST /drain", func(w http.ResponseWriter, r *http.Request) {
		if err := endpoint.Drain(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	return mux
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()

	sys := actor.NewSystem(actor.Config{})
	endpoint, err := newEndpoint(sys)
	if err != nil {
		log.Fatal(err)
	}
	web, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
		supervisor.Server("web", func() *http.Server {
			return &http.Server{Addr: *addr, Handler: handler(endpoint), ReadHeaderTimeout: 10 * time.Second}
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
