package wsclient

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Client is a connection to a server that is made anew whenever it is lost: the
// counterpart of Socket in the JavaScript client. Its methods may be called from any
// goroutine.
type Client struct {
	cfg    Config
	ownsHT bool            // the HTTP client is ours
	ctx    context.Context // of attempts to connect; done at Close
	cancel context.CancelFunc

	work sync.WaitGroup // the goroutines
	done chan struct{}  // closed when they have ended, after Close

	// One lock for the client and its channels: nothing waits or calls out while it
	// is held.
	mu       sync.Mutex
	closed   bool
	conn     *conn // nil while there is none
	attempts int   // to connect, since a message came
	lastRef  uint64
	joins    uint64              // Join calls, to keep their order
	channels map[string]*Channel // by topic, from Join to their end
	pending  map[string]*push    // sent and not answered, by ref
	calls    callbacks           // OnConnect, OnDisconnect, OnMessage

	// Only the goroutine that connects uses these: Dial's, then run's.
	proven bool // a WebSocket has worked
	polls  bool // a WebSocket has not, and polling has
}

// Start returns a client that starts to connect in the background, and tries until it
// succeeds. It fails only if cfg is not well-formed. It is for programs that are to
// start while the server is down; [Dial] is for all others.
func Start(cfg Config) (*Client, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("wsclient: start: %w", err)
	}
	c.work.Go(func() { c.run(nil) })
	return c, nil
}

// Dial returns a client that is connected. It makes one attempt; if that fails the
// error wraps a [*ConnectError], with the status that the server refused it with. The
// context is for this attempt only.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("wsclient: dial: %w", err)
	}
	cn, err := c.connect(ctx)
	if err != nil {
		c.release()
		return nil, fmt.Errorf("wsclient: dial %s: %w", redacted(c.cfg.URL), err)
	}
	c.up(cn) // before Dial returns, so that the client is Connected
	c.work.Go(func() { c.run(cn) })
	return c, nil
}

func newClient(cfg Config) (*Client, error) {
	ownsHT := cfg.HTTPClient == nil
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		cfg:      cfg,
		ownsHT:   ownsHT,
		done:     make(chan struct{}),
		channels: map[string]*Channel{},
		pending:  map[string]*push{},
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// release gives back what a client without a connection holds.
func (c *Client) release() {
	c.cancel()
	if c.ownsHT {
		c.cfg.HTTPClient.CloseIdleConnections()
	}
}

// Connected reports whether there is a connection. It may be lost without the client
// knowing, for up to two heartbeat intervals.
func (c *Client) Connected() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conn != nil && !c.closed
}

// Channel returns a channel for a topic, which is not joined yet. The function, if not
// nil, returns what is sent along with each join, such as a token or the ID of the
// last message seen: anything that marshals to a JSON object, or [Binary]. It must
// not block: other messages wait for it, and after a second the attempt to join fails,
// as it does if the function panics.
func (c *Client) Channel(topic string, params func() any) *Channel {
	return &Channel{
		client:   c,
		topic:    topic,
		params:   params,
		handlers: map[string]*functions[Message]{},
		gone:     make(chan struct{}),
	}
}

// Close ends the connection and all channels, with [ErrClosed]. What was already given
// to an open connection is sent first. Close waits for the closing handshake and for
// all functions of channels that are running or due; hence none of them may call it.
// When ctx is done the connection is cut, and Close returns an error if anything still
// runs. After that a client cannot be used any more. A second Close waits too.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	if !c.closed {
		for _, ch := range c.inOrder() {
			ch.close(ErrClosed)
		}
		c.closed = true
		c.cancel()
		if c.conn != nil {
			c.conn.closing = true
			c.conn.wakeWriter()
		}
		go func() {
			c.work.Wait()
			c.release()
			close(c.done)
		}()
	}
	cn := c.conn
	c.mu.Unlock()

	if cn != nil {
		stop := context.AfterFunc(ctx, func() { cn.cancel(ErrClosed) })
		defer stop()
	}
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("wsclient: close: %w", ctx.Err())
	}
}

// run keeps the client connected until it is closed. cn is the first connection, if
// there is one already.
func (c *Client) run(cn *conn) {
	for {
		var err error
		if cn == nil {
			if cn, err = c.connect(c.ctx); err == nil {
				c.up(cn)
			}
		}
		if err == nil {
			err = fmt.Errorf("%w: %w", ErrDisconnected, c.serve(cn))
			cn = nil
		}
		attempt, again := c.down(err)
		if !again {
			return
		}
		timer := time.NewTimer(c.delay(c.cfg.ReconnectDelay, defaultReconnectDelay, attempt))
		select {
		case <-timer.C:
		case <-c.ctx.Done():
			timer.Stop()
			return
		}
	}
}

// up makes cn the client's connection, and joins the channels on it: CLI-3.
func (c *Client) up(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		cn.cancel(ErrClosed)
		return
	}
	c.conn = cn
	c.cfg.Logger.Debug("wsclient: connected", "url", redacted(c.cfg.URL))
	if c.cfg.OnConnect != nil {
		c.notify(&c.calls, c.cfg.OnConnect)
	}
	for _, ch := range c.inOrder() {
		ch.tries = 0
		ch.attempt()
	}
}

// down puts the channels off until there is a connection again, and returns the
// number of the next attempt. Any end is followed by one, whatever its code: proxies
// close with 1000 too.
func (c *Client) down(err error) (attempt int, again bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn = nil
	if c.closed {
		return 0, false
	}
	c.attempts++
	c.cfg.Logger.Debug("wsclient: disconnected", "error", err, "attempt", c.attempts)
	if f := c.cfg.OnDisconnect; f != nil {
		c.notify(&c.calls, func() { f(fmt.Errorf("wsclient: %w", err)) })
	}
	for _, ch := range c.inOrder() {
		ch.disconnected(err)
	}
	return c.attempts, true
}

// receive handles a message of the server's.
func (c *Client) receive(cn *conn, m wire.Received) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.conn != cn {
		return
	}
	c.attempts = 0
	c.show(m)
	switch {
	case m.Topic != wire.TopicPhoenix:
	case m.Event == wire.EventRefresh:
		c.refresh(cn)
		return
	case m.Event == wire.EventReply && m.Ref == cn.refresh:
		c.refreshed(m)
		return
	case m.Event == wire.EventReply:
		cn.answered(m.Ref)
		return
	}
	ch := c.channels[m.Topic]
	if ch == nil || m.JoinRef != "" && m.JoinRef != ch.joinRef { // CLI-7
		c.cfg.Logger.Debug("wsclient: outdated message dropped", "topic", m.Topic, "event", m.Event)
		return
	}
	ch.receive(m)
}

// send queues a message. The caller holds the lock and knows that there is a
// connection.
func (c *Client) send(out outbound) {
	c.conn.queue = append(c.conn.queue, out)
	c.conn.wakeWriter()
}

func (c *Client) nextRef() string {
	c.lastRef++
	return wire.Ref(strconv.FormatUint(c.lastRef, 10))
}

// inOrder returns the channels in the order in which they were joined first.
func (c *Client) inOrder() []*Channel {
	return slices.SortedFunc(maps.Values(c.channels), func(a, b *Channel) int {
		return int(int64(a.order - b.order))
	})
}
