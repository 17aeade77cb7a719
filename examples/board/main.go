// Command board is a drawing board for many: those on one topic, such as board:1, draw on
// one board. It keeps the last strokes, shows them to each client that joins, and is there
// for a minute after the last has left.
package main

import (
	"flag"
	"net/http"
	"time"

	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/room"
)

// kept is how many points the strokes have that a board keeps. They are shown in one answer,
// which stays below a megabyte.
const kept = 20_000

// Board is what all who have joined one topic share.
type Board struct {
	strokes []Stroke // never nil, which clients would get as null
	points  int      // in strokes
}

func newBoard(string) *Board { return &Board{strokes: []Stroke{}} }

// Stroke is what a client sends with "draw", and gets with "stroke".
type Stroke struct {
	Points [][2]int `json:"points"`
	Color  string   `json:"color"`
}

// Validate implements [ws.Validator].
func (s Stroke) Validate() error {
	switch {
	case len(s.Points) == 0 || len(s.Points) > 500:
		return ws.Invalid("points", "must be 1 to 500")
	case len(s.Color) > 32:
		return ws.Invalid("color", "is too long")
	}
	return nil
}

// Join shows a client the last strokes. It misses none of those that follow.
func (b *Board) Join(m *room.Member, _ ws.Payload) (any, error) {
	return map[string]any{"strokes": b.strokes, "here": m.Room().Len()}, m.BroadcastFrom("came", nil)
}

// Leave implements [room.Leaver].
func (b *Board) Leave(m *room.Member, _ error) { m.BroadcastFrom("left", nil) }

// Draw adds a stroke, and tells the others.
func (b *Board) Draw(m *room.Member, s Stroke) (ws.Reply, error) {
	b.keep(s)
	return ws.OK(nil), m.BroadcastFrom("stroke", s)
}

func (b *Board) keep(s Stroke) {
	b.strokes = append(b.strokes, s)
	b.points += len(s.Points)
	for b.points > kept {
		b.points -= len(b.strokes[0].Points)
		b.strokes = b.strokes[1:]
	}
}

// Clear wipes the board.
func (b *Board) Clear(m *room.Member, _ struct{}) (ws.Reply, error) {
	b.strokes, b.points = []Stroke{}, 0
	return ws.OK(nil), m.Broadcast("cleared", nil)
}

// boards returns the endpoint of the boards, and what runs for it.
func boards() (*ws.Endpoint, []supervisor.Child) {
	rooms := room.New(room.Config{ID: "boards", Linger: time.Minute, Max: 10_000}, newBoard, room.Events[*Board]{
		"draw":  room.On((*Board).Draw),
		"clear": room.On((*Board).Clear),
	})
	calm := ws.RateLimit{Event: "draw", Max: 50}.Middleware()
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{{
		Path: "/socket", Channels: ws.Routes{rooms.Topic("board:*", calm)},
	}}})
	return endpoint, []supervisor.Child{rooms.Child(), endpoint.Child()}
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "address to listen on")
	flag.Parse()
	endpoint, children := boards()
	web := supervisor.Server("web", func() *http.Server {
		return &http.Server{Addr: *addr, Handler: endpoint, ReadHeaderTimeout: 10 * time.Second}
	})
	supervisor.Main(supervisor.Program{
		Spec:  supervisor.Spec{Children: append(children, web)},
		Drain: endpoint.Drain,
	})
}
