package frontends

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter, gin.DefaultErrorWriter = io.Discard, io.Discard
	goleak.VerifyTestMain(m)
}

const patience = time.Minute // for what must come

// mute is a channel that nothing is said on.
type mute struct{}

func (mute) Join(*ws.Channel, string, ws.Payload) (any, error) { return nil, nil }

// serve starts an endpoint behind a front end, and returns the URL of the latter.
func serve(t *testing.T, front func(http.Handler) http.Handler) string {
	t.Helper()
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	endpoint, err := ws.Start(sys, ws.Config{Sockets: []ws.Socket{{
		Path: "/socket", LongPoll: true, Compress: true,
		Channels: ws.Routes{ws.Topic("*", func() mute { return mute{} }, nil)},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(front(endpoint))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(endpoint.Shutdown(ctx), sys.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
		server.Close()
	})
	return server.URL
}

// dial connects to the socket, with compression.
func dial(t *testing.T, url string) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return websocket.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/socket/websocket?vsn=2.0.0", &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: transport},
		Subprotocols:    []string{"phoenix"},
		CompressionMode: websocket.CompressionNoContextTakeover,
	})
}

// logger is chi's, without output.
var logger = chimiddleware.RequestLogger(&chimiddleware.DefaultLogFormatter{Logger: discard{}, NoColor: true})

type discard struct{}

func (discard) Print(...any) {}

// CONN-1: behind the usual routers, with their usual middleware, WebSockets connect.
func TestWebSocketConnects(t *testing.T) {
	for name, front := range map[string]func(http.Handler) http.Handler{
		"gin": func(h http.Handler) http.Handler {
			r := gin.New()
			r.Any("/socket/*rest", gin.WrapH(h))
			return r
		},
		"gin with middleware": func(h http.Handler) http.Handler {
			r := gin.New()
			r.Use(gin.Logger(), gin.Recovery(), func(c *gin.Context) {
				c.Header("X-Front", "gin")
				c.Next()
			})
			r.GET("/socket/*rest", func(c *gin.Context) { h.ServeHTTP(c.Writer, c.Request) })
			return r
		},
		"gin, where nothing else is": func(h http.Handler) http.Handler {
			r := gin.New()
			r.NoRoute(gin.WrapH(h)) // with status 404, until something is written
			return r
		},
		"echo": func(h http.Handler) http.Handler {
			e := echo.New()
			e.Any("/socket/*", echo.WrapHandler(h))
			return e
		},
		"echo with middleware": func(h http.Handler) http.Handler {
			e := echo.New()
			e.Use(middleware.RequestLoggerWithConfig(middleware.RequestLoggerConfig{
				LogStatus: true, LogValuesFunc: func(echo.Context, middleware.RequestLoggerValues) error { return nil },
			}), middleware.Recover(), middleware.RequestID(), middleware.Gzip(), middleware.BodyLimit("1M"))
			e.GET("/socket/*", echo.WrapHandler(h))
			return e
		},
		"chi": func(h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Handle("/socket/*", h)
			return r
		},
		"chi with middleware": func(h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(chimiddleware.RequestID, logger, chimiddleware.Recoverer, chimiddleware.Compress(5), chimiddleware.Timeout(time.Minute))
			r.Mount("/", h)
			return r
		},
		"chi in gin in echo": func(h http.Handler) http.Handler {
			c, g, e := chi.NewRouter(), gin.New(), echo.New()
			c.Use(logger)
			c.Handle("/socket/*", h)
			g.Use(gin.Recovery())
			g.Any("/*rest", gin.WrapH(c))
			e.Use(middleware.Gzip())
			e.Any("/*", echo.WrapHandler(g))
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			c, resp, err := dial(t, serve(t, front))
			if err != nil {
				t.Fatal(err)
			}
			defer c.CloseNow()
			if got := c.Subprotocol(); got != "phoenix" {
				t.Errorf("subprotocol %q", got)
			}
			if got := resp.Header.Get("X-Front"); (got == "gin") != (name == "gin with middleware") {
				t.Errorf("X-Front: %q", got)
			}
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			if err := c.Write(ctx, websocket.MessageText, []byte(`[null,"1","phoenix","heartbeat",{}]`)); err != nil {
				t.Fatal(err)
			}
			_, answer, err := c.Read(ctx)
			if want := `[null,"1","phoenix","phx_reply",{"status":"ok","response":{}}]`; string(answer) != want || err != nil {
				t.Errorf("got %s, %v; want %s", answer, err, want)
			}
			if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
}

// Behind middleware that holds the answer back no connection can be taken over: the
// client hears so, with status 501, and polls.
func TestWebSocketIsImpossible(t *testing.T) {
	late := func(h http.Handler) http.Handler { return http.TimeoutHandler(h, time.Minute, "late") }
	for name, front := range map[string]func(http.Handler) http.Handler{
		"gin in http.TimeoutHandler": func(h http.Handler) http.Handler {
			r := gin.New()
			r.Use(gin.Recovery())
			r.Any("/socket/*rest", gin.WrapH(h))
			return late(r)
		},
		"echo in http.TimeoutHandler": func(h http.Handler) http.Handler {
			e := echo.New()
			e.Any("/socket/*", echo.WrapHandler(h))
			return late(e)
		},
		"echo with http.TimeoutHandler": func(h http.Handler) http.Handler {
			e := echo.New()
			e.Any("/socket/*", echo.WrapHandler(h), echo.WrapMiddleware(late))
			return e
		},
		"chi with http.TimeoutHandler": func(h http.Handler) http.Handler {
			r := chi.NewRouter()
			r.Use(logger, late)
			r.Handle("/socket/*", h)
			return r
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := serve(t, front)
			if _, resp, err := dial(t, url); err == nil || resp == nil || resp.StatusCode != http.StatusNotImplemented {
				t.Errorf("got %+v, %v; want status 501", resp, err)
			}
			resp, err := http.Get(url + "/socket/longpoll?vsn=2.0.0")
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); !strings.Contains(string(body), `"token"`) || err != nil {
				t.Errorf("a poll is answered %q, %v", body, err)
			}
			http.DefaultClient.CloseIdleConnections()
		})
	}
}
