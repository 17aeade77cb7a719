// Command conformance is a server that shows all of the Channels protocol. The
// end-to-end tests run the official client against it, and it is a tour of
// package ws: each event of room.go is one thing that a channel can do. In lobby.go
// clients see who is there, and topics that begin with "kept:" are recorded. In lodger.go
// channels outlive their connection, for a minute, or for half a second on topics that begin
// with "brief:". POST /drain sends all clients away, as before a restart.
package main

import (
	"errors"
	"flag"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Client is what the channels know about who is connected.
type Client struct{ user, token string }

// connect refuses the token "bad" and names the connection after its user. A token such as
// "until:1795000000000" ends then, in milliseconds of Unix time.
func connect(r *ws.Request) (ws.Identity, error) {
	if r.Params.Get("token") == "bad" || r.AuthToken == "bad" {
		return ws.Identity{}, errors.New("bad token")
	}
	client := Client{user: r.Params.Get("user_id"), token: r.AuthToken}
	identity := ws.Identity{Assigns: client}
	if client.user != "" {
		identity.ID = socketID(client.user)
	}
	if end, ok := strings.CutPrefix(r.AuthToken, "until:"); ok {
		ms, err := strconv.ParseInt(end, 10, 64)
		if err != nil {
			return ws.Identity{}, err
		}
		identity.Expires = time.UnixMilli(ms)
	}
	return identity, nil
}

// refresh lets a client stay with what it could connect with.
func refresh(r *ws.Request, _ ws.Identity) (ws.Identity, error) { return connect(r) }

func socketID(user string) string { return "user_socket:" + user }

// rooms returns the endpoint, and what runs for it, in the order of its start.
func rooms() (*ws.Endpoint, []supervisor.Child) {
	who := presence.New(presence.Config{})
	newRoom := func() *Room { return new(Room) }
	kept := ws.Topic("kept:*", newRoom, roomEvents)
	kept.History = &ws.History{Size: 500}
	newLodger := func() *Lodger { return &Lodger{who: who} }
	stay, brief := ws.Topic("stay:*", newLodger, lodgerEvents), ws.Topic("brief:*", newLodger, lodgerEvents)
	stay.Linger, brief.Linger = time.Minute, 500*time.Millisecond
	socket := ws.Socket{
		Path:           "/socket",
		Connect:        connect,
		Refresh:        refresh,
		LongPoll:       true,
		PollWindow:     1500 * time.Millisecond,
		MaxMessageSize: 1 << 20,
		Channels: ws.Routes{
			ws.Topic("room:*", newRoom, roomEvents),
			kept,
			stay,
			brief,
			ws.Topic("presence:*", func() *Lobby { return &Lobby{who} }, lobbyEvents),
		},
	}
	short := socket
	short.Path = "/socket-short"
	short.LongPoll = false
	short.IdleTimeout = time.Second
	endpoint := ws.New(ws.Config{
		Trackers: []ws.Tracker{who},
		Sockets:  []ws.Socket{socket, short},
	})
	return endpoint, []supervisor.Child{who.Child(), endpoint.Child()}
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

func program(addr string) supervisor.Program {
	endpoint, children := rooms()
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: handler(endpoint), ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:  supervisor.Spec{Children: append(children, web)},
		Drain: endpoint.Drain,
		Grace: 10 * time.Second,
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()
	supervisor.Main(program(*addr))
}
