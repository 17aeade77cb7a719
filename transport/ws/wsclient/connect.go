package wsclient

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

const (
	version     = "2.0.0"
	subprotocol = "phoenix"
	// tokenPrefix starts the subprotocol that carries the auth token; what follows is
	// in the standard alphabet in spite of the name, as of the official client.
	tokenPrefix = "base64url.bearer.phx."
)

// connect makes one attempt: with a WebSocket or, if that has never worked and the
// Config says so, by polling. Its errors are ConnectErrors.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	if c.polls {
		return c.poll(ctx)
	}
	limit, mayPoll := c.cfg.LongPollFallback, !c.proven && c.cfg.LongPollFallback > 0
	if !mayPoll {
		limit = c.cfg.Timeout
	}
	cn, err := c.upgrade(ctx, limit, mayPoll)
	if err == nil {
		c.proven = true
		return cn, nil
	}
	refused, _ := errors.AsType[*ConnectError](err)
	if !mayPoll || ctx.Err() != nil || refused.StatusCode == http.StatusForbidden {
		return nil, err
	}
	c.cfg.Logger.Debug("wsclient: falling back to polling", "error", err)
	cn, pollErr := c.poll(ctx)
	if pollErr != nil {
		return nil, pollErr
	}
	c.polls = true
	return cn, nil
}

// upgrade opens a WebSocket and, if it is to be tried, has a heartbeat answered on it:
// there are proxies that let the handshake pass, and nothing else.
func (c *Client) upgrade(ctx context.Context, limit time.Duration, try bool) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	target, token, err := c.target(ctx, "websocket")
	if err != nil {
		return nil, &ConnectError{Err: err}
	}
	var subprotocols []string
	if token != "" {
		subprotocols = []string{subprotocol, tokenPrefix + base64.RawStdEncoding.EncodeToString([]byte(token))}
	}
	ws, status, err := c.dialWebSocket(ctx, target.String(), subprotocols)
	if err != nil {
		return nil, &ConnectError{StatusCode: status, Err: withoutURL(err)}
	}
	ws.SetReadLimit(int64(c.cfg.MaxMessageSize))
	if try {
		if err := c.try(ctx, ws); err != nil {
			ws.CloseNow()
			return nil, &ConnectError{Err: fmt.Errorf("first heartbeat: %w", err)}
		}
	}
	return newConn(ws), nil
}

// try waits for the answer to a heartbeat. Nothing else comes on a new connection.
func (c *Client) try(ctx context.Context, ws *websocket.Conn) error {
	c.mu.Lock()
	ref := c.nextRef()
	c.mu.Unlock()
	data, _, err := wire.Client{}.Append(nil, heartbeat(ref))
	if err != nil {
		return err
	}
	if err := ws.Write(ctx, websocket.MessageText, data); err != nil {
		return err
	}
	for {
		typ, data, err := ws.Read(ctx)
		if err != nil {
			return err
		}
		if m, err := (wire.Client{}).Decode(data, typ == websocket.MessageBinary); err == nil && m.Ref == ref {
			return nil
		}
	}
}

// poll opens a session for a client that polls.
func (c *Client) poll(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	target, token, err := c.target(ctx, "longpoll")
	if err != nil {
		return nil, &ConnectError{Err: err}
	}
	header := c.cfg.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if token != "" {
		header.Set("X-Phoenix-AuthToken", token)
	}
	if rest, ok := strings.CutPrefix(target.Scheme, "ws"); ok {
		target.Scheme = "http" + rest
	}
	p, err := openPoll(ctx, &poller{http: c.cfg.HTTPClient, target: target, header: header, limit: c.cfg.MaxMessageSize})
	if refused, ok := errors.AsType[*ConnectError](err); ok {
		return nil, refused
	} else if err != nil {
		return nil, &ConnectError{Err: err}
	}
	cn := newConn(p)
	cn.polls = true
	return cn, nil
}

// target returns the URL to connect to, and the token to send along.
func (c *Client) target(ctx context.Context, transport string) (u *url.URL, token string, err error) {
	if u, err = url.Parse(c.cfg.URL); err != nil {
		return nil, "", err
	}
	query, token, err := c.credentials(ctx, u)
	if err != nil {
		return nil, "", err
	}
	query.Set("vsn", version)
	u = u.JoinPath(transport)
	u.RawQuery = query.Encode()
	return u, token, nil
}

// credentials returns what the client connects with to a URL.
func (c *Client) credentials(ctx context.Context, u *url.URL) (query url.Values, token string, err error) {
	params, err := ask(ctx, c.cfg.Params)
	if err == nil {
		token, err = ask(ctx, c.cfg.AuthToken)
	}
	if err != nil {
		return nil, "", err
	}
	query = u.Query()
	maps.Copy(query, params)
	return query, token, nil
}

// ask calls a function of the Config, if there is one.
func ask[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	if f == nil {
		return v, nil
	}
	answer := make(chan T, 1)
	err = guard(ctx, func() error {
		v, err := f(ctx)
		answer <- v
		return err
	})
	if err != nil {
		return v, err
	}
	return <-answer, nil
}

// withoutURL takes the URL out of an error of package net/http: a token may be in its
// query, and errors are logged.
func withoutURL(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

// redacted returns a URL without its query and its password.
func redacted(raw string) string {
	raw, _, _ = strings.Cut(raw, "?")
	u, err := url.Parse(raw)
	if err != nil {
		return "?"
	}
	return u.Redacted()
}
