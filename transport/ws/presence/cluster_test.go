package presence_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// link is a node's way to the others, which a test can disturb.
type link struct {
	pubsub.Adapter
	cut  atomic.Bool // nothing gets through, either way
	sent atomic.Int64
	lose func() bool // asked for each message that comes

	receiver pubsub.Receiver // since Join
}

func (l *link) Join(r pubsub.Receiver) error {
	l.receiver = r
	return l.Adapter.Join(filter{r, l})
}

// missed has the node told that something was lost.
func (l *link) missed() { l.receiver.Missed(pubsub.Gap{Anywhere: true, Messages: 1}) }

// filter is what a link's node gets.
type filter struct {
	pubsub.Receiver
	link *link
}

func (f filter) Receive(from, topic string, data []byte) {
	if !f.link.cut.Load() && !f.link.lose() {
		f.Receiver.Receive(from, topic, data)
	}
}

func (l *link) Broadcast(topic string, data []byte) error {
	if l.sent.Add(1); l.cut.Load() {
		return nil
	}
	return l.Adapter.Broadcast(topic, data)
}

func (l *link) Send(node, topic string, data []byte) error {
	if l.sent.Add(1); l.cut.Load() {
		return nil
	}
	return l.Adapter.Send(node, topic, data)
}

// node is a tracker in a cluster.
type node struct {
	*watched
	link *link
}

// join starts a node of a hub's cluster.
func join(t *testing.T, hub *pubsub.Hub, name string, cfg presence.Config) *node {
	t.Helper()
	return joinBy(t, &link{Adapter: hub.Node(name), lose: func() bool { return false }}, cfg)
}

func joinBy(t *testing.T, l *link, cfg presence.Config) *node {
	t.Helper()
	cfg.Cluster = pubsub.NewCluster(l)
	return &node{start(t, cfg), l}
}

// The default times, and a little more.
const (
	period = 1500 * time.Millisecond
	soon   = period + time.Millisecond
	// The time that a node which lacks something takes to get it.
	behind = 3*period + time.Millisecond
	down   = 30*time.Second + 2*period
	forget = 20*time.Minute + 2*period
)

// CRDT-1, CRDT-2: members here see changes at once, the others after the period, and
// all that happened in it in one diff for each topic.
func TestChangesReachTheOtherNodes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		synctest.Wait() // they know each other
		ann := a.member("room")
		ref := a.track(ann, "ann")
		a.track(presence.Actor(ann.PID(), "hall"), "ann")
		a.track(a.member("room"), "bob")
		a.expect("room+[ann*]-[]", "hall+[ann*]-[]", "room+[bob*]-[]")
		b.expect()
		time.Sleep(soon)
		b.expect("room+[ann* bob*]-[]", "hall+[ann*]-[]")
		if got := b.ref("room", "ann"); got != ref {
			t.Errorf("the ref is %q here, %q there", ref, got)
		}

		b.track(b.member("room"), "ann")
		a.Update(ann, "ann", meta{Status: "away"})
		a.track(a.member("room"), "short")
		a.Untrack(a.member("room"), "short")
		time.Sleep(soon)
		a.present("room", "[ann** bob* short*]")
		b.present("room", "[ann** bob* short*]")
		b.expect("room+[ann*]-[]", "room+[ann* short*]-[ann*]")

		ann.PID().Exit(actor.Kill)
		time.Sleep(soon)
		b.present("room", "[ann* bob* short*]")
		b.present("hall", "[]")
		a.expect("room+[ann*]-[ann*]", "room+[short*]-[]", "room+[ann*]-[]", "room+[]-[ann*]", "hall+[]-[ann*]")
	})
}

// CRDT-2: a node that has nothing to tell sends a sign of life after ten periods.
func TestHeartbeat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a := join(t, &hub, "a", presence.Config{})
		join(t, &hub, "b", presence.Config{})
		time.Sleep(soon)
		sent := func(d time.Duration) int64 {
			before := a.link.sent.Load()
			time.Sleep(d)
			synctest.Wait()
			return a.link.sent.Load() - before
		}
		if n := sent(150 * time.Second); n != 10 {
			t.Errorf("%d messages in 100 periods of silence, want 10", n)
		}
		a.track(a.member("room"), "ann")
		if n := sent(2 * period); n != 1 {
			t.Errorf("%d messages for one change", n)
		}
		if n := sent(7 * period); n != 0 {
			t.Errorf("%d signs of life before they are due", n)
		}
		if n := sent(2 * period); n != 1 {
			t.Errorf("%d signs of life when one is due", n)
		}
	})
}

// CRDT-3: a node that is silent for 30 s is down for the moment; when it comes back
// its presences do, with the refs that they had, and what it did meanwhile.
func TestDownForTheMoment(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		gone := a.member("room")
		a.track(a.member("room"), "ann")
		a.track(gone, "gone")
		b.track(b.member("room"), "bob")
		time.Sleep(soon)
		ref := b.ref("room", "ann")
		a.forget()
		b.forget()

		a.link.cut.Store(true)
		time.Sleep(29 * time.Second)
		b.expect()
		a.UntrackAll(gone)
		a.track(gone, "new")
		time.Sleep(down)
		b.expect("room+[]-[ann* gone*]")
		a.expect("room+[]-[gone*]", "room+[new*]-[]", "room+[]-[bob*]")

		time.Sleep(5 * time.Minute)
		a.link.cut.Store(false)
		time.Sleep(15*time.Second + behind)
		a.present("room", "[ann* bob* new*]")
		b.present("room", "[ann* bob* new*]")
		if got := b.ref("room", "ann"); got != ref {
			t.Errorf("the ref was %q and is %q", ref, got)
		}
		b.expect("room+[ann* gone*]-[]", "room+[new*]-[gone*]")
		a.expect("room+[bob*]-[]")
	})
}

// child returns an actor of a tracker.
func child(t *testing.T, who *presence.Tracker, id string) actor.PID {
	t.Helper()
	children, err := who.Tree().Children(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range children {
		if c.ID == id {
			return c.PID
		}
	}
	t.Fatalf("there is no %q", id)
	return actor.PID{}
}

// A node that was cut off is seen again as soon as it is heard, and sees the others.
func TestHealingIsQuick(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		a.track(a.member("room"), "ann")
		b.track(b.member("room"), "bob")
		time.Sleep(soon)
		a.link.cut.Store(true)
		time.Sleep(down)
		a.present("room", "[ann*]")
		a.link.cut.Store(false)
		time.Sleep(soon)
		a.present("room", "[ann* bob*]")
		b.present("room", "[ann* bob*]")
		// One that is not down is told nothing more.
		sent := a.link.sent.Load()
		time.Sleep(9 * period)
		if n := a.link.sent.Load() - sent; n > 1 {
			t.Errorf("%d messages since it has healed", n)
		}
	})
}

// A gap in what a node gets is the moment to ask the others for what was lost, at once, and to
// tell those that it has lost of itself.
func TestGapHasANodeAskAndTellOfItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		time.Sleep(soon)
		a.link.cut.Store(true)
		b.track(b.member("room"), "bob")
		time.Sleep(soon)
		a.present("room", "[]")
		a.link.cut.Store(false)
		sent := a.link.sent.Load()
		for range 20 {
			a.link.missed()
		}
		time.Sleep(time.Millisecond)
		a.present("room", "[bob*]")
		if n := a.link.sent.Load() - sent; n != 2 {
			t.Errorf("%d messages for many gaps while nobody is lost, want one of itself and a question", n)
		}
		a.link.cut.Store(true)
		time.Sleep(down)
		a.track(a.member("room"), "ann")
		b.track(b.member("room"), "carl")
		time.Sleep(soon)
		sent = a.link.sent.Load()
		a.link.cut.Store(false)
		for range 20 {
			a.link.missed()
		}
		time.Sleep(time.Millisecond)
		a.present("room", "[ann* bob* carl*]")
		b.present("room", "[ann* bob* carl*]")
		if n := a.link.sent.Load() - sent; n != 4 {
			t.Errorf("%d messages for many gaps, want two of itself, a question and an answer", n)
		}
		// What is lost right after a question is asked for a moment later.
		a.link.cut.Store(true)
		b.track(b.member("room"), "dora")
		time.Sleep(soon)
		a.link.cut.Store(false)
		a.link.missed()
		time.Sleep(time.Millisecond)
		a.link.missed()
		time.Sleep(soon)
		a.present("room", "[ann* bob* carl* dora*]")
	})
}

// twin is a node that takes itself for "b"; and so do others, by theirs.
type twin struct{ pubsub.Adapter }

func (twin) Node() string { return "b" }

// byName takes the node "twin" for "b".
type byName struct{ pubsub.Adapter }

func (n byName) Join(r pubsub.Receiver) error { return n.Adapter.Join(renamed{r}) }

type renamed struct{ pubsub.Receiver }

func (r renamed) Receive(from, topic string, data []byte) {
	if from == "twin" {
		from = "b"
	}
	r.Receiver.Receive(from, topic, data)
}

// Of two nodes of a name the one is heard that has come last, and the other one again when that
// is gone.
func TestTwinHidesANodeForAsLongAsItIsThere(t *testing.T) {
	for _, goodbye := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			var hub pubsub.Hub
			cfg := presence.Config{PermDownOnShutdown: goodbye}
			enter := func(a pubsub.Adapter) *node {
				return joinBy(t, &link{Adapter: a, lose: func() bool { return false }}, cfg)
			}
			a, b := enter(byName{hub.Node("a")}), enter(hub.Node("b"))
			b.track(b.member("room"), "bob")
			time.Sleep(soon)
			a.expect("room+[bob*]-[]")
			other := enter(twin{hub.Node("twin")})
			other.track(other.member("room"), "carl")
			time.Sleep(time.Minute)
			a.present("room", "[carl*]")
			other.shutdown()
			time.Sleep(down + 15*time.Second)
			a.present("room", "[bob*]")
			b.shutdown() // and then it is gone for good
			time.Sleep(down)
			a.present("room", "[]")
		})
	}
}

// holdUp has a node hear and tell nothing for so long.
func (n *node) holdUp(t *testing.T, d time.Duration) {
	t.Helper()
	replicator := child(t, n.Tracker, "replicator 0")
	if err := replicator.Suspend(t.Context()); err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	if err := replicator.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A node that has been held up itself does not tell that the others had left.
func TestOwnPauseIsNotTheOthersSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		b.track(b.member("room"), "bob")
		time.Sleep(soon)
		a.expect("room+[bob*]-[]")
		a.holdUp(t, 2*time.Minute)
		time.Sleep(time.Minute)
		a.expect()
	})
}

// Nor does one that is held up right after its start, before it has looked once.
func TestPauseAtTheStartIsNotTheOthersSilence(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		b := join(t, &hub, "b", presence.Config{})
		b.track(b.member("room"), "bob")
		time.Sleep(soon)
		a := join(t, &hub, "a", presence.Config{})
		a.expect("room+[bob*]-[]")
		a.holdUp(t, 2*time.Minute)
		time.Sleep(time.Minute)
		a.expect()
	})
}

// What one node says in another one's name is dropped.
func TestNodeSpeaksForItselfOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{PermDownOnShutdown: true})
		b.track(b.member("room"), "bob")
		var said [][]byte
		forger := hub.Node("forger")
		if err := forger.Join(pubsubtest.Receiver(func(_ string, data []byte) { said = append(said, data) })); err != nil {
			t.Fatal(err)
		}
		time.Sleep(soon)
		a.expect("room+[bob*]-[]")
		if len(said) == 0 {
			t.Fatal("the forger has heard nothing")
		}
		for _, data := range said {
			for kind := range byte(4) {
				forged := append([]byte(nil), data...)
				forged[1] = kind // the last one is a goodbye
				if err := forger.Broadcast("troupe.presence/0", forged); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.expect()
		a.present("room", "[bob*]")
		if err := forger.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// CRDT-3: after 20 minutes it is forgotten, and if it comes back all the same it is
// asked for everything.
func TestDownForGood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		a.track(a.member("room"), "ann")
		time.Sleep(soon)
		a.link.cut.Store(true)
		time.Sleep(forget)
		b.expect("room+[ann*]-[]", "room+[]-[ann*]")
		a.link.cut.Store(false)
		time.Sleep(15*time.Second + behind)
		b.expect("room+[ann*]-[]")
		b.present("room", "[ann*]")
	})
}

// CRDT-3: a node that is started anew takes the place of its former self at once.
func TestNewIncarnation(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		a.track(a.member("room"), "ann")
		time.Sleep(soon)
		a.shutdown()
		time.Sleep(time.Second)
		b.expect("room+[ann*]-[]")
		again := join(t, &hub, "a", presence.Config{})
		b.expect("room+[]-[ann*]")
		again.track(again.member("room"), "carl")
		time.Sleep(soon)
		b.expect("room+[carl*]-[]")
	})
}

// CRDT-5: a node that ends says nothing, unless it is asked to: its users may be back
// on another node before they are missed.
func TestGoodbye(t *testing.T) {
	for _, announce := range []bool{false, true} {
		t.Run(fmt.Sprint("announced ", announce), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var hub pubsub.Hub
				a := join(t, &hub, "a", presence.Config{PermDownOnShutdown: announce, PoolSize: 2})
				b := join(t, &hub, "b", presence.Config{PoolSize: 2})
				for i := range 10 {
					a.track(a.member(fmt.Sprint("room", i)), "ann")
				}
				time.Sleep(soon)
				a.shutdown()
				synctest.Wait()
				count := func() (n int) {
					for i := range 10 {
						n += len(must(b.List(t.Context(), fmt.Sprint("room", i))))
					}
					return n
				}
				if n := count(); announce && n != 0 || !announce && n != 10 {
					t.Errorf("%d are present after the shutdown", n)
				}
				time.Sleep(down)
				if n := count(); n != 0 {
					t.Errorf("%d are present when it is down", n)
				}
			})
		})
	}
}

// CRDT-4: a node that joins gets all there is, soon and only once.
func TestNewcomer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		for i := range 100 {
			a.track(a.member("room"), fmt.Sprint("a", i))
			b.track(b.member("room"), fmt.Sprint("b", i))
		}
		time.Sleep(time.Minute)
		c := join(t, &hub, "c", presence.Config{})
		time.Sleep(time.Millisecond)
		if n := len(must(c.List(t.Context(), "room"))); n != 200 {
			t.Errorf("the newcomer sees %d, want 200", n)
		}
		sent := c.link.sent.Load()
		time.Sleep(10 * period)
		if n := c.link.sent.Load() - sent; n > 1 {
			t.Errorf("the newcomer has sent %d messages since", n)
		}
	})
}

// CRDT-4: a node that has missed something notices, and asks for it.
func TestLostMessages(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
		ann := a.member("room")
		a.track(ann, "ann")
		a.track(ann, "also")
		time.Sleep(soon)
		b.link.cut.Store(true)
		a.Untrack(ann, "ann")
		a.track(ann, "lost")
		time.Sleep(soon)
		b.link.cut.Store(false)
		b.forget()
		a.track(ann, "heard")
		time.Sleep(soon)
		b.expect("room+[heard*]-[]")
		time.Sleep(behind)
		b.expect("room+[lost*]-[ann*]")
		// The last message is missed by the next sign of life.
		b.link.cut.Store(true)
		a.UntrackAll(ann)
		time.Sleep(soon)
		b.link.cut.Store(false)
		time.Sleep(15*time.Second + behind)
		b.expect("room+[]-[also* heard* lost*]")
	})
}

// CRDT-6: topics are spread over shards, which all nodes must agree on.
func TestPoolSize(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a := join(t, &hub, "a", presence.Config{PoolSize: 4})
		b := join(t, &hub, "b", presence.Config{PoolSize: 4})
		odd := join(t, &hub, "odd", presence.Config{PoolSize: 3})
		ann := a.member("")
		for i := range 50 {
			topic := fmt.Sprint("room", i)
			a.track(presence.Actor(ann.PID(), topic), "ann")
			odd.track(odd.member(topic), "odd")
		}
		time.Sleep(time.Minute)
		for i := range 50 {
			a.present(fmt.Sprint("room", i), "[ann*]")
			b.present(fmt.Sprint("room", i), "[ann*]")
			odd.present(fmt.Sprint("room", i), "[odd*]")
		}
		// All shards are in use: as many as there are messages in a period.
		before := a.link.sent.Load()
		for i := range 50 {
			a.Untrack(presence.Actor(ann.PID(), fmt.Sprint("room", i)), "ann")
		}
		time.Sleep(soon)
		if n := a.link.sent.Load() - before; n < 4 {
			t.Errorf("%d messages from 4 shards", n)
		}
		b.present("room7", "[]")
	})
}

// The actors of a tracker can crash: they are restarted, and what is known stays.
func TestCrashesOfTheTracker(t *testing.T) {
	for _, victim := range []string{"teller 0", "replicator 0"} {
		t.Run(victim, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var hub pubsub.Hub
				a, b := join(t, &hub, "a", presence.Config{}), join(t, &hub, "b", presence.Config{})
				a.track(a.member("room"), "ann")
				b.track(b.member("room"), "bob")
				time.Sleep(soon)
				a.forget()
				b.forget()
				pid := child(t, a.Tracker, victim)
				pid.Exit(actor.Kill)
				<-pid.Done()
				synctest.Wait()
				a.present("room", "[ann* bob*]")
				a.track(a.member("room"), "carl")
				b.track(b.member("room"), "dora")
				time.Sleep(soon)
				a.expect("room+[carl*]-[]", "room+[dora*]-[]")
				b.expect("room+[dora*]-[]", "room+[carl*]-[]")
				// Nor is a peer forgotten that is never heard of again.
				b.link.cut.Store(true)
				time.Sleep(down)
				a.expect("room+[]-[bob* dora*]")
			})
		})
	}
}

// What is no message of a tracker does no harm.
func TestNonsense(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var hub pubsub.Hub
		a := join(t, &hub, "a", presence.Config{})
		stranger := hub.Node("stranger")
		if err := stranger.Join(pubsubtest.Receiver(func(string, []byte) {})); err != nil {
			t.Fatal(err)
		}
		for _, topic := range []string{"0", "1", "-1", "", "room"} {
			for _, data := range []string{"", "x", "\x01\x00", "\x01\x01\x01x"} {
				if err := stranger.Broadcast(topic, []byte(data)); err != nil {
					t.Fatal(err)
				}
			}
		}
		a.track(a.member("room"), "ann")
		a.expect("room+[ann*]-[]")
		if err := stranger.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// CRDT-1, CRDT-4: whatever happens, when it is over all nodes see the same: what each
// has. Nodes come and go, are cut off for moments and for long, and lose messages.
func TestNodesConverge(t *testing.T) {
	for seed := range uint64(long.Rounds(8, 20)) {
		bubble(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 3))
			loss := rand.New(rand.NewPCG(seed, 4))
			var lossMu sync.Mutex
			calm := false
			lose := func() bool {
				lossMu.Lock()
				defer lossMu.Unlock()
				return !calm && loss.IntN(4) == 0
			}
			var hub pubsub.Hub
			cfg := presence.Config{PoolSize: 1 + int(seed%3), PermDownOnShutdown: seed%2 == 0}
			enter := func(name string) *node {
				return joinBy(t, &link{Adapter: hub.Node(name), lose: lose}, cfg)
			}
			nodes := []*node{enter("n0"), enter("n1"), enter("n2")}
			members := map[*node][]presence.Owner{}
			topic := func() string { return fmt.Sprint("t", r.IntN(4)) }
			for range 120 {
				i := r.IntN(len(nodes))
				n := nodes[i]
				switch r.IntN(12) {
				case 0, 1, 2, 3:
					o := n.member(topic())
					members[n] = append(members[n], o)
					n.track(o, fmt.Sprint("k", r.IntN(3)))
				case 4, 5:
					if all := members[n]; len(all) > 0 {
						all[r.IntN(len(all))].PID().Exit(actor.Kill)
					}
				case 6:
					if all := members[n]; len(all) > 0 {
						n.Update(all[r.IntN(len(all))], "k1", meta{N: r.IntN(9)})
					}
				case 7:
					n.link.cut.Store(r.IntN(2) == 0)
				case 8:
					if r.IntN(4) == 0 {
						n.shutdown()
						nodes[i] = enter(fmt.Sprint("n", i))
					}
				default:
					time.Sleep(time.Duration(r.ExpFloat64() * 5 * float64(time.Second)))
				}
				if r.IntN(100) == 0 {
					time.Sleep(forget)
				}
			}
			lossMu.Lock()
			calm = true
			lossMu.Unlock()
			for _, n := range nodes {
				n.link.cut.Store(false)
			}
			time.Sleep(down + 15*time.Second + 2*behind)
			for i := range 4 {
				topic := fmt.Sprint("t", i)
				want := map[string]int{}
				for _, n := range nodes {
					for _, o := range members[n] {
						if o.Topic() == topic && o.PID().Alive() {
							want[topic]++
						}
					}
				}
				refs := func(n *node) map[string]bool {
					all := map[string]bool{}
					for _, e := range must(n.List(t.Context(), topic)) {
						for _, m := range e.Metas {
							all[m.Ref] = true
						}
					}
					return all
				}
				first := refs(nodes[0])
				if len(first) != want[topic] {
					t.Errorf("seed %d: %d in %s, want %d", seed, len(first), topic, want[topic])
				}
				for _, n := range nodes[1:] {
					if got := refs(n); fmt.Sprint(got) != fmt.Sprint(first) {
						t.Errorf("seed %d: in %s: %v and %v", seed, topic, first, got)
					}
				}
			}
		})
	}
}
