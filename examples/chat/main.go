// Command chat is a chat room in which every connection and every joined room is
// a supervised actor. Open http://127.0.0.1:4000 in two tabs.
package main

import (
	"context"
	"embed"
	"flag"
	"io/fs"
	"log"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

//go:embed page
var page embed.FS

func newServer(addr string, endpoint *ws.Endpoint) *http.Server {
	files, err := fs.Sub(page, "page")
	if err != nil {
		panic(err) // it is embedded
	}
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/", http.FileServerFS(files))
	return &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
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
		supervisor.Server("web", func() *http.Server { return newServer(*addr, endpoint) }),
	}})
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("chat on http://%s", *addr)
	if err := supervisor.Run(context.Background(), sys, 10*time.Second, web.PID()); err != nil {
		log.Fatal(err)
	}
	// The actors have ended. Their clients get a moment to say goodbye.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	endpoint.Shutdown(ctx)
}
