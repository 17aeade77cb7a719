package ws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
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
	Schedules(t, long.Rounds(8, 400), 25, func(t *testing.T, next func() (uint64, bool)) {
		w := newStoreWorld(t, linger)
		defer w.end()
		for seed, more := next(); more; seed, more = next() {
			w.play(seed)
		}
		if lingers := linger > 0; lingers != (w.resumed() > 0) && *modelSchedules != 1 {
			t.Errorf("%d channels were resumed", w.resumed())
		}
	})
}

// storeWorld is two nodes with one store.
type storeWorld struct {
	recordingNodes
	store    *historytest.Store
	tenants  tenants
	porters  [2]Porter
	formerly map[string]string // the last token of a client's channel on a topic before, by its ID
}

func newStoreWorld(t *testing.T, linger time.Duration) *storeWorld {
	w := &storeWorld{
		recordingNodes: recordingNodes{t: t, linger: linger}, store: &historytest.Store{Keep: 2 * historySize},
		formerly: map[string]string{},
	}
	w.tenants = tenants{all: map[int]*tenant{}, linger: linger, attendant: func(c *Channel) Attendant {
		return w.who[slices.Index(w.nodes, c.Endpoint())]
	}}
	hub := new(pubsub.Hub)
	for i, name := range []string{"a", "b"} {
		w.porters[i].Ended = func(id int) bool { return !w.tenants.lives(id) }
		w.start(hub.Node(name), w.store, &w.porters[i],
			Topic("room:*", func() *tenant { return &tenant{in: &w.tenants} }, nil),
			Topic("own:*", func() *strictTenant { return &strictTenant{tenant{in: &w.tenants}} }, nil))
	}
	return w
}

// end sees that nothing lingers for longer than it should, and ends the nodes.
func (w *storeWorld) end() {
	time.Sleep(2 * w.linger)
	synctest.Wait()
	for i, e := range w.nodes {
		if s, here := e.Stats(), w.porters[i].Here(); w.linger > 0 && !w.t.Failed() && (s.Channels != 0 || s.Lingering != 0 || len(here) > 0) {
			w.t.Errorf("at the end present are %v, and there are %+v", here, s)
		}
	}
	w.tenants.mu.Lock()
	w.tenants.leaving = true
	w.tenants.mu.Unlock()
	w.stop()
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
	ghosts  []ghost
	said    int

	mu    sync.Mutex
	truth map[string][]history.Record // all that was ever there, by epoch
	epoch string
	ill   bool // the store is, or has been since a client joined

	hanging atomic.Int32 // calls of the store that do so still, though it may be well again
}

// ghost is a connection whose client knows that it is lost, and the server does not.
type ghost struct {
	*session
	of *storeClient
}

func (w *storeWorld) play(seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 23))
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
		c := &storeClient{plot: p, counts: rnd.IntN(2) == 0}
		c.id, c.take, c.got = fmt.Sprint("client ", i), c.takes, c.nothing()
		p.clients = append(p.clients, c)
		c.connect(i%2, false, false)
	}
	synctest.Wait()
	for range 10 {
		p.strike()
		var acts sync.WaitGroup
		for _, c := range p.clients {
			act, err := c.acts()
			expect(err)
			acts.Go(act)
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
		switch rnd.IntN(24) {
		case 0, 1, 2, 3, 4, 5, 6, 7:
			time.Sleep(time.Duration(rnd.IntN(8000)) * time.Millisecond)
			synctest.Wait()
		case 8:
			time.Sleep(time.Duration(30+rnd.IntN(60)) * time.Second)
			synctest.Wait()
		}
	}
	expect(p.end())
}

// end has everything go well again, and looks whether each client comes to know all.
func (p *plot) end() error {
	p.heal()
	p.lay(len(p.ghosts))
	for _, c := range p.clients {
		if c.away > 0 {
			c.away, c.feint = 0, feint{}
			c.connect(p.rnd.IntN(2), false, true)
		}
	}
	for range 3 {
		p.store.Recheck(p.topic)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, c := range p.clients {
			c.conn.fills(false)
			if err := c.read(-1); err != nil {
				return err
			}
			if c.out {
				if err := c.lose(-1); err != nil {
					return err
				}
				c.feint = feint{}
				c.connect(p.rnd.IntN(2), false, false)
			}
		}
	}
	for _, c := range p.clients {
		if r := p.tenants.of(c.tenant); r != nil {
			r.push(1) // by which the client sees what it lacks
		}
	}
	synctest.Wait()
	errs := []error{p.tenants.fault, p.porters[0].Fault(), p.porters[1].Fault()}
	for _, c := range p.clients {
		errs = append(errs, c.read(-1), c.upToDate())
	}
	for _, e := range p.nodes {
		here := slices.DeleteFunc(p.present(e), func(number int) bool { return p.tenants.of(number).channel.Endpoint() != e })
		if there := p.tenants.on(p.topic, e); !slices.Equal(here, there) {
			errs = append(errs, fmt.Errorf("present are %v, and those there are %v", here, there))
		}
	}
	for _, c := range p.clients {
		c.formerly[c.id] = c.token
		errs = append(errs, c.lose(-1))
	}
	synctest.Wait()
	return errors.Join(errs...)
}

// present returns the presences on the topic, as a node knows them.
func (p *plot) present(e *Endpoint) []int {
	here := p.porters[slices.Index(p.nodes, e)].Here()
	return slices.DeleteFunc(here, func(number int) bool { return p.tenants.of(number).topic != p.topic })
}

// lay has the server notice the first n connections that are lost.
func (p *plot) lay(n int) {
	for _, g := range p.ghosts[:n] {
		hangUp(g.session)
	}
	p.ghosts = p.ghosts[n:]
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
