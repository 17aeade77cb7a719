package httpapi_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/httpapi"
)

// Whatever comes is answered with JSON, and published if and only if it says how.
func FuzzPublish(f *testing.F) {
	for _, seed := range []string{
		hello, `{"topic": "room:1", "event": "disconnect"}`, `{"topic": "room:1", "event": "e", "payload": []}`, `{}`, `[`, "\xff",
		`{"topic": "\ud800", "event": "phx_join"}`, `{"TOPIC": "room:1", "event": "e"} x`,
	} {
		f.Add(seed)
	}
	sys := actor.NewSystem(actor.Config{})
	f.Cleanup(func() { sys.Shutdown(context.Background()) })
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{Path: "/socket", Channels: ws.Routes{ws.Topic("room:*", func() room { return room{} }, nil)}}}})
	if err != nil {
		f.Fatal(err)
	}
	api, err := httpapi.New(httpapi.Config{Endpoint: endpoint, Tokens: token.Signed[httpapi.Grant]{Keys: keys, Purpose: purpose}, MaxRate: -1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		before := endpoint.Stats().Broadcasts
		status, _, answer := ask(t, api, post(t, "/publish", body))
		published := endpoint.Stats().Broadcasts - before
		if (status == 200) != (published == 1) || status == 200 && !json.Valid([]byte(body)) || status != 200 && status != 400 && status != 404 {
			t.Errorf("%q: %d %s, %d published", body, status, answer, published)
		}
	})
}
