package ws_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// Lobby is a channel whose clients talk to one another.
type Lobby struct{}

type Said struct {
	Body string `json:"body"`
}

func newLobby() *Lobby { return new(Lobby) }

var lobbyEvents = ws.Events[*Lobby]{"say": ws.On((*Lobby).Say)}

func (*Lobby) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (*Lobby) Say(c *ws.Channel, in Said) (ws.Reply, error) {
	return ws.NoReply, c.Broadcast("said", in)
}

// An endpoint is a child in the program's supervision tree: after what its channels need,
// and before the web server. Here a server of package httptest takes the place of
// supervisor.Server("web", …), which would be the last child; and supervisor.Main(program)
// would run the program until it gets a signal.
func ExampleNew() {
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
	}}})
	program := supervisor.Program{
		Spec: supervisor.Spec{
			Strategy: supervisor.RestForOne,
			Children: []supervisor.Child{endpoint.Child()},
		},
		Drain:  endpoint.Drain,
		Config: actor.Config{Logger: slog.New(slog.DiscardHandler)},
	}

	server := httptest.NewServer(endpoint)
	defer server.Close()
	ctx, stop := context.WithCancel(context.Background())
	program.OnStart = func(*actor.System, supervisor.Tree) {
		go func() {
			defer stop()
			lobby, heard, leave := join(server.URL, "lobby", "said")
			defer leave()
			lobby.Send("say", Said{"hello"})
			<-heard
		}()
	}
	fmt.Println(program.Run(ctx))
	// Output:
	// said {"body":"hello"}
	// <nil>
}

// What the program has to say, and no client: the endpoint is a sender like any other.
func ExampleEndpoint_Broadcast() {
	endpoint, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
	})
	defer stop()
	_, heard, leave := join(address, "lobby", "closing")
	defer leave()

	if err := endpoint.Broadcast("lobby", "closing", map[string]int{"minutes": 5}); err != nil {
		log.Fatal(err)
	}
	<-heard
	// Output: closing {"minutes":5}
}

// An actor that is no channel hears what is said in a room.
func ExampleEndpoint_Subscribe() {
	endpoint, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
	})
	defer stop()

	sys := actor.NewSystem(actor.Config{})
	defer sys.Shutdown(context.Background())
	recorded := make(chan struct{})
	recorder, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[ws.Broadcast], b ws.Broadcast) error {
		fmt.Println("recorded:", b.Topic, b.Event, string(b.Payload.Bytes()))
		recorded <- struct{}{}
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	asItIs := func(_ string, b ws.Broadcast) ws.Broadcast { return b }
	if err := endpoint.Subscribe(recorder.PID(), "lobby", pubsub.To(recorder, asItIs)); err != nil {
		log.Fatal(err)
	}

	lobby, _, leave := join(address, "lobby")
	defer leave()
	lobby.Send("say", Said{"for the record"})
	<-recorded
	// Output: recorded: lobby said {"body":"for the record"}
}

// Before a program stops it sends its clients away, to reconnect elsewhere.
func ExampleEndpoint_Drain() {
	endpoint, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
	})
	defer stop()
	_, _, leave := join(address, "lobby")
	defer leave()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(endpoint.Drain(ctx))

	_, err := dial(address, nil)
	var refused *wsclient.ConnectError
	if errors.As(err, &refused) {
		fmt.Println(refused.StatusCode, http.StatusText(refused.StatusCode))
	}
	// Output:
	// <nil>
	// 503 Service Unavailable
}

// Two nodes: what is said on one is heard on both. A Hub connects nodes of one process, as
// a test has them; package nats connects those of a cluster.
func ExampleConfig_cluster() {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	defer sys.Shutdown(context.Background())
	var hub pubsub.Hub
	startNode := func(name string) (address string, stop func()) {
		cluster := pubsub.NewCluster(hub.Node(name))
		endpoint := ws.New(ws.Config{Cluster: cluster, Sockets: []ws.Socket{{
			Path:     "/socket",
			Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
		}}})
		_, err := supervisor.Start(sys, supervisor.Spec{
			Strategy: supervisor.RestForOne,
			Children: []supervisor.Child{supervisor.Actor("cluster", cluster.Behavior), endpoint.Child()},
		})
		if err != nil {
			log.Fatal(err)
		}
		server := httptest.NewServer(endpoint)
		return server.URL, server.Close
	}
	berlin, stopBerlin := startNode("berlin")
	defer stopBerlin()
	oslo, stopOslo := startNode("oslo")
	defer stopOslo()

	_, heard, leave := join(oslo, "lobby", "said")
	defer leave()
	lobby, _, leave := join(berlin, "lobby")
	defer leave()
	lobby.Send("say", Said{"hello from Berlin"})
	<-heard
	// Output: said {"body":"hello from Berlin"}
}

// Connect says who a client is, or refuses it. The ID is for Disconnect; what is assigned
// is there for all channels of the connection.
func ExampleSocket_connect() {
	type User struct{ Name string }
	users := map[string]User{"t-ann": {"Ann"}} // by token
	endpoint, address, stop := listen(ws.Socket{
		Path: "/socket",
		Connect: func(r *ws.Request) (ws.Identity, error) {
			user, ok := users[r.Params.Get("token")]
			if !ok {
				return ws.Identity{}, errors.New("unknown token")
			}
			return ws.Identity{ID: "user:" + user.Name, Assigns: user}, nil
		},
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents)},
	})
	defer stop()

	ann, err := dial(address, url.Values{"token": {"t-ann"}})
	fmt.Println("Ann:", err)
	defer ann.Close(context.Background())

	_, err = dial(address, url.Values{"token": {"t-bob"}})
	var refused *wsclient.ConnectError
	if errors.As(err, &refused) {
		fmt.Println("Bob:", http.StatusText(refused.StatusCode))
	}

	fmt.Println(endpoint.Disconnect("user:Ann")) // she reconnects at once, unless Connect refuses
	// Output:
	// Ann: <nil>
	// Bob: Forbidden
	// <nil>
}
