package nats

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
)

// looked returns what a node finds, and whether it has asked the bucket: that takes time.
func (n *simNode) looked(t *testing.T, name string) (id string, asked bool, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	o, err := n.leases.lookup(ctx, name)
	if err == nil {
		id = o.ID
	}
	return id, !time.Now().Equal(began), err
}

func (n *simNode) expectLooked(t *testing.T, name, id string, asked bool) {
	t.Helper()
	if got, by, err := n.looked(t, name); err != nil || got != id || by != asked {
		t.Errorf("look up of %q by %s: %q, %v; asked: %v; want %q, %v", name, n.name, got, err, by, id, asked)
	}
}

// A look-up asks the bucket for what the node does not know, and for nothing else.
func TestLookupAsksForWhatIsNotKnown(t *testing.T) {
	simulated(t, func(t *testing.T, _ *simServer, nodes []*simNode) {
		a, b := nodes[0], nodes[1]
		h := a.tenure(t, "x")
		b.expectLooked(t, "x", h.ID, true)
		time.Sleep(time.Second)
		b.expectLooked(t, "x", h.ID, false)

		// One's own is known at once.
		own := b.tenure(t, "z")
		b.expectLooked(t, "z", own.ID, false)
		if !b.leases.remove(own, errUnregistered) || own.giveUp(t.Context(), own.bye(classFree)) != nil {
			t.Fatal("not unregistered")
		}
		if id, asked, err := b.looked(t, "z"); !errors.Is(err, actor.NoProc) || !asked {
			t.Errorf("look up of what is not there: %q, %v; asked: %v", id, err, asked)
		}

		// After a call that has not found the actor, until it is heard of again.
		b.leases.mirror.doubt(keyOf("x"), h.ID)
		b.expectLooked(t, "x", h.ID, true)
		time.Sleep(time.Second)
		b.expectLooked(t, "x", h.ID, false)

		// A node that is cut off answers for some beats, and then not.
		b.set(&b.cut, time.Hour)
		b.expectLooked(t, "x", h.ID, false)
		time.Sleep(silentBeats * b.leases.mirror.beat)
		if id, _, err := b.looked(t, "x"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("look up by a node that is cut off: %q, %v", id, err)
		}
		b.heal()
		time.Sleep(time.Second)
		b.expectLooked(t, "x", h.ID, false)
		b.set(&b.paused, time.Minute)
		time.Sleep(time.Minute)
		b.expectLooked(t, "x", h.ID, true) // it has heard nothing for a minute
	}, time.Second, time.Second)
}

// However many monitors and look-ups a node has, the server has one consumer for it.
func TestNodeHasOneConsumer(t *testing.T) {
	const monitors = 5000
	s := startServer(t)
	cluster := prefix()
	a, b := newNode(t, s, cluster, "a", NamesConfig{}), newNode(t, s, cluster, "b", NamesConfig{})
	_, stream := a.stream(t)
	consumers := func() int {
		i, err := stream.Info(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return i.State.Consumers
	}
	ref := a.mortal(t)
	a.register(t, "x", ref)
	if n := consumers(); n != 0 {
		t.Errorf("%d consumers for nodes that have looked nothing up", n)
	}
	r := b.lookup(t, "x")
	downs := make(chan error, monitors)
	for range monitors {
		if _, err := r.Monitor(t.Context(), func(reason error) { downs <- reason }); err != nil {
			t.Fatal(err)
		}
	}
	if n := consumers(); n != 1 {
		t.Errorf("%d consumers for one node, want 1", n)
	}
	a.lookup(t, "x")
	stopped := monitor(t, a.lookup(t, "x"))
	if n := consumers(); n > 2 {
		t.Errorf("%d consumers for two nodes, want 2", n)
	}
	ref.PID().Exit(actor.Kill)
	expectDown(t, stopped, actor.Killed)
	for range monitors {
		expectDown(t, downs, actor.Killed)
	}
	m := b.leases.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.names)+len(m.watched) != 0 {
		t.Errorf("%d names and %d monitors are left", len(m.names), len(m.watched))
	}
}

// What is missing among the messages of a feed ends it; the same for what is none.
func TestFeedNoticesWhatIsMissing(t *testing.T) {
	message := func(subject, number, revision, pending string) *nats.Msg {
		return &nats.Msg{Sub: new(nats.Subscription), Subject: subject, Data: []byte("v"), Reply: "$JS.ACK.KV_b.c.1." + revision + "." + number + ".0." + pending}
	}
	beat := func(number, revision string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Status": {"100"}, "Nats-Last-Consumer": {number}, "Nats-Last-Stream": {revision}}}
	}
	for name, c := range map[string]struct {
		m    *nats.Msg
		want change
		ok   bool
	}{
		"the next":            {message("$KV.b.k", "4", "9", "0"), change{key: "k", entry: entry{value: []byte("v"), revision: 9}, upTo: 9, all: true}, true},
		"with more to come":   {message("$KV.b.k", "4", "9", "1"), change{key: "k", entry: entry{value: []byte("v"), revision: 9}, upTo: 9}, true},
		"one is missing":      {message("$KV.b.k", "5", "9", "0"), change{}, false},
		"one comes twice":     {message("$KV.b.k", "3", "9", "0"), change{}, false},
		"another subject":     {message("k", "4", "9", "0"), change{}, false},
		"no metadata":         {&nats.Msg{Sub: new(nats.Subscription), Subject: "$KV.b.k", Reply: "x"}, change{}, false},
		"no reply":            {&nats.Msg{Subject: "$KV.b.k"}, change{}, false},
		"a beat":              {beat("3", "8"), change{upTo: 8, all: true}, true},
		"a beat of one more":  {beat("4", "9"), change{}, false},
		"a beat that is none": {beat("x", "9"), change{}, false},
	} {
		f := &kvFeed{prefix: "$KV.b.", count: 3, changes: make(chan change, 1), life: t.Context()}
		f.take(c.m)
		got, ok := <-f.changes
		if ok != c.ok || got.key != c.want.key || string(got.value) != string(c.want.value) ||
			got.revision != c.want.revision || got.upTo != c.want.upTo || got.all != c.want.all {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, got, ok, c.want, c.ok)
		}
		if !ok {
			f.take(c.m) // which does nothing
		}
	}
}
