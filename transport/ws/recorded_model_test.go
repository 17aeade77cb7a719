package ws

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// What the models of recorded topics have in common: two nodes, and clients that are cut off
// with some of what was sent to them on its way.

// historySize is small, so that it matters.
const historySize = 6

// recordingNodes are two nodes that record the topics of two routes.
type recordingNodes struct {
	t       *testing.T
	linger  time.Duration
	nodes   []*Endpoint
	systems []*actor.System
	who     []Attendant // on each node, if there is presence
}

// start starts a node on the cluster of an adapter. With a porter there is presence.
func (w *recordingNodes) start(adapter pubsub.Adapter, store history.Store, porter *Porter, routes ...Route) {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	cluster := pubsub.NewCluster(adapter)
	if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
		w.t.Fatal(err)
	}
	for i := range routes {
		routes[i].History, routes[i].Linger = &History{Size: historySize, Store: store}, w.linger
	}
	cfg := Config{Cluster: cluster, Sockets: []Socket{{
		Path: "/socket", Channels: routes, IdleTimeout: 1000 * time.Hour,
		MaxQueue: 8 << 10, // so the log is read in parts of one message
	}}}
	if porter != nil {
		who, err := NewAttendant(sys, cluster, porter.Sees)
		if err != nil {
			w.t.Fatal(err)
		}
		w.who, cfg.Trackers = append(w.who, who), []Tracker{who}
	}
	e, err := Start(sys, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes, w.systems = append(w.nodes, e), append(w.systems, sys)
}

func (w *recordingNodes) stop() {
	for i, e := range w.nodes {
		if err := errors.Join(e.Shutdown(w.t.Context()), w.systems[i].Shutdown(w.t.Context())); err != nil {
			w.t.Error(err)
		}
	}
}

// strict is a handler that sees all of what its client gets.
type strict struct{ mute }

func (strict) Intercepts() []string { return []string{"n"} }
func (strict) HandleOut(c *Channel, event string, in Payload) error {
	return c.Push(event, in)
}

// memoryClient is a client of a recorded topic in the same program.
type memoryClient struct {
	conn    *memoryLine
	session *session
	take    func(ref, event, payload string) error // takes in a message
	id      string                                 // its Identity's
	last    Position                               // what it sends as since
	token   string                                 // to have its channel back
	got     string                                 // what it sends as got, in JSON; "": nothing
	feint   feint                                  // what it sends in place of these
	slow    bool                                   // much waits for it from the beginning
	joins   int                                    // over the present connection

	serializer wire.Serializer // nil: that of version 2
}

// join opens a connection to a node and joins.
func (c *memoryClient) join(e *Endpoint, topic string) error {
	seat, refused := e.admit(&e.mounts[0], peer{})
	if refused != nil {
		return refused
	}
	c.conn, c.joins = &memoryLine{seat: seat}, 0
	c.conn.fills(c.slow)
	c.session = newSession(e, &e.mounts[0], c.conn, Identity{ID: c.id}, cmp.Or[wire.Serializer](c.serializer, wire.V2{}))
	if !seat.start(c.session) {
		return errors.New("not started")
	}
	c.ask(topic)
	return nil
}

// ask joins over the present connection, perhaps not for the first time.
func (c *memoryClient) ask(topic string) {
	c.joins++
	since, token := strconv.Quote(c.last.String()), strconv.Quote(c.token)
	params := fmt.Sprintf(`"since":%s,"resume_token":%s`, cmp.Or(c.feint.since, since), cmp.Or(c.feint.token, token))
	if got := cmp.Or(c.feint.got, c.got); got != "" {
		params += `,"got":` + got
	}
	c.session.ctx.Self().Send(sessionMsg{op: opFrame, data: fmt.Appendf(nil, `["%d","%[1]d",%q,"phx_join",{%s}]`, c.joins, topic, params)})
}

// cut ends the connection. Of what has been sent, only the first n messages arrive.
func (c *memoryClient) cut(n int) error {
	err := c.read(n)
	hangUp(c.session)
	return err
}

// hangUp has the server notice that a connection is lost.
func hangUp(s *session) { s.ctx.Self().Send(sessionMsg{op: opHangup, with: errors.New("cut")}) }

// read takes in what has come, up to n messages.
func (c *memoryClient) read(n int) error {
	for _, text := range c.conn.taken(n) {
		var m [5]json.RawMessage
		var ref, event string
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return fmt.Errorf("%q: %w", text, err)
		}
		json.Unmarshal(m[1], &ref)
		json.Unmarshal(m[3], &event)
		if err := c.take(ref, event, string(m[4])); err != nil {
			return fmt.Errorf("%s, after %v: %w", text, c.last, err)
		}
	}
	return nil
}

// memoryLine is a transport to a client in the same program.
type memoryLine struct {
	seat   seat
	line   *line
	queued atomic.Int64

	mu  sync.Mutex
	got []string
}

func (m *memoryLine) name() string   { return "memory" }
func (m *memoryLine) attach(l *line) { m.line = l }
func (m *memoryLine) handled(int64)  {}
func (m *memoryLine) send(f frame.Sealed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f.Messages() == 0 {
		m.got = append(m.got, "a frame without a message")
	}
	for one := range f.Each() { // a client may be cut off between those that travel together
		m.got = append(m.got, string(one.Payload()))
	}
}
func (m *memoryLine) closeWith(websocket.StatusCode, string) {}
func (*memoryLine) cut()                                     {}
func (m *memoryLine) state() transportState {
	return transportState{queued: int(m.queued.Load())}
}

// fills has much wait for the client, or nothing.
func (m *memoryLine) fills(slow bool) { m.queued.Store(map[bool]int64{true: 1 << 30}[slow]) }

func (m *memoryLine) Release(actor.PID, error) { m.seat.leave() }

// taken returns the first messages that have been sent and not taken yet; n < 0: all.
func (m *memoryLine) taken(n int) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n < 0 || n > len(m.got) {
		n = len(m.got)
	}
	list := m.got[:n]
	m.got = m.got[n:]
	return list
}
