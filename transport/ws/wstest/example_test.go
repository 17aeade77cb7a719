package wstest_test

import (
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// Lobby is the channel under test.
type Lobby struct{}

func (Lobby) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

func (Lobby) HandleIn(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
	if event == "shout" {
		if err := c.Broadcast("shout", in); err != nil {
			return ws.NoReply, err
		}
		return ws.OK(nil), nil
	}
	return ws.UnknownEvent, nil
}

func TestLobby(t *testing.T) { synctest.Test(t, func(t *testing.T) { testLobby(t) }) }

func testLobby(t testing.TB) {
	endpoint := wstest.NewEndpoint(t, ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{{Pattern: "room:*", New: func() ws.Handler { return Lobby{} }}},
	})
	client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
	room, _ := client.Join(t, "room:lobby", nil)

	ref := room.Push(t, "shout", map[string]string{"text": "hello"})
	room.AssertReply(t, ref, "ok")
	room.AssertBroadcast(t, "shout", map[string]string{"text": "hello"})

	room.AssertReply(t, room.Push(t, "dance", nil), "error", ws.Reason("unknown event"))
	room.RefuteBroadcast(t, "dance")
}

func Example() {
	run(testLobby) // as go test does
	// Output: PASS
}
