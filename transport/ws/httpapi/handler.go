package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/actor/boundlog"
	"github.com/troupe-go/troupe/actor/foreign"
	"github.com/troupe-go/troupe/transport/token"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence"
)

// Config says what an API is of, and who may use it. Endpoint and Tokens are all it needs.
type Config struct {
	// Endpoint has the clients.
	Endpoint *ws.Endpoint

	// Tokens verifies the token of each request: token.Signed[httpapi.Grant] for tokens of
	// package token, a token.VerifierFunc for others. It has five seconds; if it fails with
	// an error that is not about the token, takes longer or panics, the answer is 503.
	Tokens token.Verifier[Grant]

	// Presence knows who is there; nil: the API does not say.
	Presence *presence.Tracker

	// MaxBody is how many bytes the body of a request may have; 1 MiB if 0.
	MaxBody int64

	// MaxRate is how many requests each Who may make in a second; 1,000 if 0, no limit if
	// negative. One that has been quiet may make ten seconds' worth at once.
	MaxRate int

	// Timeout is how long a request may take to come, and again how long its answer may; 10 s
	// if 0. Behind middleware that has no SetReadDeadline, nor Unwrap, it is up to the server.
	Timeout time.Duration

	// Logger gets a line for each request; nil: [slog.Default]. What is refused is logged
	// within bounds. A handler that takes longer than a second is not waited for.
	Logger *slog.Logger
}

// Handler is an API: see the package's documentation for its requests. [New] makes it. It
// needs no end.
type Handler struct {
	cfg     Config
	verify  foreign.Calls
	logging foreign.Calls
	done    *slog.Logger // of what was done
	refused *slog.Logger // of what was not, within bounds
	rates   rates
}

// New returns an API. It fails if the Config makes no sense.
func New(cfg Config) (*Handler, error) {
	switch {
	case cfg.Endpoint == nil:
		return nil, errors.New("httpapi: no endpoint")
	case cfg.Tokens == nil:
		return nil, errors.New("httpapi: no verifier of tokens")
	case cfg.MaxBody < 0 || cfg.Timeout < 0:
		return nil, fmt.Errorf("httpapi: at most %d bytes in %v", cfg.MaxBody, cfg.Timeout)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 1 << 20
	}
	if cfg.MaxRate == 0 {
		cfg.MaxRate = 1000
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Handler{
		cfg:     cfg,
		verify:  foreign.Calls{Limit: 5 * time.Second, Most: 16},
		logging: foreign.Calls{Limit: time.Second, Most: 16},
		done:    cfg.Logger,
		refused: boundlog.New(cfg.Logger),
		rates:   rates{made: time.Now()},
	}, nil
}

// act is something to ask for. do reads the request, checks the right to it, and does it.
type act struct {
	method string
	do     func(h *Handler, ctx context.Context, c *call) (answer any, err error)
}

// acts are by the path of their requests.
var acts = map[string]act{
	"publish":    {http.MethodPost, (*Handler).publish},
	"disconnect": {http.MethodPost, (*Handler).disconnect},
	"presence":   {http.MethodGet, (*Handler).presence},
	"history":    {http.MethodGet, (*Handler).history},
}

// call is a request on its way. What it is about is for the log.
type call struct {
	act           string
	grant         Grant
	request       *http.Request
	body          []byte
	target, event string
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	h.limit(w, r)
	ctx, cancel := context.WithTimeout(r.Context(), h.cfg.Timeout)
	defer cancel()
	c := &call{act: strings.TrimPrefix(r.URL.Path, "/"), request: r}
	answer, err := h.serve(ctx, w, c)
	p := problemOf(err)
	h.log(ctx, c, p, err, time.Since(start))
	write(w, answer, p)
}

// limit limits how long the request may take to come, and its answer to go.
func (h *Handler) limit(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	if r.ContentLength != 0 { // what else the server reads for is the end of the connection
		control.SetReadDeadline(time.Now().Add(h.cfg.Timeout))
	}
	control.SetWriteDeadline(time.Now().Add(3 * h.cfg.Timeout)) // for the act as well
}

func (h *Handler) serve(ctx context.Context, w http.ResponseWriter, c *call) (any, error) {
	a, ok := acts[c.act]
	if !ok {
		c.act = "" // it may be anything
		return nil, &problem{status: http.StatusNotFound, code: "unknown_act", message: "there is no such act"}
	}
	if c.request.Method != a.method {
		w.Header().Set("Allow", a.method)
		return nil, &problem{status: http.StatusMethodNotAllowed, code: "wrong_method", message: c.act + " is a " + a.method}
	}
	var err error
	if c.grant, err = h.authenticate(ctx, c.request); err != nil {
		return nil, err
	}
	if wait := h.rates.take(c.grant.Who, h.cfg.MaxRate); wait > 0 {
		return nil, tooMany(wait)
	}
	if a.method == http.MethodPost {
		if c.body, err = h.read(w, c.request); err != nil {
			return nil, err
		}
	}
	if h.cfg.Endpoint.PID().IsZero() {
		return nil, unavailable("the endpoint is down")
	}
	return a.do(h, ctx, c)
}

// read reads the body.
func (h *Handler) read(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" || r.Header.Get("Content-Encoding") != "" {
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: "not_json", message: "Content-Type must be application/json, not compressed"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, h.cfg.MaxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "too_large", message: fmt.Sprintf("a body has at most %d bytes", h.cfg.MaxBody)}
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem{status: http.StatusRequestTimeout, code: "too_slow", message: fmt.Sprintf("the body has not come within %v", h.cfg.Timeout)}
	case err != nil:
		return nil, invalid("invalid_request", "the body cannot be read")
	case !utf8.Valid(body):
		return nil, invalid("invalid_request", "the body is not UTF-8")
	}
	return body, nil
}
