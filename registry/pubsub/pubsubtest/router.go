package pubsubtest

import (
	"fmt"
	"testing"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// picky is a node that has joined for what it follows.
type picky struct{ *node }

// Selective implements [pubsub.Selective].
func (picky) Selective() {}

// routed checks a [pubsub.Router]; another adapter has passed. The first node follows nothing,
// the second one some topics, and the third one joins as if its adapter were no Router.
func routed(t *testing.T, nodes []*node) {
	a, b, c := nodes[0], nodes[1], nodes[2]
	from, is := a.Adapter.(pubsub.Router)
	if !is {
		return
	}
	to := b.Adapter.(pubsub.Router)
	to.Follow("before")
	to.Unfollow("reverse")
	for _, n := range []*node{a, b} {
		if err := n.Join(picky{n}); err != nil {
			t.Fatal(err)
		}
	}
	join(t, c)
	meet(t, "t", a, b, c)
	follow := func(topic string) {
		if known := to.Follow(topic); known != nil {
			awaitChan(t, known)
		}
	}
	publish := func(topic, data string) {
		t.Helper()
		if err := from.Publish(topic, []byte(data)); err != nil {
			t.Errorf("publish on %q: %v", topic, err)
		}
	}
	publish("before", "0")
	b.await(t, "before", "0")
	c.await(t, "before", "0")
	for i := range 5 * window { // a topic that comes is heard from then on
		topic := fmt.Sprint("new ", i)
		follow(topic)
		if i%2 == 0 {
			to.Unfollow(topic)
			follow(topic)
		}
		publish(topic, "x")
		b.await(t, topic, "x")
		c.await(t, topic, "x") // it takes all, and has no more room than for a window
		to.Unfollow(topic)
	}
	follow("reverse") // and makes up for what came too early
	follow("reverse")
	for i := range window { // in whichever way it is sent, in order
		data := fmt.Sprint("order ", i)
		switch i % 3 {
		case 0:
			publish("reverse", data)
		case 1:
			a.broadcast(t, "reverse", data)
		default:
			a.send(t, b, "reverse", data)
		}
	}
	b.await(t, "reverse", fmt.Sprint("order ", window-1))
	i := 0
	for _, m := range b.all() {
		if m.topic == "reverse" {
			if m.data != fmt.Sprint("order ", i) {
				t.Errorf("message %d is %q", i, m.data)
			}
			i++
		}
	}
	for _, n := range []*node{b, c} {
		n.expectOnce(t)
	}
	// What is followed stays so when the node has left and joined again.
	b.leave(t)
	if err := b.Join(picky{b}); err != nil {
		t.Fatal(err)
	}
	meet(t, "t", a, b, c)
	publish("before", "again")
	b.await(t, "before", "again")
}
