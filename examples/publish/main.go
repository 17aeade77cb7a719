// Command publish is a room to which other programs publish over HTTP. It prints a command
// that does so:
//
//	go run ./examples/publish
//
// A client that has joined room:lobby, such as the page of examples/chat, hears new_msg.
package main

import (
	"crypto/rand"
	"flag"
	"fmt"
	"log"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
)

type Room struct{}

func (Room) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// purpose is what the tokens of the API are for. Those of users have another.
const purpose = "http api"

// rooms returns the endpoint of the rooms, and what serves it and its API.
func rooms(keys token.Keys) (*ws.Endpoint, http.Handler, error) {
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{ws.Topic("room:*", func() Room { return Room{} }, nil)},
	}}})
	api, err := httpapi.New(httpapi.Config{
		Endpoint: endpoint,
		Tokens:   token.Signed[httpapi.Grant]{Keys: keys, Purpose: purpose},
	})
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/api/", http.StripPrefix("/api", api))
	return endpoint, mux, nil
}

// command publishes to the lobby. Its token may do that for an hour, in all rooms, and
// nothing else.
func command(keys token.Keys, addr string) (string, error) {
	grant := httpapi.Grant{Who: "curl", Publish: []string{"room:*"}}
	t, err := keys.Sign(purpose, grant, time.Hour)
	return fmt.Sprintf(`curl http://%s/api/publish -H "Authorization: Bearer %s" -H "Content-Type: application/json" -d '{"topic": "room:lobby", "event": "new_msg", "payload": {"body": "hello"}}'`, addr, t), err
}

func program(keys token.Keys, addr string) (supervisor.Program, error) {
	endpoint, handler, err := rooms(keys)
	if err != nil {
		return supervisor.Program{}, err
	}
	curl, err := command(keys, addr)
	if err != nil {
		return supervisor.Program{}, err
	}
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:    supervisor.Spec{Children: []supervisor.Child{endpoint.Child(), web}},
		Drain:   endpoint.Drain,
		OnStart: func(*actor.System, supervisor.Tree) { fmt.Println(curl) },
	}, nil
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	secret := flag.String("secret", rand.Text()+rand.Text(), "what tokens are signed with, 32 random bytes or more")
	flag.Parse()
	p, err := program(token.Keys{Current: token.NewKey(*secret)}, *addr)
	if err != nil {
		log.Fatal(err)
	}
	supervisor.Main(p)
}
