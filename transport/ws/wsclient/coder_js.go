package wsclient

import (
	"context"

	"github.com/coder/websocket"
)

// dialWebSocket opens a WebSocket of the browser, which takes no headers and does not
// tell the status that it was refused with.
func (c *Client) dialWebSocket(ctx context.Context, target string, subprotocols []string) (ws *websocket.Conn, status int, err error) {
	ws, _, err = websocket.Dial(ctx, target, &websocket.DialOptions{Subprotocols: subprotocols})
	return ws, 0, err
}
