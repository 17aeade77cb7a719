package main

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(sys *actor.System) (*ws.Endpoint, error) {
	endpoint, children := boards()
	_, err := supervisor.Start(sys, supervisor.Spec{Children: children})
	return endpoint, err
}

// join connects a client to a board, and returns the strokes that it is shown.
func join(t *testing.T, endpoint *ws.Endpoint) (*wstest.Channel, []Stroke) {
	t.Helper()
	board, answer := wstest.NewClient(t, endpoint, "/socket", ws.Identity{}).Join("board:1", nil)
	shown, err := ws.Decode[struct {
		Strokes []Stroke `json:"strokes"` // null is none
	}](answer)
	if err != nil {
		t.Fatal(err)
	}
	return board, shown.Strokes
}

var line = Stroke{Points: [][2]int{{1, 1}, {2, 2}}, Color: "red"}

func TestAllDrawOnOneBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, start)
		ann, shown := join(t, endpoint)
		if len(shown) != 0 {
			t.Errorf("shown %v", shown)
		}
		ann.AssertReply(ann.Push("draw", line), "ok")
		bob, shown := join(t, endpoint)
		if len(shown) != 1 || shown[0].Color != "red" {
			t.Errorf("shown %v", shown)
		}
		ann.AssertPush("came")
		bob.AssertReply(bob.Push("draw", line), "ok")
		ann.AssertPush("stroke", line)
		bob.AssertReply(bob.Push("clear", nil), "ok")
		ann.AssertPush("cleared")
		bob.Leave()
		ann.AssertPush("left")
	})
}

func TestWhatABoardRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ann, _ := join(t, wstest.Start(t, start))
		for _, tt := range []struct {
			stroke         Stroke
			field, problem string
		}{
			{Stroke{make([][2]int, 501), "red"}, "points", "must be 1 to 500"},
			{Stroke{[][2]int{}, "red"}, "points", "must be 1 to 500"},
			{Stroke{line.Points, strings.Repeat("red", 11)}, "color", "is too long"},
		} {
			ann.AssertReply(ann.Push("draw", tt.stroke), "error",
				map[string]any{"reason": "invalid payload", "fields": map[string]string{tt.field: tt.problem}})
		}
		for range 47 { // what is refused counts, too
			ann.AssertReply(ann.Push("draw", line), "ok")
		}
		ann.AssertReply(ann.Push("draw", line), "error", wstest.Partial{"reason": "too many events"})
	})
}

func TestBoardOutlivesItsClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		endpoint := wstest.Start(t, start)
		draw := func() {
			ann, _ := join(t, endpoint)
			ann.AssertReply(ann.Push("draw", line), "ok")
			ann.AssertReply(ann.Leave(), "ok")
		}
		draw()
		time.Sleep(59 * time.Second)
		draw()
		time.Sleep(59 * time.Second)
		if ann, shown := join(t, endpoint); len(shown) != 2 {
			t.Errorf("shown %v", shown)
		} else {
			ann.Leave()
		}
		time.Sleep(61 * time.Second)
		if _, shown := join(t, endpoint); len(shown) != 0 {
			t.Errorf("shown %v of a board that is gone", shown)
		}
	})
}

func TestBoardKeepsTheLastStrokes(t *testing.T) {
	var b Board
	for i := range 45 {
		b.keep(Stroke{Points: slices.Repeat([][2]int{{i, i}}, 500)})
	}
	if len(b.strokes) != 40 || b.points != kept || b.strokes[0].Points[0][0] != 5 {
		t.Errorf("%d strokes of %d points are kept, from %v", len(b.strokes), b.points, b.strokes[0].Points[0])
	}
	b.keep(line)
	if len(b.strokes) != 40 || b.points != kept-500+2 {
		t.Errorf("%d strokes of %d points are kept", len(b.strokes), b.points)
	}
}
