//go:build !js

package wsclient

import (
	"context"

	"github.com/coder/websocket"
)

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
