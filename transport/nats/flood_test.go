package nats

import (
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// quickMember is newMember with the times of tests.
func quickMember(t *testing.T, c Config) (*Node, *pubsub.PubSub[[]byte]) {
	t.Helper()
	c.Logger = slog.New(slog.DiscardHandler)
	n, err := patiently(t, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	n.adapter.times = quick
	ps := new(pubsub.PubSub[[]byte])
	if _, err := supervisor.Start(newSystem(t), supervisor.Spec{Children: []supervisor.Child{n.Child()}}); err != nil {
		t.Fatal(err)
	}
	if err := ps.Connect(n.Cluster(), "rooms", pubsub.Bytes{}); err != nil {
		t.Fatal(err)
	}
	return n, ps
}

// counter is a subscriber that counts.
type counter struct{ atomic.Int64 }

func (c *counter) Deliver(string, []byte) { c.Add(1) }

// In a flood each message is received, refused or counted as lost: with packs, between nodes of
// which one has little room.
func TestFloodIsAccountedFor(t *testing.T) {
	s := startServer(t)
	c := Config{URL: s.ClientURL(), Cluster: prefix()}
	c.Name = "from"
	_, from := quickMember(t, c)
	c.Name, c.QueueLimit = "to", 16
	node, to := quickMember(t, c)
	owner, err := actor.Spawn(newSystem(t), actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		t.Fatal(err)
	}
	received := new(counter)
	if err := to.Subscribe(owner.PID(), "t", received); err != nil {
		t.Fatal(err)
	}
	beat := time.NewTicker(quick.beat)
	defer beat.Stop()
	limit := time.Now().Add(patience)
	until := func(what string, is func() bool) {
		t.Helper()
		for ; !is(); <-beat.C {
			if time.Now().After(limit) {
				t.Fatalf("%s: %d received, %+v", what, received.Load(), node.Stats())
			}
		}
	}
	chosen := func() bool { // what is published goes to those that want it
		ps := &node.adapter.now.peers
		ps.mu.Lock()
		defer ps.mu.Unlock()
		p := ps.list["from"]
		return p != nil && p.until.published > 0
	}
	sent := int64(0)
	for !chosen() {
		if err := from.Broadcast("t", nil); err != nil {
			t.Fatal(err)
		}
		sent++
		until("it comes", func() bool { return received.Load() == sent })
	}
	each := long.Rounds(2000, 50_000)
	var refused atomic.Int64
	var flood sync.WaitGroup
	for range 2 {
		flood.Go(func() {
			for range each {
				if err := from.Broadcast("t", make([]byte, 64)); errors.Is(err, pubsub.ErrOverloaded) {
					refused.Add(1)
				} else if err != nil {
					t.Error(err)
				}
			}
		})
	}
	flood.Wait()
	sent += 2 * int64(each)
	until("all is accounted for", func() bool {
		return received.Load()+refused.Load()+int64(node.Stats().Lost) == sent
	})
}
