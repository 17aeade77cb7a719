package ws_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// seen is a socket whose Connect hands out what it gets.
func seen(path string) (ws.Socket, chan *ws.Request) {
	requests := make(chan *ws.Request, 1)
	socket := rooms(nil)
	socket.Path = path
	socket.LongPoll = true
	socket.Connect = func(r *ws.Request) (ws.Identity, error) {
		requests <- r
		return ws.Identity{}, nil
	}
	return socket, requests
}

func TestConnectSeesTheRequest(t *testing.T) { // CONN-3, CONN-6, AUTH-2, AUTH-4
	socket, requests := seen("/{tenant}/socket/{shard}")
	s := serve(t, socket)
	header := http.Header{
		"X-Subprotocols": {"phoenix", "base64url.bearer.phx.czNjcmV0"},
		"Cookie":         {"session=abc"},
		"X-Request-Id":   {"17"},
		"Traceparent":    {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		"User-Agent":     {"test"},
	}
	if _, _, err := s.dial(t, "/acme/socket/7?vsn=2.0.0&a[b]=1&a[b]=2&tenant=mine", header); err != nil {
		t.Fatal(err)
	}
	r := <-requests
	cookie, err := r.Cookie("session")
	if err != nil || cookie.Value != "abc" {
		t.Errorf("cookie %v, %v", cookie, err)
	}
	for _, c := range [][2]string{
		{r.AuthToken, "s3cret"},
		{r.Params.Get("vsn"), "2.0.0"},
		{strings.Join(r.Params["a[b]"], " "), "1 2"},
		{r.Params.Get("tenant"), "acme"}, // not the client's parameter
		{r.Params.Get("shard"), "7"},
		{r.PathValue("shard"), "7"},
		{r.Header.Get("X-Request-Id"), "17"},
		{r.Header.Get("Traceparent"), header.Get("Traceparent")},
		{r.UserAgent(), "test"},
		{r.URL.Path, "/acme/socket/7/websocket"},
		{r.Header.Get("Sec-WebSocket-Version"), "13"},
		{r.Header.Get("Sec-WebSocket-Protocol"), "phoenix"}, // without the token
		{r.RemoteAddr[:strings.LastIndexByte(r.RemoteAddr, ':')], "127.0.0.1"},
	} {
		if c[0] != c[1] {
			t.Errorf("got %q, want %q", c[0], c[1])
		}
	}

	resp, err := http.DefaultClient.Do(request(t, "http://"+s.addr+"/acme/socket/8/longpoll?vsn=2.0.0&x=1", http.Header{"X-Phoenix-Authtoken": {"s3cret"}}))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	r = <-requests
	if r.AuthToken != "s3cret" || r.Header.Get("X-Phoenix-AuthToken") != "" || r.Params.Get("shard") != "8" || r.Params.Get("x") != "1" {
		t.Errorf("long-poll: token %q, params %v, header %v", r.AuthToken, r.Params, r.Header)
	}

	for _, path := range []string{"/socket/7", "/acme/socket", "/acme/other/7", "/acme/socket/7/8", "//socket/7", "/acme/socket/"} {
		if _, resp, err := s.dial(t, path, nil); err == nil || resp.StatusCode != 404 {
			t.Errorf("%s: %v, %v; want 404", path, resp, err)
		}
	}
}

func request(t *testing.T, url string, header http.Header) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	return r
}

func TestEndpointUnderAMux(t *testing.T) { // CONN-1, CONN-3
	socket, requests := seen("/socket")
	s := serve(t, socket)
	mux := http.NewServeMux()
	mux.HandleFunc("/v1/{tenant}/", func(w http.ResponseWriter, r *http.Request) {
		http.StripPrefix("/v1/"+r.PathValue("tenant"), s.Endpoint).ServeHTTP(w, r)
	})
	front := httptest.NewServer(mux)
	defer front.Close()
	s.addr = front.Listener.Addr().String()
	c, _, err := s.dial(t, "/v1/acme/socket?vsn=2.0.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	c.heartbeat()
	if r := <-requests; r.PathValue("tenant") != "acme" || r.RequestURI != "/v1/acme/socket/websocket?vsn=2.0.0" {
		t.Errorf("tenant %q, URI %q", r.PathValue("tenant"), r.RequestURI)
	}
}

// An endpoint may serve a part of a program's paths, with the prefix or without; a page of
// another origin is refused there as anywhere, and Connect sees who asks, by what cookie.
func TestEndpointUnderAPartOfThePaths(t *testing.T) {
	for _, c := range []struct{ path, strip string }{{"/observer/socket", ""}, {"/socket", "/observer"}} {
		socket := rooms(nil)
		socket.Path, socket.LongPoll = c.path, true
		requests := make(chan *ws.Request, 2)
		socket.Connect = func(r *ws.Request) (ws.Identity, error) { requests <- r; return ws.Identity{}, nil }
		s := serve(t, socket)
		mux := http.NewServeMux()
		mux.Handle("/observer/", http.StripPrefix(c.strip, s.Endpoint))
		front := httptest.NewServer(mux)
		defer front.Close()
		s.addr = front.Listener.Addr().String()
		for origin, allowed := range map[string]bool{"http://" + s.addr: true, "http://evil.example": false, "null": false} {
			header := http.Header{"Origin": {origin}, "Cookie": {"session=17"}}
			client, resp, err := s.dial(t, "/observer/socket?vsn=2.0.0", header)
			if (err == nil) != allowed || !allowed && resp.StatusCode != http.StatusForbidden {
				t.Errorf("mounted at %s, from %s: %v", c.path, origin, err)
			}
			poller := s.pollClient(t, "")
			poller.url = "http://" + s.addr + "/observer/socket/longpoll?vsn=2.0.0"
			if a, _ := poller.do("GET", "", "", header); (a.Status == 410) != allowed {
				t.Errorf("mounted at %s, from %s: polling is answered %+v", c.path, origin, a)
			}
			if !allowed {
				continue
			}
			client.heartbeat()
			for range 2 {
				r := <-requests
				from, err := netip.ParseAddrPort(r.RemoteAddr)
				cookie, missing := r.Cookie("session")
				if err != nil || !from.Addr().IsLoopback() || missing != nil || cookie.Value != "17" {
					t.Errorf("Connect sees %q, %v", r.RemoteAddr, cookie)
				}
			}
		}
	}
}

func TestRefusalMayHaveAnotherStatus(t *testing.T) { // CONN-5
	var answer error
	socket := rooms(nil)
	socket.LongPoll = true
	socket.Connect = func(*ws.Request) (ws.Identity, error) { return ws.Identity{}, answer }
	s := serve(t, socket)
	for _, c := range []struct {
		err  error
		want int
	}{
		{errBadToken, 403},
		{&ws.StatusError{Status: 429, Header: http.Header{"Retry-After": {"30"}}}, 429},
		{&ws.StatusError{}, 403},
		{&ws.StatusError{Status: 200}, 403},
	} {
		answer = c.err
		_, resp, err := s.dial(t, "/socket?vsn=2.0.0", nil)
		if err == nil || resp.StatusCode != c.want || resp.ContentLength != 0 {
			t.Errorf("%v: %v", c.err, resp)
		}
		if c.want == 429 && resp.Header.Get("Retry-After") != "30" {
			t.Errorf("header %v", resp.Header)
		}
		if a := s.pollClient(t, "").poll(); a.Status != 403 {
			t.Errorf("%v: a client that polls got %+v", c.err, a)
		}
	}
}

func TestSubprotocols(t *testing.T) { // CONN-13
	socket := rooms(nil)
	socket.Subprotocols = []string{"chat", "chat2"}
	open := rooms(nil)
	open.Path = "/open"
	s := serve(t, socket, open)
	for _, c := range []struct {
		path  string
		asked []string
		want  string // what is answered
		fails bool
	}{
		{"/socket", nil, "", false},
		{"/socket", []string{"chat2", "other"}, "chat2", false},
		{"/socket", []string{"phoenix", "base64url.bearer.phx.YQ"}, "phoenix", false},
		{"/socket", []string{"other"}, "", true},
		{"/open", []string{"other"}, "", false},
		{"/open", []string{"other", "phoenix"}, "phoenix", false},
	} {
		_, resp, err := s.dial(t, c.path, http.Header{"X-Subprotocols": slices.Clone(c.asked)})
		switch {
		case c.fails:
			if err == nil || resp.StatusCode != 403 {
				t.Errorf("%s %v: %v, %v; want 403", c.path, c.asked, resp, err)
			}
		case err != nil:
			t.Errorf("%s %v: %v", c.path, c.asked, err)
		case resp.Header.Get("Sec-WebSocket-Protocol") != c.want:
			t.Errorf("%s %v: answered %q, want %q", c.path, c.asked, resp.Header.Get("Sec-WebSocket-Protocol"), c.want)
		}
	}
}
