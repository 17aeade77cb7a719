package chat

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/supervisor"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
	"github.com/troupe-go/troupe/transport/ws/wstest"
)

// programOf returns the program of a chat, on an address.
func programOf(t *testing.T, config func() Config) func(addr string) supervisor.Program {
	return func(addr string) supervisor.Program {
		c := config()
		c.Addr = addr
		p, err := c.Program()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
}

// get returns what a page answers for a path that it must have, and as what.
func get(t *testing.T, page http.Handler, path string) (body, contentType string) {
	t.Helper()
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%s: status %d", path, w.Code)
	}
	return w.Body.String(), w.Header().Get("Content-Type")
}

const isJavaScript = "text/javascript; charset=utf-8"

func TestPageHasAClientOfItsOwn(t *testing.T) {
	page, err := newPage(Config{})
	if err != nil {
		t.Fatal(err)
	}
	client, contentType := get(t, page, "/client.js")
	if !strings.Contains(client, `from "./phoenix-lite.js"`) || contentType != isJavaScript {
		t.Errorf("client.js, as %s:\n%s", contentType, client)
	}
	get(t, page, "/phoenix-lite.js")
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest("GET", "/phoenix.mjs", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("phoenix.mjs: status %d", w.Code)
	}
}

// packageOf is an npm package as it is installed.
func packageOf(about string) fstest.MapFS {
	return fstest.MapFS{
		"package.json":    {Data: []byte(about)},
		"static/main.mjs": {Data: []byte("the client")},
	}
}

func TestPageRunsOnTheInstalledPackage(t *testing.T) {
	phoenix := packageOf(`{"name": "phoenix", "version": "1.2.3-rc.\"0\"", "module": "./static/main.mjs"}`)
	page, err := newPage(Config{Phoenix: phoenix})
	if err != nil {
		t.Fatal(err)
	}
	client, contentType := get(t, page, "/client.js")
	for _, line := range []string{
		`export { Presence, Socket } from "./phoenix.mjs";`,
		`export const version = "1.2.3-rc.\"0\"";`,
	} {
		if !strings.Contains(client, line) || contentType != isJavaScript {
			t.Errorf("client.js, as %s, without %s:\n%s", contentType, line, client)
		}
	}
	if module, contentType := get(t, page, "/phoenix.mjs"); module != "the client" || contentType != isJavaScript {
		t.Errorf("phoenix.mjs is %q, as %s", module, contentType)
	}
	if html, _ := get(t, page, "/"); !strings.Contains(html, "chat.js") {
		t.Errorf("the page is\n%s", html)
	}
}

func TestWhatIsNotThePackageIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		dir  fs.FS
		want string
	}{
		"nothing":         {fstest.MapFS{}, "package.json: file does not exist"},
		"no JSON":         {packageOf("{"), "package.json: unexpected end of JSON"},
		"another package": {packageOf(`{"name": "react"}`), `package.json is of "react"`},
		"no module":       {packageOf(`{"name": "phoenix"}`), "package.json names no module"},
		"a module that is missing": {packageOf(`{"name": "phoenix", "module": "./static/x.mjs"}`),
			"static/x.mjs: file does not exist"},
		"a module outside of it": {packageOf(`{"name": "phoenix", "module": "../x.mjs"}`), "open ../x.mjs"},
	} {
		_, err := newPage(Config{Phoenix: c.dir})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", name, err, c.want)
		}
	}
}

func TestPageIsEmbeddedAndLoadsNothingFromElsewhere(t *testing.T) {
	names, err := fs.Glob(embedded, "page/*")
	if err != nil || len(names) < 3 {
		t.Fatalf("embedded %v, %v", names, err)
	}
	for _, name := range names {
		text, err := embedded.ReadFile(name)
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

// A page may connect to the server that it is from, and to a peer of that.
func TestPageTurnsToPeers(t *testing.T) {
	c := Config{Addr: "127.0.0.1:4000", Peers: []string{"127.0.0.1:4001", "127.0.0.1:4002"}}
	page, err := newPage(c)
	if err != nil {
		t.Fatal(err)
	}
	const want = `export const peers = ["127.0.0.1:4001","127.0.0.1:4002"];`
	if peers, contentType := get(t, page, "/peers.js"); !strings.Contains(peers, want) || contentType != isJavaScript {
		t.Errorf("peers.js, as %s:\n%s", contentType, peers)
	}
	for _, of := range []struct {
		Config
		origin string
		want   int
	}{
		{c, "http://127.0.0.1:4000", http.StatusSwitchingProtocols},
		{c, "http://127.0.0.1:4001", http.StatusSwitchingProtocols},
		{c, "http://127.0.0.1:4002", http.StatusSwitchingProtocols},
		{c, "http://127.0.0.1:4003", http.StatusForbidden},
		{Config{Addr: c.Addr}, "http://127.0.0.1:4000", http.StatusSwitchingProtocols},
		{Config{Addr: c.Addr}, "http://127.0.0.1:4001", http.StatusForbidden},
	} {
		if got := connects(t, of.Config, of.origin); got != of.want {
			t.Errorf("with peers %v, a page of %s: status %d, want %d", of.Peers, of.origin, got, of.want)
		}
	}
}

// connects has a page of an origin connect to a chat, and returns the status.
func connects(t *testing.T, c Config, origin string) int {
	t.Helper()
	server := httptest.NewServer(wstest.Start(t, func(sys *actor.System) (*ws.Endpoint, error) {
		endpoint, children := rooms(presence.New(presence.Config{}), new(ws.History), nil, c.origins())
		_, err := supervisor.Start(sys, supervisor.Spec{Children: children})
		return endpoint, err
	}))
	t.Cleanup(server.Close)
	r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/socket/websocket?vsn=2.0.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = c.Addr
	r.Header = http.Header{
		"Origin": {origin}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
