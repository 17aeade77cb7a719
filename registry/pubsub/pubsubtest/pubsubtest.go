// Package pubsubtest checks that an implementation of [pubsub.Adapter] keeps what
// the interface promises.
package pubsubtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// Run runs the suite, each test on a cluster of its own.
//
// The function makes one: n nodes with different names, none of which has joined
// yet. It may register with t.Cleanup what is to happen after all of them have
// left. The names must not have been in use for another cluster that it can reach,
// and no more than this cluster must hear of what is sent.
//
// The suite expects a network that works: a message is lost only to a full queue.
// It takes queues for at least 64 messages.
func Run(t *testing.T, cluster func(t *testing.T, n int) []pubsub.Adapter) {
	for _, test := range []struct {
		name  string
		nodes int
		run   func(t *testing.T, nodes []*node)
	}{
		{"names differ and stay", 3, names},
		{"broadcast reaches all others and does not come back", 3, broadcast},
		{"send reaches one node", 3, send},
		{"topic and data arrive as they were sent", 2, fidelity},
		{"received data does not change", 2, retained},
		{"order of one sender, nothing lost", 3, order},
		{"order under pressure, at most once", 3, pressure},
		{"receive may broadcast and send", 2, reentrant},
		{"a node that does not take its messages holds up nobody", 3, stalled},
		{"node that does not exist", 3, unknown},
		{"node that has left", 3, gone},
		{"leave passes on what was accepted", 2, leavePassesOn},
		{"leave waits for receive, as long as it may", 2, leaveWaits},
		{"senders beside nodes that leave", 4, churn},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := wrap(t, cluster(t, test.nodes))
			join(t, nodes...)
			meet(t, "t", nodes...)
			test.run(t, nodes)
		})
	}
	t.Run("life", func(t *testing.T) { life(t, wrap(t, cluster(t, 2))) })
	t.Run("newcomer", func(t *testing.T) { newcomer(t, wrap(t, cluster(t, 3))) })
}

func names(t *testing.T, nodes []*node) {
	seen := make(map[string]bool)
	for _, n := range nodes {
		name := n.Node()
		if name == "" || seen[name] {
			t.Errorf("a node's name is %q, which is empty or another's", name)
		}
		if n.Node() != name {
			t.Errorf("node %q is now called %q", name, n.Node())
		}
		seen[name] = true
	}
}

// OUT-2. An echo would show in one of the rounds: each is there and back.
func broadcast(t *testing.T, nodes []*node) {
	a, others := nodes[0], nodes[1:]
	for i := range 100 {
		a.broadcast(t, "t", fmt.Sprint("ping ", i))
		for _, n := range others {
			n.await(t, "t", fmt.Sprint("ping ", i))
		}
		others[0].broadcast(t, "t", fmt.Sprint("pong ", i))
		a.await(t, "t", fmt.Sprint("pong ", i))
	}
	for _, m := range a.all() {
		if strings.HasPrefix(m.data, "ping") {
			t.Fatalf("%q came back to its sender", m.data)
		}
	}
	for _, n := range others {
		n.expectOnce(t)
	}
}

func send(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	for i := range 100 {
		a.send(t, b, "t", fmt.Sprint("for b ", i))
		a.send(t, c, "t", fmt.Sprint("for c ", i))
		b.await(t, "t", fmt.Sprint("for b ", i))
		c.await(t, "t", fmt.Sprint("for c ", i))
	}
	// Behind all that: what was astray has come by now.
	a.broadcast(t, "t", "end")
	for n, prefix := range map[*node]string{b: "for b", c: "for c"} {
		n.await(t, "t", "end")
		n.expectOnce(t)
		for _, m := range n.all() {
			if m.data != "end" && !strings.HasPrefix(m.data, prefix) {
				t.Fatalf("%q came to %q", m.data, n.Node())
			}
		}
	}
	if got := a.all(); len(got) != 0 {
		t.Errorf("the sender got %q", got)
	}
}

func fidelity(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	var all strings.Builder
	for i := range 256 {
		all.WriteByte(byte(i))
	}
	topics := []string{
		"", "room:1", "a.b..c", "*", "a.*", ">", "with space", "\t\r\n", "$SYS", "ünï☃", "a/b#c?d%41",
		"not\xffutf8", "\x00", strings.Repeat("long", 200), all.String(),
	}
	for _, topic := range topics {
		for _, data := range []string{"x", "", all.String(), strings.Repeat("0123456789", 10_000)} {
			a.broadcast(t, topic, data)
			b.await(t, topic, data)
			b.forget()
			a.send(t, b, topic, data)
			b.await(t, topic, data)
			b.forget()
		}
	}
}

// The receiver keeps what it gets, without a copy.
func retained(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	const n = 1000
	for i := range n {
		a.broadcast(t, "t", fmt.Sprintf("message %06d", i))
		if i%window == 0 {
			b.await(t, "t", fmt.Sprintf("message %06d", i))
		}
	}
	b.await(t, "t", fmt.Sprintf("message %06d", n-1))
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, kept := range b.kept {
		if string(kept) != b.got[i].data {
			t.Fatalf("%q has become %q", b.got[i].data, kept)
		}
	}
}

// OUT-5, with no more on its way than any queue takes. Broadcasts and sends are in
// one order.
func order(t *testing.T, nodes []*node) {
	const n = 1000
	var senders sync.WaitGroup
	topics := []string{"t", "u"}
	for _, topic := range topics {
		senders.Go(func() {
			for i := range n {
				data := fmt.Sprint(i)
				if i%3 == 0 {
					nodes[0].send(t, nodes[1], topic, data)
					nodes[0].send(t, nodes[2], topic, data)
				} else {
					nodes[0].broadcast(t, topic, data)
				}
				if i%window == 0 {
					nodes[1].await(t, topic, data)
					nodes[2].await(t, topic, data)
				}
			}
		})
	}
	senders.Wait()
	for _, to := range nodes[1:] {
		for _, topic := range topics {
			to.await(t, topic, fmt.Sprint(n-1))
			i := 0
			for _, m := range to.all() {
				if m.topic != topic {
					continue
				}
				if m.data != fmt.Sprint(i) {
					t.Fatalf("message %d of 0, 1, 2 … on %q is %q", i, topic, m.data)
				}
				i++
			}
		}
	}
}

// OUT-5 and OUT-7: several senders on each node, on one topic. There may be gaps,
// but nothing twice and nothing the other way round.
func pressure(t *testing.T, nodes []*node) {
	const n, goroutines = 1000, 3
	var senders sync.WaitGroup
	for _, from := range nodes {
		for g := range goroutines {
			senders.Go(func() {
				for i := range n {
					err := from.Broadcast("t", fmt.Appendf(nil, "%s %d %d", from.Node(), g, i))
					if err != nil && !errors.Is(err, pubsub.ErrOverloaded) {
						t.Errorf("broadcast: %v", err)
						return
					}
				}
			})
		}
	}
	senders.Wait()
	meet(t, "t", nodes...)
	for _, to := range nodes {
		last := make(map[string]int)
		for _, m := range to.all() {
			sender, number, _ := cutNumber(m.data)
			i, err := strconv.Atoi(number)
			if err != nil {
				t.Fatalf("%q came: %v", m.data, err)
			}
			if strings.HasPrefix(sender, to.Node()+" ") {
				t.Fatalf("%q came back to its sender", m.data)
			}
			if before, any := last[sender]; any && i <= before {
				t.Fatalf("message %d of %q came behind %d", i, sender, before)
			}
			last[sender] = i
		}
		if len(last) == 0 {
			t.Errorf("nothing has come to %q", to.Node())
		}
	}
}

func reentrant(t *testing.T, nodes []*node) {
	a, b := nodes[0], nodes[1]
	b.onReceive(func(m message) {
		b.broadcast(t, "answers", "broadcast for "+m.data)
		b.send(t, a, "answers", "send for "+m.data)
	})
	for i := range 10 {
		a.broadcast(t, "t", fmt.Sprint(i))
		a.await(t, "answers", fmt.Sprint("broadcast for ", i))
		a.await(t, "answers", fmt.Sprint("send for ", i))
	}
}

// OUT-8, for nodes.
func stalled(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	release := make(chan struct{})
	b.onReceive(func(message) { <-release })
	defer close(release)
	for i := range 5000 {
		data := fmt.Sprint(i)
		if err := a.Broadcast("t", []byte(data)); err != nil && !errors.Is(err, pubsub.ErrOverloaded) {
			t.Fatalf("broadcast: %v", err)
		}
		if i%window == 0 {
			c.await(t, "t", data)
		}
	}
	c.await(t, "t", "4999")
	c.expectOnce(t)
	if n := len(c.all()); n != 5000 {
		t.Errorf("%d messages came beside the node that hangs, want 5000", n)
	}
	// It can still send, and the others to each other.
	b.broadcast(t, "t", "from b")
	a.await(t, "t", "from b")
	c.send(t, a, "t", "from c")
	a.await(t, "t", "from c")
}

func unknown(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	for _, name := range []string{"nobody at all", "*", ">", ""} {
		if err := a.Send(name, "t", []byte("astray")); err != nil && !errors.Is(err, pubsub.ErrNoNode) {
			t.Errorf("send to node %q: %v, want ErrNoNode or nil", name, err)
		}
	}
	a.broadcast(t, "t", "end")
	for _, n := range []*node{b, c} {
		n.await(t, "t", "end")
		n.expect(t, message{"t", "end"})
	}
	a.expect(t)
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
	if err := a.Join(func(string, []byte) {}); err == nil {
		t.Error("a second join succeeded")
	}
	meet(t, "t", a, b)
	a.leave(t)
	a.leave(t)
	notJoined("after leave", a)
	if err := a.Join(a.receive); err == nil {
		t.Error("join after leave succeeded")
	}
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
