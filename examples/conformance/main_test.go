package main

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The tests in examples/e2e try every event with the official client; this one is
// to notice at once when the server does not work at all.
func TestServerAnswers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	endpoint, err := newEndpoint(sys)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(endpoint)
	defer func() {
		server.Close()
		if err := endpoint.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := sys.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	c, _, err := websocket.Dial(ctx, server.URL+"/socket/websocket?vsn=2.0.0&user_id=ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.CloseNow()
	for _, x := range [][2]string{
		{`["1","1","room:a","phx_join",{"x":1}]`, `["1","1","room:a","phx_reply",{"status":"ok","response":{"joined":"room:a","params":{"x":1}}}]`},
		{`["1","2","room:a","later",{"x":2}]`, `["1","2","room:a","phx_reply",{"status":"ok","response":{"x":2}}]`},
		{`["1","3","room:a","intercepted",{"x":3}]`, `["1","3","room:a","phx_reply",{"status":"ok","response":{}}]`},
		{``, `["1",null,"room:a","intercepted",{"seen_by":"ann","x":3}]`},
		{`["1","4","room:a","whoami",{}]`, `["1","4","room:a","phx_reply",{"status":"ok","response":{"auth_token":null,"user_id":"ann"}}]`},
	} {
		if x[0] != "" {
			if err := c.Write(ctx, websocket.MessageText, []byte(x[0])); err != nil {
				t.Fatal(err)
			}
		}
		if _, got, err := c.Read(ctx); err != nil || string(got) != x[1] {
			t.Fatalf("got %s, %v; want %s", got, err, x[1])
		}
	}
}
