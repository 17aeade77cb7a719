package ws_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
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

// A client whose connection is lost has its draft as it was when it comes back.
func ExampleResumer() {
	sys := actor.NewSystem(actor.Config{})
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{draftRoute()}}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	server := httptest.NewServer(endpoint)
	defer server.Close()
	ctx := context.Background()
	connect := func() *websocket.Conn {
		conn, _, err := websocket.Dial(ctx, server.URL+"/socket/websocket?vsn=2.0.0", nil)
		if err != nil {
			fmt.Println(err)
		}
		return conn
	}
	send := func(conn *websocket.Conn, event, payload string) (text, token string) {
		var m []json.RawMessage
		var reply struct {
			Response struct {
				Text  string
				Token string `json:"resume_token"`
			}
		}
		conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `["1","1","draft:7",%q,%s]`, event, payload))
		_, data, err := conn.Read(ctx)
		if err != nil || json.Unmarshal(data, &m) != nil || json.Unmarshal(m[4], &reply) != nil {
			fmt.Println(err)
		}
		return reply.Response.Text, reply.Response.Token
	}

	conn := connect()
	_, token := send(conn, "phx_join", `{}`)
	send(conn, "type", `{"text": "Dear all"}`)
	conn.CloseNow() // as when the network is lost

	conn = connect()
	text, _ := send(conn, "phx_join", fmt.Sprintf(`{"resume_token": %q}`, token))
	fmt.Println("resumed:", text)
	send(conn, "phx_leave", `{}`)
	conn.Close(websocket.StatusNormalClosure, "")
	endpoint.Shutdown(ctx)
	sys.Shutdown(ctx)
	// Output:
	// resumed: Dear all
	// ended: shutdown: left
}
