package pubsubtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

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
