package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// member is a node of a cluster, with one subscriber of topic "t".
type member struct {
	pubsub.PubSub[string]
	owner actor.PID
	in    inbox
}

// members connects PubSubs, as nodes "a", "b" and so on.
func members(t *testing.T, n int) []*member {
	t.Helper()
	sys := newSystem(t)
	hub := new(pubsub.Hub)
	all := make([]*member, n)
	for i := range all {
		m := &member{owner: idle(t, sys)}
		m.Logger = failing(t)
		subscribe(t, &m.PubSub, m.owner, "t", &m.in)
		connect(t, &m.PubSub, hub.Node(string(rune('a'+i))), pubsub.JSON[string]{})
		all[i] = m
	}
	return all
}

func connect(t *testing.T, ps *pubsub.PubSub[string], a pubsub.Adapter, c pubsub.Codec[string]) {
	t.Helper()
	if err := ps.Connect(a, c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { disconnect(t, ps) })
}

func disconnect(t *testing.T, ps *pubsub.PubSub[string]) {
	t.Helper()
	if err := ps.Disconnect(context.Background()); err != nil {
		t.Error(err)
	}
}

// expectErr checks for an error, or none.
func expectErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}

// OUT-2: all nodes, once each; the sender's own with the others.
func TestBroadcastReachesAllNodesOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		expectErr(t, nodes[1].Broadcast("other topic", "y"), nil)
		synctest.Wait()
		for _, n := range nodes {
			n.in.expect(t, "t x")
		}
	})
}

// OUT-2: the owner lives on one node, and is left out there.
func TestBroadcastFromLeavesTheSenderOutHereAndReachesTheOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		var neighbour inbox
		subscribe(t, &nodes[0].PubSub, nodes[1].owner, "t", &neighbour)
		expectErr(t, nodes[0].BroadcastFrom(nodes[0].owner, "t", "x"), nil)
		synctest.Wait()
		nodes[0].in.expect(t)
		neighbour.expect(t, "t x")
		nodes[1].in.expect(t, "t x")
	})
}

// OUT-2: the variants for the local node.
func TestLocalBroadcastStaysOnItsNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		nodes[0].LocalBroadcast("t", "x")
		nodes[0].LocalBroadcastFrom(nodes[0].owner, "t", "y")
		nodes[0].LocalBroadcastFrom(nodes[1].owner, "t", "z")
		synctest.Wait()
		nodes[0].in.expect(t, "t x", "t z")
		nodes[1].in.expect(t)
	})
}

func TestDirectBroadcastReachesOneNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		expectErr(t, nodes[0].DirectBroadcast("b", "t", "for b"), nil)
		expectErr(t, nodes[0].DirectBroadcast("a", "t", "for a"), nil)
		nodes[0].in.expect(t, "t for a") // at once
		expectErr(t, nodes[0].DirectBroadcast("nobody", "t", "x"), pubsub.ErrNoNode)
		expectErr(t, nodes[0].DirectBroadcast("", "t", "x"), pubsub.ErrNoNode)
		synctest.Wait()
		nodes[0].in.expect(t)
		nodes[1].in.expect(t, "t for b")
		nodes[2].in.expect(t)
	})
}

func TestPubSubWithoutAClusterIsANodeWithoutAName(t *testing.T) {
	sys := newSystem(t)
	var ps pubsub.PubSub[string]
	var in inbox
	subscribe(t, &ps, idle(t, sys), "t", &in)
	expectErr(t, ps.Broadcast("t", "all"), nil)
	expectErr(t, ps.DirectBroadcast(ps.Node(), "t", "here"), nil)
	expectErr(t, ps.DirectBroadcast("b", "t", "there"), pubsub.ErrNoNode)
	disconnect(t, &ps)
	in.expect(t, "t all", "t here")
}

// OUT-5, on each node.
func TestOrderOfOneSenderHoldsOnAllNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		var want []string
		for i := range 500 {
			msg := fmt.Sprint(i)
			expectErr(t, nodes[0].Broadcast("t", msg), nil)
			want = append(want, "t "+msg)
		}
		synctest.Wait()
		for _, n := range nodes {
			n.in.expect(t, want...)
		}
	})
}

// OUT-5: what a subscriber broadcasts in answer goes out behind the question.
func TestAnswerDoesNotOvertakeTheQuestionOnOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		subscribe(t, &nodes[0].PubSub, nodes[0].owner, "t", deliver(func(_, msg string) {
			if msg == "question" {
				expectErr(t, nodes[0].BroadcastFrom(nodes[0].owner, "t", "answer"), nil)
			}
		}))
		expectErr(t, nodes[0].Broadcast("t", "question"), nil)
		synctest.Wait()
		nodes[1].in.expect(t, "t question", "t answer")
	})
}

// OUT-8: a node that hangs loses messages; the sender hears of it, and goes on.
func TestNodeThatFallsBehindLosesMessagesAndHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		hub := &pubsub.Hub{QueueLimit: 2}
		var a, b, c pubsub.PubSub[string]
		for name, ps := range map[string]*pubsub.PubSub[string]{"a": &a, "b": &b, "c": &c} {
			connect(t, ps, hub.Node(name), pubsub.JSON[string]{})
		}
		release := make(chan struct{})
		var here, slow, quick inbox
		subscribe(t, &a, idle(t, sys), "t", &here)
		subscribe(t, &b, idle(t, sys), "t", deliver(func(topic, msg string) {
			<-release
			slow.Deliver(topic, msg)
		}))
		subscribe(t, &c, idle(t, sys), "t", &quick)
		for i, want := range []error{nil, nil, nil, pubsub.ErrOverloaded} {
			expectErr(t, a.Broadcast("t", fmt.Sprint(i)), want)
			synctest.Wait()
		}
		expectErr(t, a.DirectBroadcast("b", "t", "4"), pubsub.ErrOverloaded)
		close(release)
		synctest.Wait()
		here.expect(t, "t 0", "t 1", "t 2", "t 3")
		quick.expect(t, "t 0", "t 1", "t 2", "t 3")
		slow.expect(t, "t 0", "t 1", "t 2")
	})
}

func TestDisconnectedNodeGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		expectErr(t, nodes[1].Broadcast("t", "bye"), nil)
		disconnect(t, &nodes[1].PubSub)
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		expectErr(t, nodes[1].Broadcast("t", "alone"), nil)
		expectErr(t, nodes[0].DirectBroadcast("b", "t", "y"), pubsub.ErrNoNode)
		synctest.Wait()
		nodes[2].in.expect(t, "t bye", "t x")
		nodes[1].in.expect(t, "t bye", "t alone")
		if name := nodes[1].Node(); name != "" {
			t.Errorf("it is still node %q", name)
		}
	})
}

func TestDisconnectWaitsForSubscribersCalledForOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		release := make(chan struct{})
		over := false
		subscribe(t, &nodes[1].PubSub, nodes[1].owner, "t", deliver(func(string, string) {
			<-release
			over = true
		}))
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		synctest.Wait()
		go func() {
			synctest.Wait()
			close(release)
		}()
		disconnect(t, &nodes[1].PubSub)
		if !over {
			t.Error("Disconnect has returned, and Deliver runs")
		}
	})
}

func TestNodeThatReconnectsIsANewOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := new(pubsub.Hub)
		sys := newSystem(t)
		var a, b pubsub.PubSub[string]
		var in inbox
		subscribe(t, &b, idle(t, sys), "t", &in)
		connect(t, &a, hub.Node("a"), pubsub.JSON[string]{})
		for range 2 {
			connect(t, &b, hub.Node("b"), pubsub.JSON[string]{})
			expectErr(t, a.Broadcast("t", "x"), nil)
			synctest.Wait()
			in.expect(t, "t x")
			disconnect(t, &b)
			expectErr(t, a.Broadcast("t", "missed"), nil)
			synctest.Wait()
		}
		in.expect(t)
	})
}

func TestConnectFailsAndChangesNothing(t *testing.T) {
	hub := new(pubsub.Hub)
	var a, b pubsub.PubSub[string]
	if err := a.Connect(hub.Node(""), pubsub.JSON[string]{}); err == nil {
		t.Error("a node without a name was connected")
	}
	connect(t, &a, hub.Node("a"), pubsub.JSON[string]{})
	if err := a.Connect(hub.Node("b"), pubsub.JSON[string]{}); err == nil || a.Node() != "a" {
		t.Errorf("connected twice, as %q: %v", a.Node(), err)
	}
	if err := b.Connect(hub.Node("a"), pubsub.JSON[string]{}); err == nil || b.Node() != "" {
		t.Errorf("connected under another node's name, as %q: %v", b.Node(), err)
	}
	connect(t, &b, hub.Node("b"), pubsub.JSON[string]{}) // no trace of the failed ones
}

// brokenCodec fails on some messages.
type brokenCodec struct{ decoded *int }

var errCodec = errors.New("codec error")

func (c brokenCodec) Encode(_, msg string) ([]byte, error) {
	if msg == "no encode" {
		return nil, errCodec
	}
	return []byte(msg), nil
}

func (c brokenCodec) Decode(_ string, data []byte) (string, error) {
	*c.decoded++
	switch string(data) {
	case "no decode":
		return "", errCodec
	case "panic":
		panic(errCodec)
	}
	return string(data), nil
}

func TestCodecErrorsCostOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := newSystem(t)
		hub := new(pubsub.Hub)
		var log strings.Builder
		var a pubsub.PubSub[string]
		b := pubsub.PubSub[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))}
		var decoded int
		var here, there inbox
		connect(t, &a, hub.Node("a"), brokenCodec{&decoded})
		connect(t, &b, hub.Node("b"), brokenCodec{&decoded})
		subscribe(t, &a, idle(t, sys), "t", &here)
		subscribe(t, &b, idle(t, sys), "t", &there)

		expectErr(t, a.Broadcast("t", "no encode"), errCodec)
		expectErr(t, a.DirectBroadcast("b", "t", "no encode"), errCodec)
		expectErr(t, a.Broadcast("t", "no decode"), nil)
		expectErr(t, a.Broadcast("t", "panic"), nil)
		expectErr(t, a.Broadcast("t", "fine"), nil)
		expectErr(t, a.Broadcast("nobody subscribes to it", "panic"), nil)
		synctest.Wait()
		here.expect(t, "t no encode", "t no decode", "t panic", "t fine")
		there.expect(t, "t fine")
		if n := strings.Count(log.String(), errCodec.Error()); n != 2 {
			t.Errorf("the log has %d errors, want 2:\n%s", n, &log)
		}
		if decoded != 3 {
			t.Errorf("%d messages were decoded, want the 3 that somebody here subscribes to", decoded)
		}
	})
}

// For the race detector.
func TestNodesConnectAndDisconnectBesideBroadcasts(t *testing.T) {
	sys := newSystem(t)
	hub := new(pubsub.Hub)
	nodes := make([]pubsub.PubSub[string], 3)
	for i := range nodes {
		subscribe(t, &nodes[i], idle(t, sys), "t", &inbox{})
	}
	stop := make(chan struct{})
	var broadcasting, changing sync.WaitGroup
	for i := range nodes {
		ps := &nodes[i]
		broadcasting.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				err := ps.Broadcast("t", "x")
				if err != nil && !errors.Is(err, pubsub.ErrOverloaded) && !errors.Is(err, pubsub.ErrNotJoined) {
					t.Error(err)
					return
				}
			}
		})
		changing.Go(func() {
			for range 50 {
				if err := ps.Connect(hub.Node(fmt.Sprint(i)), pubsub.JSON[string]{}); err != nil {
					t.Error(err)
				}
				disconnect(t, ps)
			}
		})
	}
	changing.Wait()
	close(stop)
	broadcasting.Wait()
}

// A Disconnect that was given up is waited for by the next one.
func TestDisconnectWaitsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		release := make(chan struct{})
		subscribe(t, &nodes[1].PubSub, nodes[1].owner, "slow", stuck(release))
		expectErr(t, nodes[0].Broadcast("slow", "x"), nil)
		synctest.Wait() // it is being delivered
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			expectErr(t, nodes[1].Disconnect(ctx), context.Canceled)
		}
		if got := nodes[1].Node(); got != "" {
			t.Errorf("it is still node %q", got)
		}
		close(release)
		disconnect(t, &nodes[1].PubSub)
	})
}

// stuck is a subscriber that takes its time.
type stuck chan struct{}

func (s stuck) Deliver(string, string) { <-s }
