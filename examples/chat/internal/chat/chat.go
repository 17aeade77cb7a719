// Command chat is a chat room in which every connection and every joined room is
// a supervised actor. Open http://127.0.0.1:4000 in two tabs, and
// http://127.0.0.1:4000/observer/ in a third to see what runs.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// program is the chat. It starts what the rooms need, then the rooms, then the web server,
// and stops them in reverse: no new requests, then the open sockets. Then there is the
// observer, for those on this machine; it is none of the chat's children, so that the chat
// does not depend on it.
func program(addr string, page http.Handler) supervisor.Program {
	who := presence.New(presence.Config{})
	endpoint, children := rooms(who)
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/", page)
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	})
	inside := observer.Config{
		Endpoints: []*ws.Endpoint{endpoint},
		Trackers:  []*presence.Tracker{who},
		Authorize: observer.Local(observer.Act),
	}
	return supervisor.Program{
		Spec:  supervisor.Spec{Children: append(children, web)},
		Drain: endpoint.Drain,
		Grace: 10 * time.Second,
		OnStart: func(sys *actor.System, _ supervisor.Tree) {
			sys.Logger().Info("chat", "url", "http://"+addr)
			o, err := observer.Start(sys, inside)
			if err != nil {
				sys.Logger().Error("chat: no observer", "reason", err)
				return
			}
			mux.Handle("/observer/", o)
			sys.Logger().Info("chat: observer", "url", "http://"+addr+"/observer/")
		},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	phoenix := flag.String("phoenix", "", "`directory` of the npm package phoenix, which the page then runs on: node_modules/phoenix")
	flag.Parse()
	var client fs.FS // the page's own
	if *phoenix != "" {
		client = os.DirFS(*phoenix)
	}
	page, err := newPage(client)
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(2)
	}
	supervisor.Main(program(*addr, page))
}
