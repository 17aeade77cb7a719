package ws_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// ginWriter imitates gin's: a status is kept back until something is written, or the
// connection is taken over. Its handler need not do either.
type ginWriter struct {
	http.ResponseWriter
	status, size int
}

func (w *ginWriter) WriteHeader(status int) { w.status = status }

func (w *ginWriter) WriteHeaderNow() {
	if w.size < 0 {
		w.size = 0
		w.ResponseWriter.WriteHeader(w.status)
	}
}

func (w *ginWriter) Write(p []byte) (int, error) {
	w.WriteHeaderNow()
	n, err := w.ResponseWriter.Write(p)
	w.size += n
	return n, err
}

func (w *ginWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *ginWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.size = max(w.size, 0)
	return w.ResponseWriter.(http.Hijacker).Hijack()
}

// echoWriter imitates echo's: it commits the first status, and unwraps.
type echoWriter struct {
	http.ResponseWriter
	committed bool
}

func (w *echoWriter) WriteHeader(status int) {
	if w.committed {
		return
	}
	w.committed = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *echoWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.ResponseWriter.Write(p)
}

func (w *echoWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

func (w *echoWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// chiWriter imitates that of chi's loggers: it notes the status, and takes over the
// connection of what it knows to have one.
type chiWriter struct {
	http.ResponseWriter
	http.Hijacker
}

// plainWriter is a wrapper for http.ResponseController only.
type plainWriter struct{ http.ResponseWriter }

func (w plainWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// opaqueWriter is a wrapper that knows of nothing else.
type opaqueWriter struct{ http.ResponseWriter }

// deniedWriter is an http.Hijacker that is none.
type deniedWriter struct{ http.ResponseWriter }

func (deniedWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return nil, nil, errors.New("not today")
}

// lines is a buffer for a log.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// warnings returns the warnings in the log.
func (l *lines) warnings() (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.buf.String()) {
		if strings.Contains(line, "level=WARN") {
			found = append(found, line)
		}
	}
	return found
}

// behind serves an endpoint behind some middleware, and returns what it logs.
func behind(t *testing.T, middleware func(http.Handler) http.Handler) (*server, *lines) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := new(lines)
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
	front := func(h http.Handler) *http.Server { return &http.Server{Handler: middleware(h)} }
	socket := rooms(nil)
	socket.Serializers = []wire.Serializer{mirror{}}
	s := serveBehind(t, sys, l, front, socket)
	s.addr = l.Addr().String()
	return s, log
}

// wrapping is middleware that wraps the ResponseWriter.
func wrapping(wrap func(http.ResponseWriter) http.ResponseWriter) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(wrap(w), r) })
	}
}

// CONN-1: whatever lies between the server and the endpoint, as long as it lets the
// connection be taken over.
func TestUpgradeBehindWriters(t *testing.T) {
	gin := func(w http.ResponseWriter) http.ResponseWriter { return &ginWriter{w, http.StatusOK, -1} }
	echo := func(w http.ResponseWriter) http.ResponseWriter { return &echoWriter{ResponseWriter: w} }
	chi := func(w http.ResponseWriter) http.ResponseWriter { return &chiWriter{w, w.(http.Hijacker)} }
	for name, wrap := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"gin":                          gin,
		"echo":                         echo,
		"chi":                          chi,
		"echo in gin in chi":           func(w http.ResponseWriter) http.ResponseWriter { return echo(gin(chi(w))) },
		"gin in one that only unwraps": func(w http.ResponseWriter) http.ResponseWriter { return gin(plainWriter{w}) },
		"headers of its own":           func(w http.ResponseWriter) http.ResponseWriter { w.Header().Set("X-Trace", "7"); return w },
		"headers of a body's":          func(w http.ResponseWriter) http.ResponseWriter { w.Header().Set("Content-Length", "7"); return w },
	} {
		t.Run(name, func(t *testing.T) {
			s, log := behind(t, wrapping(wrap))
			c, resp := rawRequest(t, s, "Sec-WebSocket-Protocol: phoenix\r\n", rawclient.Frame(rawclient.Fin|0x1, "early"))
			if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") == "" ||
				resp.Header.Get("Sec-WebSocket-Protocol") != "phoenix" || resp.Header.Get("Content-Length") != "" {
				t.Errorf("%d %v", resp.StatusCode, resp.Header)
			}
			if got := resp.Header.Get("X-Trace"); (got != "") != (name == "headers of its own") {
				t.Errorf("X-Trace: %q", got)
			}
			if got, err := c.ReadText(); got != "text:early" {
				t.Error(got, err)
			}
			if got := log.warnings(); got != nil {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// Where the connection cannot be taken over, nobody is told that it was: the client
// gets status 501, and the log one warning.
func TestImpossibleUpgrade(t *testing.T) {
	opaque := func(w http.ResponseWriter) http.ResponseWriter { return &opaqueWriter{w} }
	for name, front := range map[string]func(http.Handler) http.Handler{
		"http.TimeoutHandler": func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") },
		"a wrapper":           wrapping(opaque),
		"a wrapper in another": wrapping(func(w http.ResponseWriter) http.ResponseWriter {
			return &echoWriter{ResponseWriter: opaque(w)}
		}),
		"gin behind a wrapper": wrapping(func(w http.ResponseWriter) http.ResponseWriter {
			return &ginWriter{opaque(w), http.StatusOK, -1}
		}),
		"echo in gin behind a wrapper": wrapping(func(w http.ResponseWriter) http.ResponseWriter {
			return &echoWriter{ResponseWriter: &ginWriter{opaque(w), http.StatusOK, -1}}
		}),
		"a refusal": wrapping(func(w http.ResponseWriter) http.ResponseWriter { return deniedWriter{w} }),
	} {
		t.Run(name, func(t *testing.T) {
			s, log := behind(t, front)
			for range 3 {
				c, resp := rawRequest(t, s, "", nil)
				if resp.StatusCode != http.StatusNotImplemented || resp.Header.Get("Upgrade") != "" || resp.Header.Get("Sec-WebSocket-Accept") != "" {
					t.Errorf("%d %v", resp.StatusCode, resp.Header)
				}
				if body, err := io.ReadAll(resp.Body); string(body) != "Not Implemented\n" || err != nil {
					t.Errorf("body %q, %v", body, err)
				}
				c.Close()
			}
			if got := log.warnings(); len(got) != 1 || !strings.Contains(got[0], "TimeoutHandler") {
				t.Errorf("warnings %q, want one that says why", got)
			}
			if got := s.Stats(); got.Connections != 0 {
				t.Errorf("%d connections", got.Connections)
			}
		})
	}
}
