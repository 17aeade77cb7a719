package ws_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// Two lines at once, and one more each minute. What is refused never reaches the handler.
func ExampleRateLimit() {
	twice := ws.RateLimit{Event: "say", Max: 1, Per: time.Minute, Burst: 2}
	_, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("lobby", newLobby, lobbyEvents, twice.Middleware())},
	})
	defer stop()
	lobby, _, leave := join(address, "lobby")
	defer leave()

	for range 3 {
		_, err := lobby.Push(context.Background(), "say", Said{"hello"})
		if refused, ok := errors.AsType[*wsclient.ReplyError](err); ok {
			fmt.Println(refused.Reason())
		}
	}
	// Output: too many events
}
