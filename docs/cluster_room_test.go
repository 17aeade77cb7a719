package docs

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/room"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// The boards of guide/cluster.md.

// Board is what those on one topic share on this node. It has what the boards on the other
// nodes have.
type Board struct {
	node    string
	others  *pubsub.PubSub[news]
	strokes []Stroke
	has     map[string]bool // by ID of the stroke
}

// Stroke has an ID that is the same on all nodes.
type Stroke struct {
	ID     string   `json:"id,omitempty"`
	Points [][2]int `json:"points"`
}

// news is what the boards of one topic tell each other.
type news struct {
	Strokes []Stroke `json:"strokes,omitempty"`
	Asker   string   `json:"asker,omitempty"` // a node that wants all strokes
}

// Start asks for the others' strokes, and again every 15 seconds: news may get lost.
func (b *Board) Start(r *room.Room) error {
	if err := room.SubscribeTo(b.others, r, r.Topic()); err != nil {
		return err
	}
	r.SendEvery(15*time.Second, ask{})
	return b.HandleInfo(r, ask{})
}

type ask struct{}

// Join shows a client the strokes that there are. It is sent each later one once.
func (b *Board) Join(*room.Member, ws.Payload) (any, error) {
	return map[string]any{"strokes": b.strokes}, nil
}

// Draw adds a stroke, and tells the other boards.
func (b *Board) Draw(m *room.Member, s Stroke) (ws.Reply, error) {
	s.ID = rand.Text()
	b.tell(m.Room(), news{Strokes: []Stroke{s}})
	return ws.OK(nil), b.add(m.Room(), s)
}

// tell does not mind an error: what the others miss, they ask for.
func (b *Board) tell(r *room.Room, n news) { b.others.BroadcastFrom(r.Context().PID(), r.Topic(), n) }

// add adds a stroke that is new, and shows it to the clients on this node only.
func (b *Board) add(r *room.Room, s Stroke) error {
	if b.has[s.ID] {
		return nil
	}
	b.has[s.ID] = true
	b.strokes = append(b.strokes, s)
	return r.Endpoint().LocalBroadcast(r.Topic(), "stroke", s)
}

// HandleGap asks at once for what was lost.
func (b *Board) HandleGap(r *room.Room, _ pubsub.Gap) error { return b.HandleInfo(r, ask{}) }

// HandleInfo hears from the other boards.
func (b *Board) HandleInfo(r *room.Room, msg any) error {
	switch msg := msg.(type) {
	case ask:
		b.tell(r, news{Asker: b.node})
	case news:
		if msg.Asker != "" {
			b.others.DirectBroadcast(msg.Asker, r.Topic(), news{Strokes: slices.Clone(b.strokes)})
		}
		for _, s := range msg.Strokes {
			if err := b.add(r, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// present has the clients of a route be present under their names.
func present(who *presence.Tracker) ws.Middleware {
	return ws.Middleware{Join: func(join ws.JoinFunc) ws.JoinFunc {
		return func(c *ws.Channel, topic string, in ws.Payload) (any, error) {
			reply, err := join(c, topic, in)
			if err == nil {
				who.Enter(c, c.SocketID(), nil)
			}
			return reply, err
		}
	}}
}

// boards returns the endpoint of a node's boards, and what runs for it.
func boards(cluster *pubsub.Cluster) (*ws.Endpoint, []supervisor.Child, error) {
	others := new(pubsub.PubSub[news])
	if err := others.Connect(cluster, "boards", pubsub.JSON[news]{}); err != nil {
		return nil, nil, err
	}
	newBoard := func(string) *Board {
		return &Board{cluster.Node(), others, []Stroke{}, map[string]bool{}}
	}
	rooms := room.New(room.Config{Linger: time.Minute}, newBoard, room.Events[*Board]{
		"draw": room.On((*Board).Draw),
	})
	who := presence.New(presence.Config{Cluster: cluster})
	endpoint := ws.New(ws.Config{Cluster: cluster, Trackers: []ws.Tracker{who}, Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{rooms.Topic("board:*", present(who))},
	}}})
	return endpoint, []supervisor.Child{
		supervisor.Actor("cluster", cluster.Behavior), who.Child(), rooms.Child(), endpoint.Child(),
	}, nil
}

// leaky is an adapter that loses what is broadcast while it leaks.
type leaky struct {
	pubsub.Adapter
	leaks atomic.Bool
}

func (l *leaky) Broadcast(topic string, data []byte) error {
	if l.leaks.Load() {
		return nil
	}
	return l.Adapter.Broadcast(topic, data)
}

// painter is a client on a board, with what it has been shown.
type painter struct {
	*wstest.Channel
	t     *testing.T
	shown []string
}

func newPainter(t *testing.T, endpoint *ws.Endpoint, name string) *painter {
	t.Helper()
	ch, answer := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: name}).Join("board:1", nil)
	ch.AssertPush("presence_state", wstest.Partial{name: wstest.Any})
	board, err := ws.Decode[struct {
		Strokes []Stroke `json:"strokes"`
	}](answer)
	if err != nil {
		t.Fatal(err)
	}
	p := &painter{Channel: ch, t: t}
	p.see(board.Strokes...)
	return p
}

func (p *painter) see(strokes ...Stroke) {
	for _, s := range strokes {
		p.shown = append(p.shown, fmt.Sprint(s.Points[0][0]))
	}
}

func (p *painter) draw(n int) {
	p.t.Helper()
	p.AssertReply(p.Push("draw", Stroke{Points: [][2]int{{n, 0}}}), "ok")
}

// sees makes sure that the painter has been shown these strokes, each once.
func (p *painter) sees(want ...string) {
	p.t.Helper()
	for len(p.shown) < len(want) {
		s, err := ws.Decode[Stroke](p.AssertPush("stroke"))
		if err != nil {
			p.t.Fatal(err)
		}
		p.see(s)
	}
	p.RefutePush("stroke")
	if !slices.Equal(p.shown, want) {
		p.t.Errorf("shown %v, want %v", p.shown, want)
	}
}

func TestBoardsOfTwoNodesAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sys := actortest.NewSystem(t)
		hub := new(pubsub.Hub)
		start := func(adapter pubsub.Adapter) (*ws.Endpoint, supervisor.Tree) {
			endpoint, children, err := boards(pubsub.NewCluster(adapter))
			if err != nil {
				t.Fatal(err)
			}
			tree, err := supervisor.Start(sys, supervisor.Spec{Children: children})
			if err != nil {
				t.Fatal(err)
			}
			return endpoint, tree
		}
		wire := &leaky{Adapter: hub.Node("berlin")}
		berlin, inBerlin := start(wire)
		tokyo, _ := start(hub.Node("tokyo"))

		ann := newPainter(t, berlin, "ann")
		ann.draw(1)
		bob := newPainter(t, tokyo, "bob") // the first in Tokyo
		bob.sees("1")
		bob.draw(2)
		ann.sees("1", "2")
		bob.sees("1", "2")
		newPainter(t, tokyo, "cy").sees("1", "2")

		wire.leaks.Store(true)
		ann.draw(3)
		bob.sees("1", "2")
		wire.leaks.Store(false)
		time.Sleep(16 * time.Second)
		bob.sees("1", "2", "3")
		ann.sees("1", "2", "3")
		ann.AssertPush("presence_diff", wstest.Partial{"joins": wstest.Partial{"bob": wstest.Any}})

		if err := berlin.Drain(t.Context()); err != nil {
			t.Error(err)
		}
		if err := inBerlin.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		newPainter(t, tokyo, "ann").sees("1", "2", "3")
	})
}
