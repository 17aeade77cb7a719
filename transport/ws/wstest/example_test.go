package wstest_test

import (
	"testing"

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

func Example() {
	test := func(t testing.TB) { // func TestLobby(t *testing.T)
		endpoint := wstest.NewEndpoint(t, ws.Socket{
			Path:     "/socket",
			Channels: ws.Routes{ws.Topic("room:*", func() Lobby { return Lobby{} }, nil)},
		})
		client := wstest.NewClient(t, endpoint, "/socket", ws.Identity{ID: "user:ann"})
		room, _ := client.Join("room:lobby", nil)

		ref := room.Push("shout", map[string]string{"text": "hello"})
		room.AssertReply(ref, "ok")
		room.AssertBroadcast("shout", map[string]string{"text": "hello"})

		room.AssertReply(room.Push("dance", nil), "error", ws.Reason("unknown event"))
		room.RefuteBroadcast("dance")
	}
	run(test) // as go test does
	// Output: PASS
}
