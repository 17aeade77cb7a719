package ws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// A model of clients of topics that are kept in a store: they join, are cut off with some of
// what was sent to them on its way, and join again, on any node, while both nodes broadcast. The
// store fails and hangs, does not tell of what it has, drops what is old, and loses everything.
// Each client gets what the store has, once and in order, or is told that it does not; and it
// is told so only if it must be.
func TestModelOfReplayFromAStore(t *testing.T) { modelAStore(t, 0) }

// The same of clients whose channels linger: those that come back to the same node have theirs
// back, be the connection before known to be lost or not.
func TestModelOfLingeringWithAStore(t *testing.T) { modelAStore(t, time.Minute) }

func modelAStore(t *testing.T, linger time.Duration) {
	const seeds = 25 // in a bubble
	for round := range long.Rounds(1, 40) {
		synctest.Test(t, func(t *testing.T) {
			w := newStoreWorld(t, linger)
			for i := range seeds {
				w.play(round*seeds + i)
			}
			if lingers := linger > 0; lingers != (w.resumed() > 0) {
				t.Errorf("%d channels were resumed", w.resumed())
			}
			w.stop()
		})
	}
}

// storeWorld is two nodes with one store.
type storeWorld struct {
	recordingNodes
	store *historytest.Store
}

func newStoreWorld(t *testing.T, linger time.Duration) *storeWorld {
	w := &storeWorld{recordingNodes{t: t, linger: linger}, &historytest.Store{Keep: 2 * historySize}}
	hub := new(pubsub.Hub)
	for _, name := range []string{"a", "b"} {
		w.start(hub.Node(name), w.store)
	}
	return w
}

// resumed returns how many channels were resumed.
func (w *storeWorld) resumed() (n uint64) {
	for _, e := range w.nodes {
		n += e.Stats().Resumes
	}
	return n
}

// plot is one course of events, on a topic of its own.
type plot struct {
	*storeWorld
	topic   string
	rnd     *rand.Rand
	clients []*storeClient
	said    int

	mu    sync.Mutex
	truth map[string][]history.Record // all that was ever there, by epoch
	epoch string
	ill   bool // the store is, or has been since a client joined

	hanging atomic.Int32 // calls of the store that do so still, though it may be well again
}

// storeClient is a client of the model.
type storeClient struct {
	*plot
	memoryClient
	gap bool // it knows that it has missed something, and not how far that goes
	ill bool // the store was ill when it joined
	out bool // it must join again
}

func (w *storeWorld) play(seed int) {
	rnd := rand.New(rand.NewPCG(uint64(seed), 23))
	p := &plot{
		storeWorld: w, rnd: rnd, truth: map[string][]history.Record{},
		topic: fmt.Sprintf("%s:%d", []string{"room", "own"}[rnd.IntN(2)], seed),
	}
	p.heal()
	p.nameEpoch()
	expect := func(err error) {
		if err != nil {
			w.t.Fatalf("seed %d: %v", seed, err)
		}
	}
	for i := range 4 {
		c := &storeClient{plot: p}
		c.take = c.takes
		p.clients = append(p.clients, c)
		c.connect(i % 2)
	}
	synctest.Wait()
	for range 10 {
		p.strike()
		var acts sync.WaitGroup
		for _, c := range p.clients {
			switch node := rnd.IntN(2); {
			case c.out || rnd.IntN(2) == 0:
				expect(c.cut(rnd.IntN(5)))
				acts.Go(func() { c.connect(node) })
			default:
				expect(c.read(-1))
			}
		}
		for range rnd.IntN(4) {
			from, first := w.nodes[rnd.IntN(2)], p.said
			p.said += 3
			acts.Go(func() {
				for i := range 3 { // it may fail, and may have been made then
					_ = from.Broadcast(p.topic, "n", map[string]int{"n": first + i})
				}
			})
		}
		acts.Wait()
		synctest.Wait()
		if rnd.IntN(3) == 0 {
			time.Sleep(time.Duration(rnd.IntN(8000)) * time.Millisecond)
			synctest.Wait()
		}
	}
	p.heal()
	for range 3 {
		p.store.Recheck(p.topic)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, c := range p.clients {
			if expect(c.read(-1)); c.out {
				expect(c.cut(-1))
				c.connect(rnd.IntN(2))
			}
		}
	}
	for _, c := range p.clients {
		if err := c.upToDate(); err != nil {
			w.t.Fatalf("seed %d: at the end: %v", seed, err)
		}
		expect(c.cut(0))
	}
	synctest.Wait()
}

// strike has the store behave in some way until the next one.
func (p *plot) strike() {
	p.heal()
	lossy := p.rnd.IntN(3) == 0
	p.store.Lose(func(topic string, r history.Record) bool { return p.appended(topic, r, lossy) })
	kind := p.rnd.IntN(8)
	if kind > 3 {
		return
	}
	p.ill = true
	failing := []string{"append", "appended", "since", "follow"}[p.rnd.IntN(4)]
	p.store.Fail(func(ctx context.Context, operation, _ string) error {
		if operation != failing {
			return nil
		}
		switch kind {
		case 0:
			p.hanging.Add(1)
			<-ctx.Done()
			p.hanging.Add(-1)
		case 1:
			panic("the store")
		}
		return errIll
	})
	if kind == 3 {
		p.store.Fail(nil)
		p.store.Forget() // nothing is under way
		p.nameEpoch()
	}
}

var errIll = errors.New("the store is ill")

func (p *plot) heal() {
	p.ill = false
	p.store.Fail(nil)
	p.store.Lose(func(topic string, r history.Record) bool { return p.appended(topic, r, false) })
}

// nameEpoch learns what the store calls its log.
func (p *plot) nameEpoch() {
	span, err := p.store.Since(context.Background(), p.topic, 0, 1)
	if err != nil {
		p.t.Fatal(err)
	}
	p.epoch = span.Epoch
}

func (p *plot) appended(topic string, r history.Record, lossy bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if topic == p.topic {
		p.truth[p.epoch] = append(p.truth[p.epoch], r)
		slices.SortFunc(p.truth[p.epoch], func(a, b history.Record) int { return int(a.Offset) - int(b.Offset) })
	}
	return lossy && r.Offset%3 == 0
}

// between returns how many messages there were behind one offset and before another.
func (p *plot) between(epoch string, after, before uint64) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.truth[epoch] {
		if r.Offset > after && r.Offset < before {
			n++
		}
	}
	return n
}

// connect opens a connection to a node and joins.
func (c *storeClient) connect(node int) {
	c.out, c.ill = false, c.plot.ill || c.hanging.Load() > 0
	if err := c.join(c.nodes[node], c.topic); err != nil {
		c.t.Error(err)
	}
}

func (c *storeClient) takes(ref, event, payload string) error {
	at, unknown := ParsePosition(ref)
	switch {
	case c.out && event != "phx_reply":
		return errors.New("behind the channel's end")
	case event == "phx_reply" && strings.Contains(payload, `"status":"ok"`):
		_, token, _ := strings.Cut(payload, `"resume_token":"`)
		c.token, _, _ = strings.Cut(token, `"`)
		return nil
	case event == "phx_reply" && strings.Contains(payload, "messages are lost"), event == "phx_error":
		c.out = true
		return nil
	case event == "phx_position" && unknown != nil:
		c.gap = true
	case event == "phx_position":
		c.last, c.gap = at, false
	case event == "phx_recovery":
		return c.recovers(at, unknown, strings.Contains(payload, `"complete":true`))
	case event != "n" || unknown != nil:
		return errors.New("not expected")
	case at.Epoch == c.last.Epoch && at.Offset <= c.last.Offset:
		return errors.New("again, or out of order")
	case !c.gap && (at.Epoch != c.last.Epoch || c.between(at.Epoch, c.last.Offset, at.Offset) > 0):
		return errors.New("a message was left out, and nothing was said")
	default:
		c.last, c.gap = at, false
		return c.isTrue(at, payload)
	}
	return nil
}

// recovers takes in what becomes of what was missed.
func (c *storeClient) recovers(at Position, unknown error, complete bool) error {
	last, lost := c.store.Top(c.topic)
	must := c.ill || c.last.Epoch != c.epoch || c.last.Offset < lost ||
		c.between(c.epoch, c.last.Offset, last+1) > historySize
	switch {
	case complete && (at != c.last || c.gap):
		return errors.New("complete, and from elsewhere")
	case !complete && !must:
		return errors.New("not complete, though all is there")
	case unknown != nil:
		c.gap = true
	default:
		c.last, c.gap = at, false
	}
	return nil
}

// isTrue checks a message against what the store was given.
func (c *storeClient) isTrue(at Position, payload string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.truth[at.Epoch] {
		if r.Offset == at.Offset && strings.HasSuffix(string(r.Data), payload) {
			return nil
		}
	}
	return errors.New("it is not what the store has there")
}

func (c *storeClient) upToDate() error {
	last, _ := c.store.Top(c.topic)
	if c.out || !c.gap && c.between(c.epoch, c.last.Offset, last+1) > 0 || last > 0 && c.last.Epoch != c.epoch {
		return fmt.Errorf("a client is at %v (out: %t, gap: %t), and the store at %v", c.last, c.out, c.gap, Position{c.epoch, last})
	}
	return nil
}
