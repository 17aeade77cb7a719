package pubsubtest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

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
