package pubsub_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// connected returns a PubSub in a cluster of which a is a node.
func connected(t *testing.T, sys *actor.System, a pubsub.Adapter, codec pubsub.Codec[string]) *pubsub.PubSub[string] {
	t.Helper()
	cluster, ps := pubsub.NewCluster(a), new(pubsub.PubSub[string])
	if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
		t.Fatal(err)
	}
	expectErr(t, ps.Connect(cluster, "test", codec), nil)
	return ps
}

// onGap is a subscriber to gaps.
type onGap func(topic string, g pubsub.Gap)

func (f onGap) Deliver(topic string, g pubsub.Gap) { f(topic, g) }

// What a node has missed is told to those that want to know, on each of their topics: what
// was received and what was told of is what was sent.
func TestGapsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := &pubsub.Hub{QueueLimit: 4}
		sys := newSystem(t)
		a, b := connected(t, sys, hub.Node("a"), pubsub.JSON[string]{}), connected(t, sys, hub.Node("b"), pubsub.JSON[string]{})
		release := make(chan struct{})
		received, told := 0, map[string]uint64{}
		me, other := idle(t, sys), idle(t, sys)
		expectErr(t, b.Subscribe(me, "t", deliver(func(string, string) { <-release; received++ })), nil)
		note := onGap(func(topic string, g pubsub.Gap) {
			if g.Topic != topic || !g.Anywhere {
				t.Errorf("on %q: %+v", topic, g)
			}
			told[topic] += g.Messages
		})
		expectErr(t, b.SubscribeGaps(me, "t", note), nil)
		expectErr(t, b.SubscribeGaps(other, "u", note), nil)
		gone := idle(t, sys)
		expectErr(t, b.SubscribeGaps(gone, "gone", note), nil)
		end(t, gone)
		flood := func() (refused uint64) {
			for i := range 20 {
				if err := a.Broadcast("t", fmt.Sprint(i)); errors.Is(err, pubsub.ErrOverloaded) {
					refused++
				} else if err != nil {
					t.Error(err)
				}
			}
			return refused
		}
		refused := flood()
		synctest.Wait()
		close(release)
		synctest.Wait()
		if refused == 0 || received+int(refused) != 20 || told["t"] != refused || told["u"] != refused || len(told) != 2 {
			t.Errorf("%d refused and %d received of 20, told %v", refused, received, told)
		}
		b.Unsubscribe(me, "t")
		clear(told)
		refused = flood()
		synctest.Wait()
		if _, on := told["t"]; on || told["u"] != refused {
			t.Errorf("told %v of %d after the end of a subscription", told, refused)
		}
	})
}

// An actor is told of gaps by a message, until it ends.
func TestActorIsToldOfGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := &pubsub.Hub{QueueLimit: 1}
		sys := newSystem(t)
		a, b := connected(t, sys, hub.Node("a"), pubsub.JSON[string]{}), connected(t, sys, hub.Node("b"), pubsub.JSON[string]{})
		stuck := make(chan struct{})
		defer close(stuck)
		expectErr(t, b.Subscribe(idle(t, sys), "t", deliver(func(string, string) { <-stuck })), nil)
		got := make(chan pubsub.Gap, 10)
		ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[pubsub.Gap], g pubsub.Gap) error { got <- g; return nil }))
		expectErr(t, err, nil)
		expectErr(t, pubsub.SubscribeGapsTo(b, ref, "t", func(g pubsub.Gap) pubsub.Gap { return g }), nil)
		for a.Broadcast("t", "x") == nil {
		}
		if g := await(t, got); g.Topic != "t" || g.Messages != 1 {
			t.Errorf("told %+v", g)
		}
		end(t, ref.PID())
		if err := pubsub.SubscribeGapsTo(b, ref, "t", func(g pubsub.Gap) pubsub.Gap { return g }); !errors.Is(err, actor.NoProc) {
			t.Errorf("an actor that has ended: %v", err)
		}
	})
}

// signed is a codec of messages that name their sender.
type signed struct{ pubsub.JSON[string] }

func (c signed) DecodeFrom(node, topic string, data []byte) (string, error) {
	msg, err := c.Decode(topic, data)
	if err == nil && !strings.HasPrefix(msg, node+":") {
		err = fmt.Errorf("%q from %q", msg, node)
	}
	return msg, err
}

// A codec that wants to knows the sender, and can refuse what is another one's.
func TestCodecIsToldTheSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hub pubsub.Hub
		sys := newSystem(t)
		a, b := connected(t, sys, hub.Node("a"), signed{}), connected(t, sys, hub.Node("b"), signed{})
		var got []string
		expectErr(t, b.Subscribe(idle(t, sys), "t", deliver(func(_, msg string) { got = append(got, msg) })), nil)
		b.Logger = slog.New(slog.DiscardHandler)
		for _, msg := range []string{"a:1", "b:2", "c:3", "a:4"} {
			expectErr(t, a.Broadcast("t", msg), nil)
		}
		synctest.Wait()
		if len(got) != 2 || got[0] != "a:1" || got[1] != "a:4" {
			t.Errorf("received %q", got)
		}
	})
}
