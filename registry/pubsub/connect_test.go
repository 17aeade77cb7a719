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
	cluster *pubsub.Cluster
	pid     actor.PID // of the membership
	owner   actor.PID
	in      inbox
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
		m.cluster, m.pid = connect(t, &m.PubSub, hub.Node(string(rune('a'+i))), pubsub.JSON[string]{})
		all[i] = m
	}
	return all
}

// connect connects a PubSub to a cluster of its own, which runs.
func connect(t *testing.T, ps *pubsub.PubSub[string], a pubsub.Adapter, c pubsub.Codec[string]) (*pubsub.Cluster, actor.PID) {
	t.Helper()
	cluster := pubsub.NewCluster(a)
	if err := ps.Connect(cluster, "test", c); err != nil {
		t.Fatal(err)
	}
	return cluster, run(t, newSystem(t), cluster)
}

// run starts a membership.
func run(t *testing.T, sys *actor.System, c *pubsub.Cluster) actor.PID {
	t.Helper()
	ref, err := actor.Spawn(sys, c.Behavior)
	if err != nil {
		t.Fatal(err)
	}
	return ref.PID()
}

// leave stops a membership.
func leave(t *testing.T, pid actor.PID) {
	t.Helper()
	if err := pid.Stop(context.Background(), actor.Normal); err != nil {
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
	ps.Disconnect()
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

func TestDisconnectedPubSubGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		expectErr(t, nodes[1].Broadcast("t", "bye"), nil)
		nodes[1].Disconnect()
		nodes[1].Disconnect()
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		expectErr(t, nodes[1].Broadcast("t", "alone"), nil)
		expectErr(t, nodes[0].DirectBroadcast("b", "t", "y"), nil) // that node cannot know
		synctest.Wait()
		nodes[2].in.expect(t, "t bye", "t x")
		nodes[1].in.expect(t, "t bye", "t alone")
		if name := nodes[1].Node(); name != "" {
			t.Errorf("it is still node %q", name)
		}
	})
}

func TestNodeThatLeavesGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 3)
		expectErr(t, nodes[1].Broadcast("t", "bye"), nil)
		leave(t, nodes[1].pid)
		expectErr(t, nodes[0].Broadcast("t", "x"), nil)
		expectErr(t, nodes[1].Broadcast("t", "alone"), pubsub.ErrNotJoined)
		expectErr(t, nodes[1].DirectBroadcast("a", "t", "y"), pubsub.ErrNotJoined)
		expectErr(t, nodes[0].DirectBroadcast("b", "t", "y"), pubsub.ErrNoNode)
		synctest.Wait()
		nodes[2].in.expect(t, "t bye", "t x")
		nodes[1].in.expect(t, "t bye", "t alone")
		if name := nodes[1].Node(); name != "b" {
			t.Errorf("it is node %q now", name)
		}
	})
}

func TestLeavingWaitsForSubscribersCalledForOtherNodes(t *testing.T) {
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
		leave(t, nodes[1].pid)
		if !over {
			t.Error("the node has left, and Deliver runs")
		}
	})
}

func TestPubSubThatReconnectsMissesWhatCameMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nodes := members(t, 2)
		a, b := nodes[0], nodes[1]
		for range 2 {
			expectErr(t, a.Broadcast("t", "x"), nil)
			synctest.Wait()
			b.in.expect(t, "t x")
			b.Disconnect()
			expectErr(t, a.Broadcast("t", "missed"), nil)
			synctest.Wait()
			expectErr(t, b.Connect(b.cluster, "test", pubsub.JSON[string]{}), nil)
		}
		b.in.expect(t)
	})
}

func TestConnectFailsAndChangesNothing(t *testing.T) {
	hub := new(pubsub.Hub)
	here, there := pubsub.NewCluster(hub.Node("a")), pubsub.NewCluster(hub.Node("b"))
	codec := pubsub.JSON[string]{}
	var a, b pubsub.PubSub[string]
	expectErr(t, a.Connect(here, "x", codec), nil)
	for want, err := range map[string]error{
		`pubsub: connect "x": already connected as "x"`: a.Connect(here, "x", codec),
		`pubsub: connect "y": already connected as "x"`: a.Connect(there, "y", codec),
		`pubsub: connect "x": the name is taken`:        b.Connect(here, "x", codec),
		`pubsub: connect "": a name is needed`:          b.Connect(here, "", codec),
		`pubsub: connect "x/y": a name has no "/"`:      b.Connect(here, "x/y", codec),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if a.Node() != "a" || b.Node() != "" {
		t.Errorf("they are nodes %q and %q", a.Node(), b.Node())
	}
	expectErr(t, b.Connect(there, "y", codec), nil) // no trace of the failed ones
	a.Disconnect()
	b.Disconnect()
	expectErr(t, b.Connect(here, "x", codec), nil)
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
func TestNodesComeAndGoBesideBroadcasts(t *testing.T) {
	sys := newSystem(t)
	hub := new(pubsub.Hub)
	nodes := make([]pubsub.PubSub[string], 3)
	for i := range nodes {
		subscribe(t, &nodes[i], idle(t, sys), "t", &inbox{})
	}
	stop := make(chan struct{})
	var broadcasting, changing sync.WaitGroup
	for i := range nodes {
		ps, cluster := &nodes[i], pubsub.NewCluster(hub.Node(fmt.Sprint(i)))
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
				expectErr(t, ps.Connect(cluster, "test", pubsub.JSON[string]{}), nil)
				ps.Disconnect()
			}
		})
		changing.Go(func() {
			for i := range 50 {
				pid := run(t, sys, cluster)
				if i%2 == 0 {
					pid.Exit(actor.Kill)
				} else {
					leave(t, pid)
				}
				<-pid.Done()
			}
		})
	}
	changing.Wait()
	close(stop)
	broadcasting.Wait()
}
