//go:build !js

package wsclient

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/coder/websocket"
)

// This file and coder_js.go open what github.com/coder/websocket reads and writes. What
// the client relies on is numbered here, and tested one by one in coder_test.go:
//
//  1. Dial sends one request by the Transport of its HTTPClient, and the Body of the
//     answer is the connection. It offers the subprotocols, and no extension.
//  2. If it is refused, Dial returns the response along with the error.
//  3. An io.EOF of the connection ends the message that is being read, without an error.
//     Any other error of the connection is one of Read.
//  4. A message longer than the read limit is an error of Read, and none of it is
//     delivered.
//  5. The end of a context ends the Read, and the connection with it: a later Write
//     fails.
//  6. A ping is answered by a Read that waits.

// dialWebSocket opens a WebSocket. The status is the server's, 0 if there was no answer.
func (c *Client) dialWebSocket(ctx context.Context, target string, subprotocols []string) (ws *websocket.Conn, status int, err error) {
	ws, resp, err := websocket.Dial(ctx, target, &websocket.DialOptions{
		HTTPClient:   withoutEOF(c.cfg.HTTPClient),
		HTTPHeader:   c.cfg.Header,
		Subprotocols: subprotocols,
	})
	if resp != nil {
		status = resp.StatusCode
	}
	return ws, status, err
}

// errCut says that the server's bytes have ended. It is not io.EOF, nor does it wrap
// that: the WebSocket library takes an io.EOF underneath for the end of the message
// that it is reading, and would deliver what there is of it.
var errCut = errors.New("connection ended by the server")

// withoutEOF returns a client like c whose upgraded connections never return io.EOF.
func withoutEOF(c *http.Client) *http.Client {
	mine := *c
	mine.Transport = uncutTransport{c.Transport}
	return &mine
}

// uncutTransport is a transport; nil is the default one.
type uncutTransport struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (t uncutTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.RoundTripper
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if conn, ok := resp.Body.(io.ReadWriteCloser); ok && resp.StatusCode == http.StatusSwitchingProtocols {
		resp.Body = uncut{conn}
	}
	return resp, nil
}

// uncut is a connection whose end is an error.
type uncut struct{ io.ReadWriteCloser }

// Read implements [io.Reader].
func (u uncut) Read(p []byte) (int, error) {
	n, err := u.ReadWriteCloser.Read(p)
	if err == io.EOF {
		err = errCut
	}
	return n, err
}
