package ws_test

import (
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

func TestServesTellsTopicsThatClientsMayAskFor(t *testing.T) {
	route := func(pattern string) ws.Route { return ws.Topic(pattern, newLobby, nil) }
	endpoint := ws.New(ws.Config{Sockets: []ws.Socket{
		{Path: "/socket", Channels: ws.Routes{route("room:*"), route("lobby")}},
		{Path: "/staff", Channels: ws.Routes{route("staff:*"), route("p*")}},
	}})
	for topic, want := range map[string]bool{
		"room:1": true, "room:": true, "lobby": true, "staff:1": true, "pub": true,
		"": false, "room": false, "lobby:1": false, "Lobby": false, "phoenix": false,
		"room:" + strings.Repeat("a", 1019): true,
		"room:" + strings.Repeat("a", 1020): false,
	} {
		if got := endpoint.Serves(topic); got != want {
			t.Errorf("%.20q: %v", topic, got)
		}
	}
}
