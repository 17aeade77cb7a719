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
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// RoomChannel is one client in one room.
type RoomChannel struct{ who *presence.Tracker }

// Join lets everybody in, and then shows who is there.
func (r RoomChannel) Join(c *ws.Channel, _ string, in ws.Payload) (any, error) {
	var p struct{ User string }
	if err := in.Decode(&p); err != nil {
		return nil, ws.Refuse(ws.Reason("who are you?"))
	}
	c.Continue(func(c *ws.Channel) error {
		if _, err := r.who.Track(c, p.User, nil); err != nil {
			return err
		}
		return r.who.PushState(c)
	})
	return nil, nil
}

// HandleIn passes messages on to everybody in the room.
func (RoomChannel) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	switch event {
	case "new_msg":
		return ws.OK(nil), c.Broadcast(event, in)
	case "crash":
		panic("somebody pressed the crash button")
	}
	return ws.UnknownEvent, nil
}

func newEndpoint(sys *actor.System) (*ws.Endpoint, error) {
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		return nil, err
	}
	return ws.NewEndpoint(sys, ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{{Pattern: "room:*", New: func() ws.Handler { return RoomChannel{who} }}},
	})
}

//go:embed page
var page embed.FS

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	sys := actor.NewSystem(actor.Config{})
	endpoint, err := newEndpoint(sys)
	if err != nil {
		log.Fatal(err)
	}
	files, err := fs.Sub(page, "page")
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/", http.FileServerFS(files))
	server := &http.Server{Addr: *addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		log.Printf("chat on http://%s", *addr)
		if err := server.ListenAndServe(); err != http.ErrServerClosed {
			log.Fatal(err)
		}
	}()

	// The edge goes first: no new requests, then the open sockets, then the actors.
	<-ctx.Done()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, shutdown := range []func(context.Context) error{server.Shutdown, endpoint.Shutdown, sys.Shutdown} {
		if err := shutdown(ctx); err != nil {
			log.Print(err)
		}
	}
}
