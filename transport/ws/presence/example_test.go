package presence_test

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// Lobby is a channel whose members see each other.
type Lobby struct{ who *presence.Tracker }

// Meta is what they see.
type Meta struct {
	Status string `json:"status"`
}

// Join lets everybody in, and then shows who is there.
func (l *Lobby) Join(c *ws.Channel, _ string, _ ws.Payload) (any, error) {
	l.who.Enter(c, c.SocketID(), Meta{Status: "here"})
	return nil, nil
}

// HandleIn changes what the others see.
func (l *Lobby) HandleIn(c *ws.Channel, event string, _ ws.Payload) (ws.Reply, error) {
	switch event {
	case "away":
		_, err := presence.Edit(l.who, c, c.SocketID(), func(m *Meta) { m.Status = "away" })
		return ws.OK(nil), err
	}
	return ws.UnknownEvent, nil
}

// connect names the connection after its user.
func connect(r *ws.Request) (ws.Identity, error) {
	return ws.Identity{ID: r.Params.Get("user")}, nil
}

// A room whose members see each other.
func Example() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		panic(err)
	}
	endpoint, err := ws.Start(sys, ws.Config{Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path:     "/socket",
		Connect:  connect,
		Channels: ws.Routes{ws.Topic("lobby", func() *Lobby { return &Lobby{who} }, nil)},
	}}})
	if err != nil {
		panic(err)
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	defer endpoint.Shutdown(ctx)

	ann := enterLobby(ctx, server.URL, "ann")
	defer ann.close()
	bob := enterLobby(ctx, server.URL, "bob")
	defer bob.close()
	fmt.Println(ann.sees("ann here, bob here"))
	bob.channel.Push(ctx, "away", nil)
	fmt.Println(ann.sees("ann here, bob away"))
	bob.channel.Leave(ctx)
	fmt.Println(ann.sees("ann here"))
	// Output:
	// ann here, bob here
	// ann here, bob away
	// ann here
}

// visitor is a client in the lobby, in Go; in a browser it is the class Presence of
// the package phoenix.
type visitor struct {
	client  *wsclient.Client
	channel *wsclient.Channel
	lists   chan string
}

func enterLobby(ctx context.Context, url, user string) *visitor {
	client, err := wsclient.Dial(ctx, wsclient.Config{
		URL: strings.Replace(url, "http", "ws", 1) + "/socket?user=" + user,
	})
	if err != nil {
		panic(err)
	}
	v := &visitor{client, client.Channel("lobby", nil), make(chan string, 100)}
	people := new(wsclient.Presence)
	people.OnSync = func() {
		var names []string
		for name, entry := range people.List() {
			var m Meta
			entry.Metas[0].Payload.Decode(&m)
			names = append(names, name+" "+m.Status)
		}
		slices.Sort(names)
		v.lists <- strings.Join(names, ", ")
	}
	people.Follow(v.channel)
	if _, err := v.channel.Join(ctx); err != nil {
		panic(err)
	}
	return v
}

// sees waits for a list.
func (v *visitor) sees(want string) string {
	for list := range v.lists {
		if list == want {
			return list
		}
	}
	return ""
}

func (v *visitor) close() { v.client.Close(context.Background()) }

// idle is an actor that does nothing.
func idle(*actor.Context[string], string) error { return nil }

// Any actor can be present, not only channels; and no client need look.
func ExampleActor() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	who, err := presence.Start(sys, presence.Config{})
	if err != nil {
		panic(err)
	}
	worker, err := actor.Spawn(sys, actor.Func(idle))
	if err != nil {
		panic(err)
	}
	who.Track(presence.Actor(worker.PID(), "workers"), "resize", map[string]int{"capacity": 4})
	list, _ := who.List(ctx, "workers")
	fmt.Println(len(list["resize"].Metas), "resize worker")

	worker.PID().Stop(ctx, nil)
	list, _ = who.List(ctx, "workers")
	fmt.Println(len(list["resize"].Metas), "resize workers")
	// Output:
	// 1 resize worker
	// 0 resize workers
}

// Fetch adds what is not in the metas: once for a list, and once for each diff.
func ExampleConfig_fetch() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)
	who, err := presence.Start(sys, presence.Config{
		Fetch: func(_ context.Context, _ string, entries map[string]presence.Entry) (map[string]any, error) {
			names := map[string]string{"17": "Ann", "18": "Bob"} // SELECT id, name FROM users WHERE id IN (…)
			found := make(map[string]any)
			for id := range entries {
				found[id] = map[string]string{"name": names[id]}
			}
			return found, nil
		},
	})
	if err != nil {
		panic(err)
	}
	worker, err := actor.Spawn(sys, actor.Func(idle))
	if err != nil {
		panic(err)
	}
	who.Track(presence.Actor(worker.PID(), "room:1"), "17", nil)
	list, err := who.List(ctx, "room:1")
	fmt.Println(string(list["17"].Fields.Bytes()), err)
	// Output: {"name":"Ann"} <nil>
}

// On several nodes, each tells the others of its own.
func ExampleConfig_cluster() {
	ctx := context.Background()
	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(ctx)

	var hub pubsub.Hub // in place of a network
	changes := make(chan presence.Diff, 10)
	start := func(name string, cfg presence.Config) *presence.Tracker {
		cfg.Cluster = pubsub.NewCluster(hub.Node(name))
		tracker := presence.New(cfg)
		_, err := supervisor.Start(sys, supervisor.Spec{Children: []supervisor.Child{
			supervisor.Actor("cluster", cfg.Cluster.Behavior), tracker.Child(),
		}})
		if err != nil {
			panic(err)
		}
		return tracker
	}
	here := start("here", presence.Config{})
	start("there", presence.Config{OnDiff: func(d presence.Diff) { changes <- d }})

	worker, err := actor.Spawn(sys, actor.Func(idle))
	if err != nil {
		panic(err)
	}
	here.Track(presence.Actor(worker.PID(), "room:1"), "ann", nil)
	d := <-changes // after BroadcastPeriod
	fmt.Println(d.Topic, slices.Collect(maps.Keys(d.Joins)))
	// Output: room:1 [ann]
}
