package ws_test

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/transport/ws"
)

// Board is a channel: the notes that one client has put up.
type Board struct{ notes []string }

// Note is what the client sends with "add".
type Note struct {
	Text string   `json:"text"`
	Tags []string `json:"tags,omitempty"` // may be left out
}

// Validate implements [ws.Validator].
func (n Note) Validate() error {
	if n.Text == "" {
		return ws.Invalid("text", "is empty")
	}
	return nil
}

var boardEvents = ws.Events[*Board]{
	"add":   ws.On((*Board).Add),
	"count": (*Board).Count,
}

func (b *Board) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// Add gets its input decoded and checked.
func (b *Board) Add(_ *ws.Channel, in Note) (ws.Reply, error) {
	b.notes = append(b.notes, in.Text)
	return ws.OK(nil), nil
}

// Count takes the payload as it comes.
func (b *Board) Count(*ws.Channel, ws.Payload) (ws.Reply, error) {
	return ws.OK(map[string]int{"count": len(b.notes)}), nil
}

func ExampleEvents() {
	var board Board // as an endpoint makes one for each join
	for _, push := range []struct{ event, payload string }{
		{"add", `{"text":"buy tea"}`},
		{"add", `{"text":"buy milk","tags":"shop"}`},
		{"add", `{"tags":["shop"]}`},
		{"add", `{"text":""}`},
		{"count", `{}`},
		{"remove", `{}`},
	} {
		payload, _ := ws.JSON(json.RawMessage(push.payload))
		reply := ws.UnknownEvent // as an endpoint answers what is not in the table
		if on, ok := boardEvents[push.event]; ok {
			reply, _ = on(&board, nil, payload) // these events make no use of their Channel
		}
		response, _ := json.Marshal(reply.Payload())
		fmt.Printf("%-6s %-5s %s\n", push.event, reply.Status(), response)
	}
	// Output:
	// add    ok    null
	// add    error {"reason":"invalid payload","fields":{"tags":"must be an array, not a string"}}
	// add    error {"reason":"invalid payload","fields":{"text":"is missing"}}
	// add    error {"reason":"invalid payload","fields":{"text":"is empty"}}
	// count  ok    {"count":1}
	// remove error {"reason":"unknown event"}
}

func ExampleDecode() {
	type Credentials struct {
		User  string `json:"user"`
		Token string `json:"token"`
	}
	payload, _ := ws.JSON(map[string]any{"user": 17})
	_, err := ws.Decode[Credentials](payload)
	fmt.Println(err)
	// Output: ws: invalid payload: token is missing, user must be a string, not a number
}

// Only clients that Connect has made admins may remove what is on a board.
func ExampleMiddleware() {
	type User struct{ Admin bool }
	adminsOnly := func(events ...string) ws.Middleware {
		return ws.Middleware{HandleIn: func(next ws.HandleInFunc) ws.HandleInFunc {
			return func(c *ws.Channel, event string, in ws.Payload) (ws.Reply, error) {
				if slices.Contains(events, event) && !ws.AssignsOf[User](c).Admin {
					return ws.Error(ws.Reason("forbidden")), nil
				}
				return next(c, event, in)
			}
		}}
	}
	newBoard := func() *Board { return new(Board) }
	_ = ws.Routes{ws.Topic("board:*", newBoard, boardEvents, adminsOnly("remove", "clear"))}
}
