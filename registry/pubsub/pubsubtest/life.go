package pubsubtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

func life(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	notJoined := func(when string, n *node) {
		t.Helper()
		if err := n.Broadcast("t", []byte("x")); !errors.Is(err, pubsub.ErrNotJoined) {
			t.Errorf("broadcast %s: %v, want ErrNotJoined", when, err)
		}
		if err := n.Send(b.Node(), "t", []byte("x")); !errors.Is(err, pubsub.ErrNotJoined) {
			t.Errorf("send %s: %v, want ErrNotJoined", when, err)
		}
	}
	join(t, b)
	a.leave(t) // nothing to leave
	notJoined("before join", a)
	join(t, a)
	if err := a.Join(a); err == nil {
		t.Error("a second join succeeded")
	}
	meet(t, "t", a, b)
	a.leave(t)
	a.leave(t)
	notJoined("after leave", a)
	join(t, a)
	meet(t, "t", a, b)
	a.leave(t)
	notJoined("after the second leave", a)
	b.expect(t)
}

func newcomer(t *testing.T, nodes []*node) {
	a, b, late := nodes[0], nodes[1], nodes[2]
	join(t, a, b)
	meet(t, "t", a, b)
	a.broadcast(t, "t", "early")
	b.await(t, "t", "early")
	join(t, late)
	meet(t, "t", nodes...)
	a.broadcast(t, "t", "late")
	b.await(t, "t", "late")
	late.await(t, "t", "late")
	late.expect(t, message{"t", "late"})
}
func gone(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	b.leave(t)
	for i := range 200 {
		data := fmt.Sprint(i)
		if err := a.Send(b.Node(), "t", []byte(data)); err != nil && !errors.Is(err, pubsub.ErrNoNode) {
			t.Fatalf("send to a node that has left: %v, want ErrNoNode or nil", err)
		}
		a.broadcast(t, "t", data)
		c.await(t, "t", data)
	}
	b.expect(t)
	c.expectOnce(t)
}

func leavePassesOn(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	for i := range window {
		a.broadcast(t, "t", fmt.Sprint(i))
	}
	a.send(t, b, "t", "bye")
	a.leave(t)
	b.await(t, "t", "bye")
	if n := len(b.all()); n != window+1 {
		t.Errorf("%d messages of the node that left came, want %d", n, window+1)
	}
}

func leaveWaits(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	began, held := make(chan struct{}, 1+window), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	var over atomic.Bool
	b.onReceive(func(message) {
		began <- struct{}{}
		<-held
		over.Store(true)
	})
	a.broadcast(t, "t", "held")
	awaitChan(t, began)
	for range window { // which b has not received, and does not any more
		a.broadcast(t, "t", "late")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Leave(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("leave while receive runs, with a context that is done: %v, want its error", err)
	}
	if err := b.Broadcast("t", nil); !errors.Is(err, pubsub.ErrNotJoined) {
		t.Errorf("broadcast after leave: %v, want ErrNotJoined", err)
	}
	release()
	b.leave(t)
	if !over.Load() {
		t.Error("leave has returned, and receive runs")
	}
	b.expect(t, message{"t", "held"})
}

// All at once, for the race detector. The last node stays and hears of all who
// have stayed as long.
func churn(t *testing.T, nodes []*node) {
	last := len(nodes) - 1
	var busy sync.WaitGroup
	for _, n := range nodes[:last] {
		for range 2 {
			busy.Go(func() {
				for i := 0; ; i++ {
					err := n.Broadcast("t", []byte("x"))
					if err == nil || errors.Is(err, pubsub.ErrOverloaded) {
						err = n.Send(nodes[i%len(nodes)].Node(), "u", []byte("y"))
					}
					switch {
					case errors.Is(err, pubsub.ErrNotJoined):
						return // the node has left
					case err == nil, errors.Is(err, pubsub.ErrOverloaded), errors.Is(err, pubsub.ErrNoNode):
					default:
						t.Errorf("send: %v", err)
						return
					}
				}
			})
		}
	}
	for _, n := range nodes[:last] {
		nodes[last].awaitAny(t)
		n.leave(t)
		count := len(n.all())
		nodes[last].forget()
		if now := len(n.all()); now != count {
			t.Errorf("%d messages were received after leave", now-count)
		}
	}
	busy.Wait()
}

// A membership has nothing of the one before: neither its receive nor its messages.
func rejoin(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	for i := range 5 {
		b.leave(t)
		a.broadcast(t, "t", fmt.Sprint("missed ", i))
		c.await(t, "t", fmt.Sprint("missed ", i))
		former := b.all()

		again := newNode(t, b.Adapter)
		join(t, again)
		meet(t, "t", a, again, c)
		a.broadcast(t, "t", fmt.Sprint("to all ", i))
		a.send(t, again, "t", fmt.Sprint("to b ", i))
		again.broadcast(t, "u", fmt.Sprint("from b ", i))
		again.await(t, "t", fmt.Sprint("to b ", i))
		for _, n := range []*node{a, c} {
			n.await(t, "u", fmt.Sprint("from b ", i))
		}
		again.expect(t, message{"t", fmt.Sprint("to all ", i)}, message{"t", fmt.Sprint("to b ", i)})
		b.expect(t, former...)
		b = again
	}
	c.expectOnce(t)
}

func joinTooEarly(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	began, held := make(chan struct{}, 1), make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	b.onReceive(func(message) {
		began <- struct{}{}
		<-held
	})
	a.broadcast(t, "t", "held")
	awaitChan(t, began)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Leave(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("leave while receive runs, with a context that is done: %v, want its error", err)
	}
	if err := b.Join(b); err == nil {
		t.Error("a node joined that had not left")
	}
	release()
	b.leave(t)
	b.onReceive(nil)
	join(t, b)
	meet(t, "t", a, b)
	b.expect(t, message{"t", "held"})
}

// For the race detector: each node sends beside the one that leaves and joins.
func comeAndGo(t *testing.T, nodes []*node) {
	try := func(err error) {
		switch {
		case err == nil, errors.Is(err, pubsub.ErrOverloaded), errors.Is(err, pubsub.ErrNoNode), errors.Is(err, pubsub.ErrNotJoined):
		default:
			t.Errorf("send: %v", err)
		}
	}
	for i := range 10 {
		var busy sync.WaitGroup
		for _, from := range nodes {
			busy.Go(func() {
				for range window {
					try(from.Broadcast("t", []byte("x")))
					try(from.Send(nodes[i%len(nodes)].Node(), "u", []byte("y")))
				}
			})
		}
		n := nodes[i%len(nodes)]
		n.leave(t)
		n.forget()
		join(t, n)
		busy.Wait()
		meet(t, "t", nodes...) // also those that have come back hear each other
	}
}
