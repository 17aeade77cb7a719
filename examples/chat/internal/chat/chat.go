// Package chat is the chat of examples/chat, on one node or on several: a page, the rooms that
// it enters, and an observer beside them.
package chat

import (
	"flag"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/observer/query"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Config is what there is to say about a chat. That of one node has neither a Cluster nor
// Observers nor a Store.
type Config struct {
	Addr    string   // on which it listens
	Peers   []string // addresses of other servers, to which the page turns when it loses this one
	Phoenix fs.FS    // the npm package phoenix, for the page; nil: its own client

	Cluster   *pubsub.Cluster
	Observers query.Peers   // the observers of the other nodes
	Store     history.Store // keeps what is said, for all nodes; nil: each keeps its own
}

// Flags defines the flags of a chat, each of which sets a field.
func (c *Config) Flags(f *flag.FlagSet) {
	f.StringVar(&c.Addr, "addr", "127.0.0.1:4000", "`address` to listen on")
	f.Func("phoenix", "`directory` of the npm package phoenix, which the page then runs on: node_modules/phoenix", func(dir string) error {
		c.Phoenix = os.DirFS(dir)
		return nil
	})
	f.Func("peers", "`addresses` of other servers, with commas between: the page turns to them when it loses this one", func(s string) error {
		c.Peers = strings.Split(s, ",")
		return nil
	})
}

// Main runs the chat until it is told to stop. It is for the last line of main.
func Main(c Config) {
	p, err := c.Program()
	if err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(2)
	}
	supervisor.Main(p)
}

// Program returns the chat. It starts what the rooms need, then the rooms, then the web
// server, and stops them in reverse: no new requests, then the open sockets. Then there is the
// observer, for those on this machine; it is none of the chat's children, so that the chat
// does not depend on it.
func (c Config) Program() (supervisor.Program, error) {
	page, err := newPage(c)
	if err != nil {
		return supervisor.Program{}, err
	}
	who := presence.New(c.presence())
	endpoint, children := rooms(who, &ws.History{Size: 200, Store: c.Store}, c.Cluster, c.origins())
	mux := http.NewServeMux()
	mux.Handle("/socket/", endpoint)
	mux.Handle("/", page)
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: c.Addr, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	})
	inside := observer.Config{
		Endpoints: []*ws.Endpoint{endpoint},
		Trackers:  []*presence.Tracker{who},
		Cluster:   c.Observers,
		Authorize: observer.Local(observer.Act),
	}
	p := supervisor.Program{
		Spec:  supervisor.Spec{Children: c.member(append(children, web))},
		Drain: endpoint.Drain,
		Grace: 10 * time.Second,
		OnStart: func(sys *actor.System, _ supervisor.Tree) {
			sys.Logger().Info("chat", "url", "http://"+c.Addr)
			o, err := observer.Start(sys, inside)
			if err != nil {
				sys.Logger().Error("chat: no observer", "reason", err)
				return
			}
			mux.Handle("/observer/", o)
			sys.Logger().Info("chat: observer", "url", "http://"+c.Addr+"/observer/")
		},
	}
	if c.Cluster != nil {
		p.Config.Node = c.Cluster.Node()
	}
	return p, nil
}

// member puts the membership in the cluster, if there is one, before those that need it.
func (c Config) member(children []supervisor.Child) []supervisor.Child {
	if c.Cluster == nil {
		return children
	}
	return append([]supervisor.Child{supervisor.Actor("cluster", c.Cluster.Behavior)}, children...)
}

// presence has the people of a node that was killed leave the list after five seconds, and not
// after half a minute, so that one can watch it. Therefore a node may be silent for less.
func (c Config) presence() presence.Config {
	return presence.Config{
		Cluster:          c.Cluster,
		BroadcastPeriod:  500 * time.Millisecond,
		MaxSilentPeriods: 2,
		DownPeriod:       5 * time.Second,
	}
}
