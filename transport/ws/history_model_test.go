package ws

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// A model of clients of recorded topics: they join, are cut off with some of what was sent to
// them on its way, and join again, here or on the other node, while several goroutines
// broadcast, the log is trimmed and the network loses messages. Each client gets each message
// of the log once and in order, or is told that it does not; and it is told so only if it
// must be.
func TestModelOfReplay(t *testing.T) {
	Schedules(t, long.Rounds(50, 1000), 50, func(t *testing.T, next func() (uint64, bool)) {
		w := newHistoryWorld(t)
		defer w.stop()
		for seed, more := next(); more; seed, more = next() {
			w.play(seed)
		}
	})
}

// historyWorld is two nodes.
type historyWorld struct {
	recordingNodes
	lost []*lossy // what tells a node that the network has lost something
}

// lossy is an adapter whose Receiver is known.
type lossy struct {
	pubsub.Adapter
	receiver pubsub.Receiver
}

func (l *lossy) Join(r pubsub.Receiver) error {
	l.receiver = r
	return l.Adapter.Join(r)
}

func newHistoryWorld(t *testing.T) *historyWorld {
	w := &historyWorld{recordingNodes: recordingNodes{t: t}}
	hub := new(pubsub.Hub)
	for _, name := range []string{"a", "b"} {
		adapter := &lossy{Adapter: hub.Node(name)}
		w.start(adapter, nil, nil,
			Topic("room:*", func() mute { return mute{} }, nil), Topic("own:*", func() strict { return strict{} }, nil))
		w.lost = append(w.lost, adapter)
	}
	return w
}

// schedule is one course of events, on a topic of its own.
type schedule struct {
	*historyWorld
	topic   string
	clients []*modelClient
	logs    map[Position]string // what clients got there
	holes   map[string]uint64   // by epoch, the last one
	said    atomic.Int64
}

// modelClient is a client of the model.
type modelClient struct {
	*schedule
	memoryClient
	node int
	next uint64            // the offset that must come
	was  map[string]uint64 // the holes when it joined
	out  bool              // it must join again
}

// connect opens a connection to a node and joins.
func (c *modelClient) connect(node int) {
	c.node, c.was, c.out = node, maps.Clone(c.holes), false
	if err := c.join(c.nodes[node], c.topic); err != nil {
		c.t.Error(err)
	}
}

func (c *modelClient) takes(ref, event, payload string) error {
	switch {
	case event == "phx_reply" && strings.Contains(payload, `"status":"ok"`):
		return nil
	case event == "phx_reply" && strings.Contains(payload, "messages are lost"), event == "phx_error":
		c.out = true // the log was trimmed while it joined
		return nil
	}
	at, err := ParsePosition(ref)
	if err == nil {
		err = c.took(at, event, payload)
	}
	if err != nil {
		return err
	}
	c.last = at
	return nil
}

func (c *modelClient) took(at Position, event, payload string) error {
	switch event {
	case "phx_position":
		c.next = at.Offset + 1
	case "phx_recovery":
		kept := at.Epoch == c.last.Epoch && c.last.Offset+historySize >= c.top(c.node) && c.last.Offset >= c.holes[at.Epoch]
		switch complete := strings.Contains(payload, `"complete":true`); {
		case complete && at != c.last:
			return errors.New("complete, and from elsewhere")
		case complete && at.Offset < c.was[at.Epoch]:
			return errors.New("complete, and there is a hole behind it")
		case !complete && kept:
			return errors.New("not complete, though all is there")
		}
		c.next = at.Offset + 1
	case "n":
		c.skipHoles()
		if at != (Position{c.last.Epoch, c.next}) {
			return fmt.Errorf("want offset %d", c.next)
		}
		if was, ok := c.logs[at]; ok && was != payload {
			return fmt.Errorf("another client got %s there", was)
		}
		c.logs[at] = payload
		c.next++
	default:
		return errors.New("not expected")
	}
	return nil
}

const hole = "hole"

func (c *modelClient) skipHoles() {
	for c.logs[Position{c.last.Epoch, c.next}] == hole {
		c.next++
	}
}

// play plays one schedule.
func (w *historyWorld) play(seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 17))
	s := &schedule{
		historyWorld: w, topic: fmt.Sprintf("%s:%d", []string{"room", "own"}[rnd.IntN(2)], seed),
		logs: map[Position]string{}, holes: map[string]uint64{},
	}
	expect := func(err error) {
		if err != nil {
			w.t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for i := range 4 {
		c := &modelClient{schedule: s}
		c.take = c.takes
		s.clients = append(s.clients, c)
		c.connect(i % 2) // the first two stay, so that the logs do
	}
	synctest.Wait()
	for range 10 {
		var acts sync.WaitGroup
		for _, c := range s.clients {
			node := rnd.IntN(2)
			if c == s.clients[0] || c == s.clients[1] || rnd.IntN(2) == 0 {
				expect(c.read(-1))
				continue
			}
			expect(c.cut(rnd.IntN(5)))
			acts.Go(func() { c.connect(node) })
		}
		for range rnd.IntN(4) {
			from, count := w.nodes[rnd.IntN(2)], 1+rnd.IntN(3)
			acts.Go(func() { s.broadcast(from, count) })
		}
		acts.Wait()
		synctest.Wait()
		if rnd.IntN(6) == 0 {
			s.lose(rnd.IntN(2))
		}
	}
	for _, c := range s.clients {
		if expect(c.read(-1)); c.out {
			expect(c.cut(-1))
			c.connect(c.node)
			synctest.Wait()
			expect(c.read(-1))
		}
		c.skipHoles()
		if top := s.top(c.node); c.next != top+1 {
			w.t.Fatalf("seed %d: a client is at %v at the end, and the log at %d", seed, c.last, top)
		}
		expect(c.cut(0))
	}
	synctest.Wait()
}

func (s *schedule) broadcast(from *Endpoint, count int) {
	for range count {
		if err := from.Broadcast(s.topic, "n", map[string]int64{"n": s.said.Add(1)}); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *schedule) log(node int) *recorder { return s.nodes[node].archive.Load().known(s.topic) }

func (s *schedule) top(node int) uint64 {
	r := s.log(node)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.top
}

// lose has the network lose messages on their way to a node.
func (s *schedule) lose(node int) {
	s.lost[node].receiver.Missed(pubsub.Gap{Topic: clusterName + "/" + s.topic, Messages: 1})
	epoch, at := s.log(node).log.epoch, s.top(node)
	s.holes[epoch], s.logs[Position{epoch, at}] = at, hole
}
