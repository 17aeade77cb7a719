package ws_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// Two notes at once, and one more each minute. What is refused never reaches the handler.
func ExampleRateLimit() {
	twice := ws.RateLimit{Event: "add", Max: 1, Per: time.Minute, Burst: 2}
	_, address, stop := listen(ws.Socket{
		Path:     "/socket",
		Channels: ws.Routes{ws.Topic("board", func() *Board { return new(Board) }, boardEvents, twice.Middleware())},
	})
	defer stop()
	board, _, leave := join(address, "board")
	defer leave()

	for range 3 {
		_, err := board.Push(context.Background(), "add", Note{Text: "buy tea"})
		if refused, ok := errors.AsType[*wsclient.ReplyError](err); ok {
			fmt.Println(refused.Reason())
		} else if err == nil {
			fmt.Println("added")
		}
	}
	// Output:
	// added
	// added
	// too many events
}
