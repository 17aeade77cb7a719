package nats

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// membership is an [Adapter] from a Join until the Leave that follows, with all that is
// on its way for it. The next Join makes a new one, so that nothing of this one is left
// in it.
type membership struct {
	node        string
	incarnation uint64
	conn        *nats.Conn
	maxPayload  int64
	subjects    *subjects
	receiver    pubsub.Receiver
	log         *slog.Logger
	times       times
	notes       notes
	peers       peers
	state       atomic.Int32 // a State

	onLost       func(messages uint64) // may be nil
	onEvent      func(actor.Event)     // may be nil
	events       notes                 // for it
	observing    foreign.Calls         // of it
	lost, unsent *atomic.Uint64
	malformed    *atomic.Uint64
	reconnects   *atomic.Uint64
	denied       *atomic.Uint64
	dropped      uint64      // messages; of the goroutine that sorts
	overflow     chan uint64 // gets dropped when that grows; keeps the latest value only
	life         context.Context
	stop         context.CancelFunc // ends life: no call of the receiver begins any more
	left         bool               // guarded by the adapter's mu
	networking   chan struct{}      // closed when nothing waits for the connection any more
	done         chan struct{}      // closed when none of it runs any more
	running      sync.WaitGroup     // the goroutines that receive
	in           *inbound
	routes       *routes // nil if all topics come, or none may
	version      byte    // the highest that it understands: latestVersion, but for tests
	out          *outbound
	endOfUse     func() // of the connection, by this name
}

// times are how long things take.
type times struct {
	beat   time.Duration // between two of a node's
	gap    time.Duration // of silence, after which it may not tell any more of what was lost meanwhile
	down   time.Duration // and after which a node is down
	forget time.Duration // and after which it is forgotten
	ask    time.Duration // how long a node of the same name has for its answer
	answer time.Duration // how long the others have for theirs to a hello
	leave  time.Duration // how long a node that leaves tries to send what is queued
	linger time.Duration // how long a topic is kept that is not wanted any more
	known  time.Duration // how long the server has to answer that it knows of a topic
	told   int           // in how many beats it is told how much was sent, since one may be lost
	lines  int           // for how many beats at least a topic's numbers are remembered

	pass func() // of a simulation, in which the program can be paused; else nil
}

// wait waits while the program is paused. It is called at each tick.
func (t times) wait() {
	if t.pass != nil {
		t.pass()
	}
}

var defaultTimes = times{
	beat: time.Second, gap: 2500 * time.Millisecond, down: 5 * time.Second,
	forget: 20 * time.Minute, ask: time.Second,
	answer: 2 * time.Second, leave: 4 * time.Second, linger: 5 * time.Second, known: time.Second,
	told: 3, lines: 60,
}

func (a *Adapter) newMembership(r pubsub.Receiver) *membership {
	limit, bytes := a.QueueLimit, int64(a.QueueBytes)
	if limit <= 0 {
		limit = defaultQueueLimit
	}
	if bytes <= 0 {
		bytes = defaultQueueBytes
	}
	m := &membership{
		node:        a.Name,
		incarnation: rand.Uint64(),
		conn:        a.Conn,
		maxPayload:  a.Conn.MaxPayload(),
		subjects:    newSubjects(a.prefix(), a.Name),
		receiver:    r,
		log:         newLog(a.Logger),
		times:       defaultTimes,
		notes:       notes{wake: make(chan struct{}, 1)},
		onLost:      a.Lost,
		onEvent:     a.observe,
		events:      notes{wake: make(chan struct{}, 1)},
		observing:   foreign.Calls{Limit: observeFor, Most: 1},
		lost:        &a.lost,
		unsent:      &a.unsent,
		malformed:   &a.malformed,
		reconnects:  &a.reconnects,
		denied:      &a.denied,
		overflow:    make(chan uint64, 1),
		networking:  make(chan struct{}),
		done:        make(chan struct{}),
	}
	if a.times.beat > 0 {
		m.times = a.times
	}
	m.peers = peers{node: a.Name, times: m.times, ticked: time.Now(), emit: m.tell, roster: &a.roster, list: make(map[string]*peer)}
	m.in = newInbound(m, limit, bytes)
	m.peers.suspect = m.in.suspect
	m.out = newOutbound(m, limit, bytes)
	m.version = cmp.Or(a.version, latestVersion)
	if _, choosy := r.(pubsub.Selective); choosy && m.version >= topicVersion {
		topics := a.TopicLimit
		if topics <= 0 {
			topics = defaultTopicLimit
		}
		m.routes = newRoutes(m, topics)
	}
	m.life, m.stop = context.WithCancel(context.Background())
	return m
}

// tell has an event told, and logged if it is worth it.
func (m *membership) tell(e actor.Event) {
	m.notes.put(func() {
		switch e := e.(type) {
		case TwinSeen:
			m.log.Error("two nodes have one name", "node", e.Node, "name", e.Name)
		case MemberChanged:
			m.log.Info("another node", "node", e.Node, "name", e.Member.Name, "state", e.Member.State, "back", e.Back)
		}
		m.emit(e)
	})
}

// observeFor is how long the function Observe may take.
const observeFor = 5 * time.Second

// emit tells the system of an event, and the function Observe.
func (m *membership) emit(e actor.Event) {
	m.receiver.Emit(e)
	if m.onEvent == nil {
		return
	}
	m.events.put(func() {
		if m.life.Err() != nil { // Guard would let it begin
			return
		}
		err := m.observing.Call(m.life, func(context.Context) error {
			m.onEvent(e)
			return nil
		})
		if err != nil && m.life.Err() == nil {
			m.log.Error("the function Observe failed", "node", m.node, "error", err)
		}
	})
}

// start begins to send and to receive.
func (m *membership) start(changes chan nats.Status) {
	m.peers.joined = time.Now()
	var network sync.WaitGroup
	network.Go(m.out.send)
	network.Go(m.in.sort)
	if m.routes != nil {
		network.Go(m.routes.run)
	}
	network.Go(func() { m.watch(changes) })
	go func() {
		network.Wait()
		close(m.networking)
	}()
	m.running.Go(m.report)
	m.running.Go(func() { m.notes.run(m.life) })
	if m.onEvent != nil {
		m.running.Go(func() { m.events.run(m.life) })
	}
	for _, q := range m.in.queues {
		m.running.Go(func() { m.in.receiveAll(q) })
	}
}

// end begins the end: what is queued is still sent, and no call of the receiver begins any
// more. The caller holds the adapter's mu.
func (m *membership) end() {
	m.left = true
	m.stop()
	m.out.queue.close()
	go func() {
		m.running.Wait()
		limit := time.NewTimer(m.times.leave)
		defer limit.Stop()
		select {
		case <-m.networking:
		case <-limit.C: // it goes on when the server does
		}
		m.endOfUse()
		close(m.done)
	}()
}

// over reports whether nothing of it runs any more.
func (m *membership) over() bool {
	select {
	case <-m.done:
		return true
	default:
		return false
	}
}
