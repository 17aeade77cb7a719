package ws_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

// cluster starts endpoints on as many nodes of a hub, each with a system of its own.
func cluster(t *testing.T, nodes ...string) []*server {
	t.Helper()
	hub := new(pubsub.Hub)
	servers := make([]*server, len(nodes))
	for i, node := range nodes {
		servers[i] = serveNode(t, pubsub.NewCluster(hub.Node(node)), rooms(nil))
		if got := servers[i].Node(); got != node {
			t.Errorf("node %q, want %q", got, node)
		}
	}
	return servers
}

// serveNode is serve in a cluster, which it runs.
func serveNode(t *testing.T, c *pubsub.Cluster, sockets ...ws.Socket) *server {
	t.Helper()
	sys := newSystem()
	if _, err := actor.Spawn(sys, c.Behavior); err != nil {
		t.Fatal(err)
	}
	l := newPipeListener()
	s := serveConfig(t, sys, l, plain, ws.Config{Sockets: sockets, Cluster: c})
	s.addr, s.dialer = "memory", l.dial
	return s
}

// OUT-2, OUT-4: what one node's clients and endpoints broadcast reaches all nodes.
func TestBroadcastsReachTheOtherNodes(t *testing.T) {
	nodes := cluster(t, "a", "b")
	ann, bob := nodes[0].connectWith(t, "user=ann"), nodes[1].connectWith(t, "user=bob")
	deaf := nodes[1].connectWith(t, "user=deaf")
	old, _, err := nodes[1].dial(t, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client{ann, bob, deaf} {
		c.join("room:a")
	}
	old.send(`{"topic":"room:a","event":"phx_join","payload":{},"ref":"1"}`)
	old.expect(`{"topic":"room:a","event":"phx_reply","ref":"1","payload":{"status":"ok","response":{}}}`)
	const ok = `["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`

	ann.send(`["1","2","room:a","shout",{"n":12345678901234567890}]`)
	ann.expect(`[null,null,"room:a","shout",{"n":12345678901234567890}]`, ok)
	for _, c := range []*client{bob, deaf} {
		c.expect(`[null,null,"room:a","shout",{"n":12345678901234567890}]`)
	}
	old.expect(`{"topic":"room:a","event":"shout","ref":null,"payload":{"n":12345678901234567890}}`)

	ann.send(`["1","2","room:a","shout_others",{}]`)
	ann.expect(ok)
	bob.expect(`[null,null,"room:a","shout_others",{}]`)

	ann.sendBinary("\x00\x01\x01\x06\x0512room:ashoutabc")
	ann.expect("\x02\x06\x05room:ashoutabc", ok)
	bob.expect("\x02\x06\x05room:ashoutabc")

	ann.send(`["1","2","room:a","whisper",{"x":1}]`) // intercepted by each receiver
	ann.expect(ok, `["1",null,"room:a","whisper",{"for":"user:ann","what":{"x":1}}]`)
	bob.expect(`["1",null,"room:a","whisper",{"for":"user:bob","what":{"x":1}}]`)

	if err := nodes[0].Broadcast("room:a", "all", nil); err != nil {
		t.Error(err)
	}
	ann.expect(`[null,null,"room:a","all",{}]`)
	bob.expect(`[null,null,"room:a","all",{}]`)
	deaf.expect(`[null,null,"room:a","shout_others",{}]`, "\x02\x06\x05room:ashoutabc", `[null,null,"room:a","all",{}]`)
}

// OUT-2: the local variants stay where they are.
func TestLocalBroadcastsStayOnTheirNode(t *testing.T) {
	nodes := cluster(t, "a", "b")
	ann, bob := nodes[0].connect(t), nodes[1].connect(t)
	ann.join("room:a")
	bob.join("room:a")
	if err := nodes[0].LocalBroadcast("room:a", "here", nil); err != nil {
		t.Error(err)
	}
	if err := nodes[0].LocalBroadcastFrom(actor.PID{}, "room:a", "here too", nil); err != nil {
		t.Error(err)
	}
	if err := nodes[0].BroadcastFrom(actor.PID{}, "room:a", "everywhere", nil); err != nil {
		t.Error(err)
	}
	ann.expect(`[null,null,"room:a","here",{}]`, `[null,null,"room:a","here too",{}]`, `[null,null,"room:a","everywhere",{}]`)
	bob.expect(`[null,null,"room:a","everywhere",{}]`)
}

// DISC-1: on every node.
func TestDisconnectReachesTheOtherNodes(t *testing.T) {
	nodes := cluster(t, "a", "b")
	var anns []*client
	for _, n := range nodes {
		anns = append(anns, n.connectWith(t, "user=ann"))
	}
	bob := nodes[1].connectWith(t, "user=bob")
	if err := nodes[0].Disconnect("user:ann"); err != nil {
		t.Fatal(err)
	}
	for _, ann := range anns {
		ann.expectClose(websocket.StatusGoingAway)
	}
	bob.heartbeat()
}

// A node has one endpoint in the cluster at a time; when that is shut down, there is room
// for the next.
func TestEndpointsOfANodeComeOneAfterTheOther(t *testing.T) {
	hub := new(pubsub.Hub)
	a := pubsub.NewCluster(hub.Node("a"))
	first, peer := serveNode(t, a, rooms(nil)), serveNode(t, pubsub.NewCluster(hub.Node("b")), rooms(nil))
	cfg := ws.Config{Sockets: []ws.Socket{rooms(nil)}, Cluster: a}
	if _, err := ws.Start(first.sys, cfg); err == nil || !strings.Contains(err.Error(), "the name is taken") {
		t.Errorf("a second endpoint: %v", err)
	}
	if err := first.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	second, err := ws.Start(first.sys, cfg)
	if err != nil {
		t.Fatal(err)
	}
	bob := peer.connect(t)
	bob.join("room:a")
	if err := second.Broadcast("room:a", "x", nil); err != nil {
		t.Error(err)
	}
	bob.expect(`[null,null,"room:a","x",{}]`)
}

// An endpoint in a cluster goes on when the membership or its own supervisor is killed,
// and both are restarted.
func TestEndpointAndMembershipAreRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		peer := serveNode(t, pubsub.NewCluster(hub.Node("b")), rooms(nil))
		bob := peer.connect(t)
		bob.join("room:a")
		cluster := pubsub.NewCluster(hub.Node("a"))
		endpoint := ws.New(ws.Config{Sockets: []ws.Socket{rooms(nil)}, Cluster: cluster})
		sys := newSystem()
		defer sys.Shutdown(context.Background())
		tree, err := supervisor.Start(sys, supervisor.Spec{
			Intensity: 10,
			Children:  []supervisor.Child{supervisor.Actor("cluster", cluster.Behavior), endpoint.Child()},
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"cluster", "endpoint", "cluster", "endpoint"} {
			child, err := tree.Child(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			child.PID.Exit(actor.Kill)
			synctest.Wait()
			if err := endpoint.Broadcast("room:a", "x", nil); err != nil {
				t.Error(err)
			}
			bob.expect(`[null,null,"room:a","x",{}]`)
		}
	})
}

// listener hears broadcasts on the server.
type listener chan ws.Broadcast

func (l listener) Deliver(_ string, b ws.Broadcast) { l <- b }

// OUT-6: the server listens itself; a channel hears more topics than its own.
func TestSubscriptionsOnTheServer(t *testing.T) {
	s := serve(t, rooms(nil))
	owner, err := actor.Spawn(s.sys, actor.Func(func(*actor.Context[struct{}], struct{}) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	heard := make(listener, 10)
	if err := s.Subscribe(owner.PID(), "room:a", heard); err != nil {
		t.Fatal(err)
	}
	c := s.connect(t)
	c.join("room:b")
	c.send(`["1","2","room:b","listen",{"topic":"room:a"}]`)
	c.expect(`["1","2","room:b","phx_reply",{"status":"ok","response":{}}]`)
	s.Broadcast("room:a", "news", map[string]int{"n": 1})
	c.expect(`["1",null,"room:b","info",{"msg":{"Topic":"room:a","Event":"news","Payload":{"n":1}}}]`)
	if b := <-heard; b.Topic != "room:a" || b.Event != "news" || string(b.Payload.Bytes()) != `{"n":1}` {
		t.Errorf("heard %v", b)
	}
	s.Unsubscribe(owner.PID(), "room:a")
	s.Broadcast("room:a", "news", nil)
	if len(heard) != 0 {
		t.Error("heard more")
	}
}
