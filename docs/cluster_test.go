package docs

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// The code of guide/cluster.md.

// node is one server of several: its endpoint, and what runs for it, in the order of its
// start.
func node(cluster *pubsub.Cluster) (*ws.Endpoint, []supervisor.Child) {
	who := presence.New(presence.Config{Cluster: cluster})
	endpoint := ws.New(ws.Config{
		Cluster:  cluster,
		Trackers: []ws.Tracker{who},
		Sockets: []ws.Socket{{
			Path:     "/socket",
			Channels: ws.Routes{ws.Topic("room:*", func() *Room { return &Room{who: who} }, roomEvents)},
		}},
	})
	return endpoint, []supervisor.Child{
		supervisor.Actor("cluster", cluster.Behavior), who.Child(), endpoint.Child(),
	}
}

func program(cluster *pubsub.Cluster, addr string) supervisor.Program {
	endpoint, children := node(cluster)
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: addr, Handler: endpoint, ReadHeaderTimeout: 10 * time.Second}
	})
	return supervisor.Program{
		Spec:  supervisor.Spec{Children: append(children, web)},
		Drain: endpoint.Drain,
	}
}

func TestTwoNodesAreOneRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t)
		hub := new(pubsub.Hub)
		start := func(name string) *ws.Endpoint {
			endpoint, children := node(pubsub.NewCluster(hub.Node(name)))
			if _, err := supervisor.Start(sys, supervisor.Spec{Children: children}); err != nil {
				t.Fatal(err)
			}
			return endpoint
		}
		join := func(endpoint *ws.Endpoint, name string) *wstest.Channel {
			client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{Assigns: User{}})
			room, _ := client.Join("room:1", JoinRoom{name})
			room.AssertPush("presence_state")
			return room
		}
		berlin, tokyo := start("berlin"), start("tokyo")
		ann, bob := join(berlin, "ann"), join(tokyo, "bob")
		time.Sleep(10 * time.Second) // for the trackers to have told each other
		ann.AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})
		bob.AssertReply(bob.Push("new_msg", NewMsg{"hello"}), "ok", nil)
		ann.AssertPush("new_msg", map[string]string{"body": "hello", "from": "bob"})
		if err := tokyo.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		ann.AssertPush("presence_diff", wstest.Partial{"leaves": wstest.Partial{"bob": wstest.Any}})
	})
}

func TestAProgramOfAClusterRunsAndStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	p := program(pubsub.NewCluster(new(pubsub.Hub).Node("berlin")), "127.0.0.1:0")
	p.OnStart = func(*actor.System, supervisor.Tree) { stop() }
	p.Config.Logger = slog.New(slog.DiscardHandler)
	if err := p.Run(ctx); err != nil {
		t.Error(err)
	}
}
