package main

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/troupe-go/troupe/supervisor"
)

// withPage returns the program, with the page as it is embedded.
func withPage(t *testing.T) func(addr string) supervisor.Program {
	page, err := newPage(nil)
	if err != nil {
		t.Fatal(err)
	}
	return func(addr string) supervisor.Program { return program(addr, page) }
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
	page, err := newPage(nil)
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
	page, err := newPage(phoenix)
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
		_, err := newPage(c.dir)
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
