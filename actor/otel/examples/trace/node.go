package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	natsgo "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/nats"
	"github.com/troupe-go/troupe/transport/ws"
)

// provider makes the spans of one service.
func provider(service string, to sdk.SpanExporter) *sdk.TracerProvider {
	return sdk.NewTracerProvider(
		sdk.WithSyncer(to), // a program takes WithBatcher, which keeps nobody waiting
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service))),
	)
}

// node is a program of the cluster.
type node struct {
	tracing otel.Tracing
	sys     *actor.System
	conn    *natsgo.Conn
	names   *nats.Names[take]
	web     http.Server
}

func startNode(ctx context.Context, url, name string, to sdk.SpanExporter) (*node, error) {
	n := &node{tracing: otel.Tracing{Provider: provider(name, to)}}
	n.sys = actor.NewSystem(actor.Config{Node: name, Instruments: []actor.Instrument{n.tracing.Instrument()}})
	var err error
	if n.conn, err = natsgo.Connect(url, natsgo.Name(name)); err != nil {
		return nil, err
	}
	cluster := pubsub.NewCluster(&nats.Adapter{Conn: n.conn, Name: name})
	if _, err := actor.Spawn(n.sys, cluster.Behavior); err != nil {
		return nil, err
	}
	ps := new(pubsub.PubSub[take])
	if err := ps.Connect(cluster, "stock", pubsub.JSON[take]{}); err != nil {
		return nil, err
	}
	js, err := jetstream.New(n.conn)
	if err != nil {
		return nil, err
	}
	n.names, err = nats.StartNames(ctx, js, ps, nats.NamesConfig{
		Lease:      3 * time.Second, // the first name waits for one, in a bucket that is new
		Propagator: n.tracing.Headers(),
	})
	return n, err
}

// openStock starts the stock, which all nodes find by its name.
func (n *node) openStock(ctx context.Context) error {
	if err := n.names.Serve(taking); err != nil {
		return err
	}
	goods, err := actor.Spawn(n.sys, func() actor.Behavior[look] { return &shelf{left: 3} })
	if err != nil {
		return err
	}
	ref, err := actor.Spawn(n.sys, func() actor.Behavior[take] { return &stock{goods} })
	if err != nil {
		return err
	}
	_, err = n.names.Register(ctx, "stock", ref)
	return err
}

// openShop serves the shop, and returns the address of its socket.
func (n *node) openShop(ctx context.Context) (string, error) {
	carts, err := actor.Spawn(n.sys, func() actor.Behavior[add] { return &cart{n.names} })
	if err != nil {
		return "", err
	}
	endpoint, err := ws.Start(n.sys, ws.Config{Sockets: []ws.Socket{n.tracing.Socket(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("shop:*", func() *shopChannel { return &shopChannel{carts} }, shopEvents)},
	})}})
	if err != nil {
		return "", err
	}
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	n.web.Handler = endpoint
	go n.web.Serve(l)
	return "ws://" + l.Addr().String() + "/socket", nil
}

// stop ends the node; all its spans have ended then.
func (n *node) stop(ctx context.Context, err *error) {
	*err = errors.Join(*err, n.names.Shutdown(ctx), n.sys.Shutdown(ctx), n.web.Shutdown(ctx))
	n.conn.Close()
}

// bus is a NATS server in this process.
type bus struct {
	url  string
	stop func()
}

func startBus() (bus, error) {
	dir, err := os.MkdirTemp("", "nats")
	if err != nil {
		return bus{}, err
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		return bus{}, err
	}
	s.Start()
	stop := func() {
		s.Shutdown()
		s.WaitForShutdown()
		_ = os.RemoveAll(dir)
	}
	if !s.ReadyForConnections(10 * time.Second) {
		stop()
		return bus{}, errors.New("NATS is not ready")
	}
	return bus{s.ClientURL(), stop}, nil
}
