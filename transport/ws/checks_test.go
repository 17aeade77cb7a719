package ws_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// CONN-4: each check comes only after those before it.
func TestOrderOfTheChecks(t *testing.T) {
	var refusals []string
	connects := 0
	socket := rooms(nil)
	socket.Subprotocols = []string{"chat"}
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		connects++
		return ws.Identity{}, errBadToken
	}
	socket.Observe = func(e ws.Observation) {
		if e, ok := e.(ws.Connected); ok {
			refusals = append(refusals, e.Err.Error())
		}
	}
	s := serve(t, socket)
	h := http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Origin": {"null"},
		"Sec-Websocket-Protocol": {"base64url.bearer.phx.%, other"},
	}
	path := "/socket/websocket?vsn=9.0.0"
	for _, mend := range []func(){
		func() { h.Del("Origin") },
		func() { h.Set("Sec-Websocket-Protocol", "base64url.bearer.phx.YQ, other") },
		func() { h.Set("Sec-Websocket-Protocol", "chat") },
		func() { path = "/socket/websocket?vsn=2.0.0" },
		func() {},
	} {
		if got := s.status(t, "GET", path, h); got != 403 {
			t.Errorf("status %d after %q", got, refusals)
		}
		mend()
	}
	want := []string{"origin not allowed", "auth token is not base64", "none of the client's subprotocols is spoken here",
		`no serializer for version "9.0.0"`, "bad token"}
	if strings.Join(refusals, "\n") != strings.Join(want, "\n") || connects != 1 {
		t.Errorf("refused for %q, with %d calls of Connect; want %q", refusals, connects, want)
	}
}

func TestCheckOriginDecides(t *testing.T) { // ORIG-1, ORIG-2, ORIG-3
	socket := polling(nil)
	socket.CheckOrigin = func(r *http.Request) bool { return r.Header.Get("Origin") != "https://evil.example" }
	s := serve(t, socket)
	for origin, allowed := range map[string]bool{"null": true, "https://other.example": true, "https://evil.example": false} {
		_, resp, err := s.dial(t, "/socket?vsn=2.0.0", http.Header{"Origin": {origin}})
		if (err == nil) != allowed || !allowed && resp.StatusCode != 403 {
			t.Errorf("%s: %v, %v", origin, resp, err)
		}
		if a, _ := s.pollClient(t, "").do("GET", "", "", http.Header{"Origin": {origin}}); (a.Status == 403) == allowed {
			t.Errorf("%s: a client that polls got %+v", origin, a)
		}
	}
}
