package wsclient

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// conn is one connection. The client's goroutine reads it; another one writes, since
// a write may have to wait, and nobody else should.
type conn struct {
	ws     link
	polls  bool            // it is no WebSocket: there are no heartbeats
	ctx    context.Context // done when the connection is given up, with the cause
	cancel context.CancelCauseFunc
	wake   chan struct{} // there is something for the writer

	// Guarded by Client.mu.
	queue      []outbound
	heartbeat  string                   // the ref of the one that is not answered
	pings      map[string]chan struct{} // by ref, closed by the answer
	refreshing bool                     // what the client would connect with is being asked for
	refresh    string                   // the ref with which it was sent last
	closing    bool                     // close when the queue is written
}

func newConn(ws link) *conn {
	cn := &conn{ws: ws, wake: make(chan struct{}, 1)}
	cn.ctx, cn.cancel = context.WithCancelCause(context.Background())
	return cn
}

func (cn *conn) wakeWriter() {
	select {
	case cn.wake <- struct{}{}:
	default: // it will find this too
	}
}

// outbound is a message in the queue of a connection.
type outbound struct {
	wire.Message
	params func() any // of a join: the payload, made when it is sent
	push   *push      // nil: one of the protocol's own messages
}

// serve reads and writes cn until it ends, and returns why.
func (c *Client) serve(cn *conn) error {
	var writer sync.WaitGroup
	writer.Go(func() { c.write(cn) })
	cn.cancel(c.read(cn)) // the cause is this, unless the writer knew one before
	writer.Wait()
	cn.ws.CloseNow()
	return context.Cause(cn.ctx)
}

func (c *Client) read(cn *conn) error {
	for {
		typ, data, err := cn.ws.Read(cn.ctx)
		if err != nil {
			return err
		}
		m, err := wire.Client{}.Decode(data, typ == websocket.MessageBinary)
		if err != nil {
			// A newer server may know messages that this client does not.
			c.cfg.Logger.Warn("wsclient: message not understood", "error", err)
			continue
		}
		c.receive(cn, m)
	}
}

// write sends what is queued, and heartbeats, until the connection ends.
func (c *Client) write(cn *conn) {
	beat := time.NewTicker(c.cfg.HeartbeatInterval)
	defer beat.Stop()
	for {
		select {
		case <-cn.ctx.Done():
			return
		case <-beat.C:
			c.beat(cn)
		case <-cn.wake:
		}
		for {
			out, ok := c.next(cn)
			if !ok {
				break
			}
			if err := c.writeOne(cn, out); err != nil {
				cn.cancel(err)
				return
			}
		}
		if c.isClosing(cn) {
			cn.ws.Close(websocket.StatusNormalClosure, "")
			return
		}
	}
}

// beat sends a heartbeat or, if the last one was not answered, gives the connection
// up: CLI-1. A client that polls sends none: LP-5.
func (c *Client) beat(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cn.polls {
		return
	}
	if cn.heartbeat != "" {
		cn.cancel(ErrHeartbeat)
		return
	}
	cn.heartbeat = c.nextRef()
	cn.queue = append(cn.queue, outbound{Message: heartbeat(cn.heartbeat)})
}

func heartbeat(ref string) wire.Message {
	return wire.Message{Ref: ref, Topic: wire.TopicPhoenix, Event: wire.EventHeartbeat}
}

// next takes the next message that is still wanted off the queue.
func (c *Client) next(cn *conn) (out outbound, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(cn.queue) > 0 {
		out = cn.queue[0]
		cn.queue[0] = outbound{}
		if cn.queue = cn.queue[1:]; len(cn.queue) == 0 {
			cn.queue = nil
		}
		if out.push == nil || out.push.take(out.JoinRef) {
			return out, true
		}
	}
	return outbound{}, false
}

func (c *Client) isClosing(cn *conn) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return cn.closing && len(cn.queue) == 0
}

// writeOne writes a message. It fails if the connection has; of a join whose params
// cannot be sent only that join fails.
func (c *Client) writeOne(cn *conn, out outbound) error {
	var data []byte
	var binary bool
	var err error
	if out.params != nil {
		out.Payload, err = c.paramsOf(cn, out)
	}
	if err == nil && out.Event == wire.EventJoin {
		out.Payload = c.withRemembered(out.Topic, out.Payload)
	}
	if err == nil {
		data, binary, err = wire.Client{}.Append(nil, out.Message)
	}
	if err != nil {
		c.notSent(out, err)
		return nil
	}
	typ := websocket.MessageText
	if binary {
		typ = websocket.MessageBinary
	}
	ctx, cancel := context.WithTimeout(cn.ctx, c.cfg.Timeout)
	defer cancel()
	return cn.ws.Write(ctx, typ, data)
}

// paramsFor is how long the parameters of a join may take, which others wait for.
const paramsFor = time.Second

// paramsOf makes the payload of a join.
func (c *Client) paramsOf(cn *conn, out outbound) (Payload, error) {
	ctx, cancel := context.WithTimeout(cn.ctx, paramsFor)
	defer cancel()
	v, err := ask(ctx, func(context.Context) (any, error) { return out.params(), nil })
	if err != nil {
		return Payload{}, fmt.Errorf("parameters of the join: %w", err)
	}
	return outgoing(v)
}

// notSent tells the owner of a message that it cannot be encoded.
func (c *Client) notSent(out outbound, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ch := c.channels[out.Topic]
	switch {
	case out.push != nil:
		c.finish(out.push, wire.Received{}, err)
	case ch != nil && ch.state == joining && ch.joinRef == out.Ref:
		ch.fail(err)
	}
}
