package wsclient

import (
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/url"
	"strings"

	"github.com/coder/websocket"
)

const (
	version     = "2.0.0"
	subprotocol = "phoenix"
	// tokenPrefix starts the subprotocol that carries the auth token; what follows is
	// in the standard alphabet in spite of the name, as of the official client.
	tokenPrefix = "base64url.bearer.phx."
)

// connect makes one attempt. Its errors are ConnectErrors.
func (c *Client) connect(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	target, err := c.target(ctx)
	if err != nil {
		return nil, &ConnectError{Err: err}
	}
	dial := &websocket.DialOptions{HTTPClient: withoutEOF(c.opts.HTTPClient), HTTPHeader: c.opts.Header}
	if c.opts.AuthToken != nil {
		token, err := c.opts.AuthToken(ctx)
		if err != nil {
			return nil, &ConnectError{Err: err}
		}
		dial.Subprotocols = []string{subprotocol, tokenPrefix + base64.RawStdEncoding.EncodeToString([]byte(token))}
	}
	ws, resp, err := websocket.Dial(ctx, target, dial)
	if err != nil {
		failure := &ConnectError{Err: withoutURL(err)}
		if resp != nil {
			failure.StatusCode = resp.StatusCode
		}
		return nil, failure
	}
	ws.SetReadLimit(int64(c.opts.MaxMessageSize))
	return newConn(ws), nil
}

// target returns the URL to connect to.
func (c *Client) target(ctx context.Context) (string, error) {
	u, err := url.Parse(c.opts.URL)
	if err != nil {
		return "", err
	}
	query := u.Query()
	if c.opts.Params != nil {
		params, err := c.opts.Params(ctx)
		if err != nil {
			return "", err
		}
		maps.Copy(query, params)
	}
	query.Set("vsn", version)
	u = u.JoinPath("websocket")
	u.RawQuery = query.Encode()
	return u.String(), nil
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
