package ws_test

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// Draft is the handler of a channel that outlives its connection: what its client has typed is
// in its field.
type Draft struct{ text string }

func newDraft() *Draft { return new(Draft) }

// Join begins with an empty draft.
func (d *Draft) Join(*ws.Channel, string, ws.Payload) (any, error) { return d.state(), nil }

// Type adds to the draft.
func (d *Draft) Type(_ *ws.Channel, in struct{ Text string }) (ws.Reply, error) {
	d.text += in.Text
	return ws.OK(d.state()), nil
}

// Resumed is called when the client has come back, in place of Join.
func (d *Draft) Resumed(c *ws.Channel, r ws.Resumption) (any, error) {
	if !r.Complete {
		c.Push("reload", nil)
	}
	return d.state(), nil
}

// Terminate is called when the client has left, or has not come back.
func (d *Draft) Terminate(_ *ws.Channel, reason error) { fmt.Println("ended:", reason) }

func (d *Draft) state() any { return map[string]string{"text": d.text} }

// draftRoute has drafts stay for half a minute without their clients.
func draftRoute() ws.Route {
	draft := ws.Topic("draft:*", newDraft, ws.Events[*Draft]{"type": ws.On((*Draft).Type)})
	draft.Linger = 30 * time.Second
	return draft
}

var (
	_ = slog.DiscardHandler
	_ = websocket.StatusNormalClosure
	_ = actor.Normal
	_ = wstest.Partial
)
