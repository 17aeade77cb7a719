package wsclient

import (
	"context"
	"fmt"
	"time"
)

// Ping sends a heartbeat and returns how long the server's answer took. It fails with
// an error that wraps [ErrDisconnected] if there is no connection, or none any more, and
// as [Channel.Push] if the answer does not come. A context without a deadline gets
// Config.Timeout.
//
// JavaScript client: Socket.ping.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) {
	ctx, cancel := c.withTimeout(ctx)
	defer cancel()
	start := time.Now()
	cn, ref, answered := c.startPing()
	if cn == nil {
		return 0, fmt.Errorf("wsclient: ping: %w", ErrDisconnected)
	}
	var err error
	select {
	case <-answered:
		return time.Since(start), nil
	case <-cn.ctx.Done():
		err = fmt.Errorf("%w: %w", ErrDisconnected, context.Cause(cn.ctx))
	case <-ctx.Done():
		err = failed(ctx)
	}
	c.mu.Lock()
	delete(cn.pings, ref)
	c.mu.Unlock()
	return 0, fmt.Errorf("wsclient: ping: %w", err)
}

// startPing queues a heartbeat. It returns nil if there is no connection.
func (c *Client) startPing() (cn *conn, ref string, answered chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.conn == nil {
		return nil, "", nil
	}
	ref, answered = c.nextRef(), make(chan struct{})
	if c.conn.pings == nil {
		c.conn.pings = map[string]chan struct{}{}
	}
	c.conn.pings[ref] = answered
	c.send(outbound{Message: heartbeat(ref)})
	return c.conn, ref, answered
}

// answered handles the answer to a heartbeat. It is called with Client.mu held.
func (cn *conn) answered(ref string) {
	if ref == cn.heartbeat {
		cn.heartbeat = ""
	}
	if ping := cn.pings[ref]; ping != nil {
		close(ping)
		delete(cn.pings, ref)
	}
}
