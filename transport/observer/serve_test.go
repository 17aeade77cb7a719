package observer_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/observer"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// The page and its socket are found below any path, however the observer has come there.
func TestTheMountPathIsFound(t *testing.T) {
	sys := actortest.NewSystem(t, actortest.Silent())
	o, err := observer.Start(sys, observer.Config{Authorize: lets(observer.Look)})
	if err != nil {
		t.Fatal(err)
	}
	muxed := func(pattern string, h http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(pattern, h)
		return mux
	}
	for name, c := range map[string]struct {
		h     http.Handler
		mount string
	}{
		"at the root":                  {o, "/"},
		"at the root of a mux":         {muxed("/", o), "/"},
		"below a path":                 {muxed("/observer/", o), "/observer/"},
		"with a method":                {muxed("/a/b/observer/", o), "/a/b/observer/"},
		"with a wildcard":              {muxed("/{tenant}/observer/", o), "/acme/observer/"},
		"without its prefix":           {muxed("/observer/", http.StripPrefix("/observer", o)), "/observer/"},
		"without its prefix and slash": {muxed("/observer/", http.StripPrefix("/observer/", o)), "/observer/"},
		"a mux in a mux":               {muxed("/admin/", http.StripPrefix("/admin", muxed("/observer/", o))), "/admin/observer/"},
		"another router":               {o, "/some/where/"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.h)
			defer server.Close()
			for path, want := range map[string]string{"": "text/html; charset=utf-8", "main.js": "text/javascript; charset=utf-8"} {
				res, err := http.Get(server.URL + c.mount + path)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if got := res.Header.Get("Content-Type"); res.StatusCode != http.StatusOK || got != want {
					t.Errorf("%q is answered with %v, %s", path, res.Status, got)
				}
			}
			s := &site{t, sys, o, server.URL + c.mount}
			v, err := s.tryOpen(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := v.client.Close(t.Context()); err != nil {
				t.Error(err)
			}
			for _, path := range []string{"other.js", "page/index.html", "flight/x", "socket", "socket/other", "..%2fmain.js"} {
				if c.h == http.Handler(o) && (strings.HasSuffix(path, "main.js") || strings.HasSuffix(path, "index.html")) {
					continue // without a pattern the end of the path decides
				}
				res, err := http.Get(server.URL + c.mount + path)
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				if res.StatusCode != http.StatusNotFound {
					t.Errorf("%q is answered with %v", path, res.Status)
				}
			}
		})
	}
}

// All answers keep other pages out, those that refuse included.
func TestAnswersKeepOtherPagesOut(t *testing.T) {
	s := newSite(t, observer.Config{})
	for _, path := range []string{"", "main.js", "nothing", "socket/websocket"} {
		res, err := http.Get(s.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		csp := res.Header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%q: the CSP %q lacks %q", path, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "*") {
			t.Errorf("%q: the CSP is %q", path, csp)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%q: %s is %q, want %q", path, name, got, want)
			}
		}
	}
	res, err := http.Post(s.url, "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a POST is answered with %v", res.Status)
	}
}

// A page of another origin cannot open the socket, though the browser sends it from this
// machine, and with the user's cookies.
func TestAForeignOriginGetsNothing(t *testing.T) {
	for name, authorize := range map[string]func(*http.Request) (observer.Grant, error){"local": nil, "authorized": lets(observer.Act)} {
		s := newSite(t, observer.Config{Authorize: authorize})
		own := strings.TrimSuffix(s.url, "/observer/")
		for origin, ok := range map[string]bool{
			own: true, "": true,
			"http://evil.example":           false,
			"null":                          false,
			"http://localhost":              false, // another port
			"http://127.0.0.1.evil.example": false,
			own + ".evil.example":           false,
			"https://evil.example/" + own:   false,
			"file://":                       false,
			"http://evil.example@" + own[len("http://"):]: true, // the host is our own: no browser sends it
		} {
			header := http.Header{}
			if origin != "" {
				header.Set("Origin", origin)
			}
			v, err := s.tryOpen(header)
			if ok != (err == nil) {
				t.Errorf("%s: origin %q: %v, want it let in: %v", name, origin, err, ok)
			}
			if e, is := errors.AsType[*wsclient.ConnectError](err); !ok && (!is || e.StatusCode != http.StatusForbidden) {
				t.Errorf("%s: origin %q is refused with %v", name, origin, err)
			}
			if v != nil {
				_ = v.client.Close(t.Context())
			}
		}
	}
}

func TestARequestThroughAProxyIsToldWhyItIsRefused(t *testing.T) {
	s := newSite(t, observer.Config{})
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Forwarded-For", "203.0.113.7")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "X-Forwarded-For") || !strings.Contains(string(body), "Authorize") {
		t.Errorf("answered with %v: %s", res.Status, body)
	}
	if _, err := s.tryOpen(http.Header{"X-Forwarded-For": {"203.0.113.7"}}); err == nil {
		t.Error("the socket lets it in")
	}
}

// An Authorize may have the browser ask for a password.
func TestARefusalMayHaveAStatusOfItsOwn(t *testing.T) {
	s := newSite(t, observer.Config{Authorize: func(r *http.Request) (observer.Grant, error) {
		if name, password, ok := r.BasicAuth(); ok && name == "ann" && password == "secret" {
			return observer.Grant{Rights: observer.Look, Who: name}, nil
		}
		return observer.Grant{}, &ws.StatusError{Status: 401, Header: http.Header{"Www-Authenticate": {"Basic"}}}
	}})
	res, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") != "Basic" {
		t.Errorf("answered with %v, %v", res.Status, res.Header)
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.SetBasicAuth("ann", "secret")
	v, err := s.tryOpen(http.Header{"Authorization": r.Header["Authorization"]})
	if err != nil || v.hello["who"] != "ann" {
		t.Errorf("with the password: %v", err)
	}
}

func TestAnObserverThatDoesNotRunAnswersNothing(t *testing.T) {
	o := observer.New(observer.Config{Authorize: lets(observer.Act)})
	for _, path := range []string{"/", "/main.js", "/socket/websocket"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		o.ServeHTTP(w, r)
		if w.Code != http.StatusServiceUnavailable {
			t.Errorf("%s is answered with %d", path, w.Code)
		}
	}
}
