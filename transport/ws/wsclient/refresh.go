package wsclient

import (
	"context"
	"net/url"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// refresh answers a server that asks for what the client would connect with now, because what
// it has connected with is about to end. A client that has no answer, or whose answer is
// refused, loses the connection then, and comes back as after any other loss. It is called with
// Client.mu held.
func (c *Client) refresh(cn *conn) {
	if cn.refreshing {
		return
	}
	cn.refreshing = true
	c.work.Go(func() {
		payload, err := c.refreshPayload(cn)
		c.mu.Lock()
		defer c.mu.Unlock()
		cn.refreshing = false
		switch {
		case c.conn != cn || c.closed:
		case err != nil:
			c.cfg.Logger.Warn("wsclient: not refreshed", "error", err)
		default:
			cn.refresh = c.nextRef()
			c.send(outbound{Message: wire.Message{Ref: cn.refresh, Topic: wire.TopicPhoenix, Event: wire.EventRefresh, Payload: payload}})
		}
	})
}

// refreshPayload is the client's answer. To make it takes no longer than an attempt to connect,
// and ends with the connection and with the client.
func (c *Client) refreshPayload(cn *conn) (Payload, error) {
	ctx, cancel := context.WithTimeout(cn.ctx, c.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	u, err := url.Parse(c.cfg.URL)
	if err != nil {
		return Payload{}, err
	}
	query, token, err := c.credentials(ctx, u)
	if err != nil {
		return Payload{}, err
	}
	params := make(map[string]string, len(query))
	for name := range query {
		params[name] = query.Get(name)
	}
	return wire.Object(map[string]any{"token": token, "params": params})
}

// refreshed handles the answer to that. It is called with Client.mu held.
func (c *Client) refreshed(m wire.Received) {
	if m.Status != wire.StatusOK {
		c.cfg.Logger.Warn("wsclient: refresh refused", "answer", string(m.Payload.Bytes()))
	}
}
