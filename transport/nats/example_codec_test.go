package nats_test

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/nats"
)

// protobuf is the encoding of a cluster whose values are messages of protobuf.
type protobuf struct{}

func (protobuf) Name() string { return "protobuf" }

func (protobuf) Marshal(v any) ([]byte, error) {
	m, ok := v.(proto.Message)
	if !ok {
		return nil, fmt.Errorf("%T is no message of protobuf", v)
	}
	return proto.Marshal(m)
}

func (protobuf) Unmarshal(data []byte, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message of protobuf", v)
	}
	return proto.Unmarshal(data, m)
}

// Double is a call whose request and answer are messages of protobuf.
var Double = nats.Method[doubling, *wrapperspb.Int64Value, *wrapperspb.Int64Value]{
	Name: "double",
	Make: func(n *wrapperspb.Int64Value, r actor.Reply[*wrapperspb.Int64Value]) doubling {
		return doubling{n.Value, r}
	},
}

type doubling struct {
	n     int64
	reply actor.Reply[*wrapperspb.Int64Value]
}

// doubler answers calls of Double.
func doubler(_ *actor.Context[doubling], d doubling) error {
	d.reply.Send(wrapperspb.Int64(2 * d.n))
	return nil
}

// computer makes a node of the cluster that answers Double.
func computer(ctx context.Context, sys *actor.System, url, name string) (*nats.Names[doubling], func(), error) {
	node, err := nats.Join(ctx, nats.Config{URL: url, Name: name, Codec: protobuf{}})
	if err != nil {
		return nil, nil, err
	}
	if _, err := actor.Spawn(sys, node.Cluster().Behavior); err != nil {
		return nil, nil, err
	}
	ps := new(pubsub.PubSub[doubling])
	if err := ps.Connect(node.Cluster(), "doublings", pubsub.JSON[doubling]{}); err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(node.Conn())
	if err != nil {
		return nil, nil, err
	}
	names, err := nats.StartNames(ctx, js, ps, nats.NamesConfig{Lease: 3 * time.Second})
	if err != nil {
		return nil, nil, err
	}
	return names, node.Close, names.Serve(Double)
}

// Config.Codec is the encoding of what a node's calls, groups and singletons take along.
func ExampleConfig() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	nodes := make(map[string]*nats.Names[doubling])
	for _, name := range []string{"berlin", "tokyo"} {
		names, leave, err := computer(ctx, sys, url, name)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer leave()
		defer names.Shutdown(ctx)
		nodes[name] = names
	}
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, actor.Func(doubler))
	if err == nil {
		_, err = nodes["tokyo"].Register(ctx, "doubler", ref)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	remote, err := nodes["berlin"].Lookup(ctx, "doubler")
	if err != nil {
		fmt.Println(err)
		return
	}
	n, err := Double.Call(ctx, remote, wrapperspb.Int64(21))
	fmt.Println(n.GetValue(), err)
	// Output: 42 <nil>
}
