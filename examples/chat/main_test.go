package main

import (
	"context"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The browser tests in examples/e2e use the page; this one the room alone.
func TestRoomPassesMessagesOnAndSurvivesTheCrashButton(t *testing.T) {
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

	// Who is there comes in between, and is left out.
	talk := func(c *websocket.Conn, send string, want ...string) {
		t.Helper()
		if send != "" {
			if err := c.Write(ctx, websocket.MessageText, []byte(send)); err != nil {
				t.Fatal(err)
			}
		}
		for _, w := range want {
			_, got, err := c.Read(ctx)
			for err == nil && strings.Contains(string(got), `"presence_`) {
				_, got, err = c.Read(ctx)
			}
			if err != nil || string(got) != w {
				t.Fatalf("got %s, %v; want %s", got, err, w)
			}
		}
	}
	join := func() *websocket.Conn {
		c, _, err := websocket.Dial(ctx, server.URL+"/socket/websocket?vsn=2.0.0", nil)
		if err != nil {
			t.Fatal(err)
		}
		talk(c, `["1","1","room:lobby","phx_join",{}]`, `["1","1","room:lobby","phx_reply",{"status":"ok","response":{}}]`)
		return c
	}
	ann, bob := join(), join()
	defer ann.CloseNow()
	defer bob.CloseNow()

	const hello = `[null,null,"room:lobby","new_msg",{"body":"hello","user":"ann"}]`
	talk(ann, `["1","2","room:lobby","new_msg",{"body":"hello","user":"ann"}]`,
		hello, `["1","2","room:lobby","phx_reply",{"status":"ok","response":{}}]`)
	talk(bob, "", hello)
	talk(ann, `["1","3","room:lobby","crash",{}]`, `["1","1","room:lobby","phx_error",{"reason":"channel_crash"}]`)
	talk(bob, `["1","4","room:lobby","new_msg",{"body":"still here"}]`,
		`[null,null,"room:lobby","new_msg",{"body":"still here"}]`, `["1","4","room:lobby","phx_reply",{"status":"ok","response":{}}]`)
}

func TestPageIsEmbeddedAndLoadsNothingFromElsewhere(t *testing.T) {
	names, err := fs.Glob(page, "page/*")
	if err != nil || len(names) < 3 {
		t.Fatalf("embedded %v, %v", names, err)
	}
	for _, name := range names {
		text, err := page.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		links := strings.ReplaceAll(string(text), "http://www.w3.org/2000/svg", "") // a name, not an address
		for _, scheme := range []string{"http://", "https://"} {
			if strings.Contains(links, scheme) {
				t.Errorf("%s mentions %s", name, scheme)
			}
		}
	}
}
