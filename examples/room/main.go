// Command room is the chat room that everybody knows from Phoenix: each client in a topic
// such as room:lobby gets each new_msg that one of them sends.
package main

import (
	"net/http"
	"time"

	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
)

type Room struct{}

func (Room) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

type NewMsg struct {
	Body string `json:"body"`
	User string `json:"user"`
}

func (Room) NewMsg(c *ws.Channel, m NewMsg) (ws.Reply, error) {
	return ws.NoReply, c.Broadcast("new_msg", m)
}

var addr = "127.0.0.1:4000"

func program() supervisor.Program {
	route := ws.Topic("room:*", func() Room { return Room{} }, ws.Events[Room]{"new_msg": ws.On(Room.NewMsg)})
	rooms := ws.New(ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{route}}}})
	web := func() *http.Server { return &http.Server{Addr: addr, Handler: rooms, ReadHeaderTimeout: time.Minute} }
	children := []supervisor.Child{rooms.Child(), supervisor.Server("web", web)}
	return supervisor.Program{Spec: supervisor.Spec{Children: children}, Drain: rooms.Drain}
}

func main() { supervisor.Main(program()) }
