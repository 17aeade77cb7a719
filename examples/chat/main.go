// Command chat is a chat room in which every connection and every joined room is
// a supervised actor. Open http://127.0.0.1:4000 in two tabs.
package main

import (
	"embed"
	"flag"
	"io/fs"
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

// program is the chat. It starts what the rooms need, then the rooms, then the web server,
// and stops them in reverse: no new requests, then the open sockets.
func program(addr string) supervisor.Program {
	endpoint, children := rooms()
	children = append(children, supervisor.Server("web", func() *http.Server { return newServer(addr, endpoint) }))
	return supervisor.Program{
		Spec:  supervisor.Spec{Children: children},
		Drain: endpoint.Drain,
		Grace: 10 * time.Second,
		OnStart: func(sys *actor.System, _ supervisor.Tree) {
			sys.Logger().Info("chat", "url", "http://"+addr)
		},
	}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()
	supervisor.Main(program(*addr))
}
