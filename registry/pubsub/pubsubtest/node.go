package pubsubtest

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

const (
	// patience is far longer than anything here takes.
	patience = 30 * time.Second

	// window is how many messages the suite has on their way at most, on each of
	// two topics, where it expects them all to arrive.
	window = 20

	// probe begins the data of a message that is to find out whether the nodes
	// know each other.
	probe = "pubsubtest probe "
)

// message is one that was received. The data is a copy.
type message struct{ topic, data string }

// node records what its adapter receives.
type node struct {
	pubsub.Adapter
	t *testing.T

	mu      sync.Mutex
	got     []message
	kept    [][]byte // as it came, for each in got
	probes  map[string]bool
	changed chan struct{} // closed, and made anew, when something has come
	hook    func(message)
	running map[string]bool // topics and senders, see Receive
}

// wrap has the adapters leave at the end of the test.
func wrap(t *testing.T, adapters []pubsub.Adapter) []*node {
	nodes := make([]*node, len(adapters))
	for i, a := range adapters {
		n := newNode(t, a)
		nodes[i] = n
		t.Cleanup(func() { n.leave(t) })
	}
	return nodes
}

func newNode(t *testing.T, a pubsub.Adapter) *node {
	return &node{
		Adapter: a, t: t,
		probes:  make(map[string]bool),
		changed: make(chan struct{}),
		running: make(map[string]bool),
	}
}

func join(t *testing.T, nodes ...*node) {
	t.Helper()
	for _, n := range nodes {
		if err := n.Join(n); err != nil {
			t.Fatalf("join %q: %v", n.Node(), err)
		}
	}
}

// meet waits until each node has got something new on the topic from each other
// one. Of what these have sent on it before, all has come then that will.
func meet(t *testing.T, topic string, nodes ...*node) {
	t.Helper()
	round := time.Now().Format(time.RFC3339Nano)
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		missing := 0
		for _, from := range nodes {
			data := probe + from.Node() + " " + round
			for _, to := range nodes {
				if from != to && !to.probed(data) {
					missing++
					// It may be refused: there is another one.
					_ = from.Send(to.Node(), topic, []byte(data))
				}
			}
		}
		if missing == 0 {
			return
		}
		select {
		case <-again.C:
		case <-limit.C:
			t.Fatalf("%d pairs of nodes have not met", missing)
		}
	}
}

func (n *node) probed(data string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.probes[data]
}

// Missed implements [pubsub.Receiver].
func (*node) Missed(pubsub.Gap) {}

// Emit implements [pubsub.Receiver].
func (*node) Emit(actor.Event) {}

// Receive implements [pubsub.Receiver]: it records a message. Messages that name their sender
// must not come at the same time, on one topic.
func (n *node) Receive(from, topic string, data []byte) {
	m := message{topic, string(data)}
	if from == "" || from == n.Node() {
		n.t.Errorf("node %q has got %q from %q", n.Node(), m, from)
	}
	n.mu.Lock()
	if named, isProbe := strings.CutPrefix(m.data, probe); isProbe {
		if !strings.HasPrefix(named, from+" ") {
			n.t.Errorf("%q has come as if from %q", m.data, from)
		}
		n.probes[m.data] = true
		n.mu.Unlock()
		return
	}
	n.got = append(n.got, m)
	n.kept = append(n.kept, data)
	hook := n.hook
	sender, _, named := cutNumber(m.data)
	key := topic + "\x00" + sender
	if named {
		if n.running[key] {
			n.t.Errorf("receive runs twice for sender %q on %q", sender, topic)
		}
		n.running[key] = true
	}
	close(n.changed)
	n.changed = make(chan struct{})
	n.mu.Unlock()

	runtime.Gosched()
	if hook != nil {
		hook(m)
	}

	if named {
		n.mu.Lock()
		delete(n.running, key)
		n.mu.Unlock()
	}
}

// cutNumber splits "node goroutine number", as the test of order under pressure
// sends it.
func cutNumber(data string) (sender, number string, ok bool) {
	if strings.Count(data, " ") < 2 {
		return "", "", false
	}
	at := strings.LastIndexByte(data, ' ')
	return data[:at], data[at+1:], true
}

// onReceive has f called for each message that comes from now on.
func (n *node) onReceive(f func(message)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hook = f
}

// broadcast fails the test on an error; it may run on any goroutine.
func (n *node) broadcast(t *testing.T, topic, data string) {
	t.Helper()
	if err := n.Broadcast(topic, []byte(data)); err != nil {
		t.Errorf("broadcast on %q by %q: %v", topic, n.Node(), err)
	}
}

func (n *node) send(t *testing.T, to *node, topic, data string) {
	t.Helper()
	if err := n.Send(to.Node(), topic, []byte(data)); err != nil {
		t.Errorf("send on %q from %q to %q: %v", topic, n.Node(), to.Node(), err)
	}
}

func (n *node) leave(t *testing.T) {
	t.Helper()
	// Not t.Context(), which is done when the test cleans up.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := n.Leave(ctx); err != nil {
		t.Errorf("leave %q: %v", n.Node(), err)
	}
}

// all returns what has come, without probes.
func (n *node) all() []message {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.got)
}

func (n *node) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got, n.kept = nil, nil
}

// await waits for a message. Without it the test goes on, and has failed: the
// caller need not be the test's goroutine.
func (n *node) await(t *testing.T, topic, data string) {
	t.Helper()
	if !n.wait(func() bool { return slices.Contains(n.got, message{topic, data}) }) {
		t.Errorf("a message on %.40q has not come to %q: %.40q", topic, n.Node(), data)
	}
}

func (n *node) awaitAny(t *testing.T) {
	t.Helper()
	if !n.wait(func() bool { return len(n.got) > 0 }) {
		t.Errorf("nothing has come to %q", n.Node())
	}
}

func (n *node) wait(until func() bool) bool {
	if n.t.Failed() { // do not be patient twice
		return false
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		n.mu.Lock()
		ok, changed := until(), n.changed
		n.mu.Unlock()
		if ok {
			return true
		}
		select {
		case <-changed:
		case <-limit.C:
			return false
		}
	}
}

// expect checks what has come.
func (n *node) expect(t *testing.T, want ...message) {
	t.Helper()
	if got := n.all(); !slices.Equal(got, want) {
		t.Errorf("node %q has got %q, want %q", n.Node(), got, want)
	}
}

// expectOnce checks that nothing has come twice.
func (n *node) expectOnce(t *testing.T) {
	t.Helper()
	seen := make(map[message]bool)
	for _, m := range n.all() {
		if seen[m] {
			t.Errorf("%q came twice to %q", m, n.Node())
		}
		seen[m] = true
	}
}

func awaitChan(t *testing.T, c <-chan struct{}) {
	t.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-c:
	case <-limit.C:
		t.Fatal("waited too long")
	}
}
