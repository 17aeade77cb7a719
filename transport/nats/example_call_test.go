package nats_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/nats"
)

// Withdraw is a call that the tills of a shop answer, wherever they are.
var Withdraw = nats.Method[tillMessage, Amount, Balance]{
	Name:   "withdraw",
	Make:   func(a Amount, r actor.Reply[Balance]) tillMessage { return withdraw{a, r} },
	Errors: []error{ErrShort},
}

// Amount and Balance travel as JSON.
type (
	Amount  struct{ Cents int }
	Balance struct{ Cents int }
)

// ErrShort says that there is not enough in the till.
var ErrShort = errors.New("not enough in the till")

type tillMessage any

// withdraw is what Make makes of an Amount. It stays on the till's node.
type withdraw struct {
	Amount
	reply actor.Reply[Balance]
}

type till struct{ cents int }

func (t *till) Receive(_ *actor.Context[tillMessage], m tillMessage) error {
	switch m := m.(type) {
	case withdraw:
		if m.Cents > t.cents {
			m.reply.Fail(fmt.Errorf("of %d cents: %w", t.cents, ErrShort))
			return nil
		}
		t.cents -= m.Cents
		m.reply.Send(Balance{t.cents})
	}
	return nil
}

// pay is the same for a till of this node and for one of another.
func pay(ctx context.Context, till nats.Address[tillMessage], cents int) (Balance, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return Withdraw.Call(ctx, till, Amount{cents})
}

// shop makes a node of the cluster whose tills answer Withdraw.
func shop(ctx context.Context, sys *actor.System, url, name string) (*nats.Names[tillMessage], func(), error) {
	ps := new(pubsub.PubSub[tillMessage])
	node, err := join(ctx, sys, url, name)
	if err != nil {
		return nil, nil, err
	}
	if err := ps.Connect(node.Cluster(), "tills", pubsub.JSON[tillMessage]{}); err != nil {
		return nil, nil, err
	}
	js, err := jetstream.New(node.Conn())
	if err != nil {
		return nil, nil, err
	}
	names, err := nats.StartNames(ctx, js, ps, nats.NamesConfig{Bucket: "tills", Lease: 3 * time.Second})
	if err != nil {
		return nil, nil, err
	}
	return names, node.Close, names.Serve(Withdraw)
}

// An actor is called by its Ref on its own node, and by its name from others.
func ExampleMethod() {
	url, stop, err := startServer()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer stop()
	ctx, sys := context.Background(), actor.NewSystem(actor.Config{})
	nodes := make(map[string]*nats.Names[tillMessage])
	for _, name := range []string{"berlin", "tokyo"} {
		names, leave, err := shop(ctx, sys, url, name)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer leave()
		defer names.Shutdown(ctx)
		nodes[name] = names
	}
	defer sys.Shutdown(ctx)

	ref, err := actor.Spawn(sys, func() *till { return &till{cents: 1000} })
	if err == nil {
		_, err = nodes["tokyo"].Register(ctx, "till 1", ref)
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	remote, err := nodes["berlin"].Lookup(ctx, "till 1")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(pay(ctx, ref, 300))
	fmt.Println(pay(ctx, remote, 300))
	_, err = pay(ctx, remote, 500)
	fmt.Println(err, errors.Is(err, ErrShort))
	// Output:
	// {700} <nil>
	// {400} <nil>
	// nats: call "withdraw" of till 1@tokyo: of 400 cents: not enough in the till true
}
