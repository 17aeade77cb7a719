package wstest

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/inmemory"
	"github.com/troupe-go/troupe/transport/ws/internal/wire"
)

const (
	// defaultTimeout is how long an assertion waits.
	defaultTimeout = 100 * time.Millisecond
	// patience is how long it then lets a handler finish, and the limit for what must
	// end at all: more than a session gives its channels.
	patience = 10 * time.Second
)

// NewEndpoint starts an endpoint with these sockets, on a system of its own. Both are
// shut down at the end of the test. The system logs to the test's output.
func NewEndpoint(t testing.TB, sockets ...ws.Socket) *ws.Endpoint {
	t.Helper()
	return Start(t, func(sys *actor.System) (*ws.Endpoint, error) { return ws.Start(sys, ws.Config{Sockets: sockets}) })
}

// Start is [NewEndpoint] for a program that has a function to make its endpoint.
func Start(t testing.TB, newEndpoint func(*actor.System) (*ws.Endpoint, error)) *ws.Endpoint {
	t.Helper()
	endpoint, err := newEndpoint(actortest.NewSystem(t))
	if err != nil {
		t.Fatalf("wstest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := endpoint.Shutdown(ctx); err != nil {
			t.Errorf("wstest: %v", err)
		}
	})
	return endpoint
}

// Client is a connected client, the counterpart of a socket in Phoenix's tests. It is
// closed at the end of the test. One goroutine at a time may use it.
type Client struct {
	*connection
	timeout time.Duration
}

// connection is what copies of a Client share.
type connection struct {
	session  inmemory.Session
	inbox    inbox
	lastRef  int
	channels []*Channel

	once   sync.Once
	closed chan struct{}
	code   int // when closed
	reason string
}

// NewClient returns a client that is connected as who, without asking the socket's
// Connect. The path is that of the socket. It is socket/3 of Phoenix's tests.
func NewClient(t testing.TB, endpoint *ws.Endpoint, path string, who ws.Identity) *Client {
	t.Helper()
	c, err := connect(t, endpoint, path, who)
	if err != nil {
		t.Fatalf("wstest: new client: %v", err)
	}
	return c
}

// Connect returns a client that the socket's Connect has let in, or the error by which
// it was refused. Connect gets the request; if there is no http.Request in it, it gets
// one that asks for the path, with the Params as its query. Origins are not checked.
// It is connect/3 of Phoenix's tests.
func Connect(t testing.TB, endpoint *ws.Endpoint, path string, r *ws.Request) (*Client, error) {
	t.Helper()
	var full ws.Request
	if r != nil {
		full = *r
	}
	if full.Request == nil {
		full.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"/websocket?"+full.Params.Encode(), nil)
	}
	if full.Params == nil {
		full.Params = full.URL.Query()
	}
	return connect(t, endpoint, path, &full)
}

func connect(t testing.TB, endpoint *ws.Endpoint, path string, who any) (*Client, error) {
	c := &Client{&connection{closed: make(chan struct{})}, defaultTimeout}
	var err error
	c.session, err = inmemory.Connect(endpoint, path, who, inmemory.Client{Receive: c.receive, Closed: c.ended})
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		t.Helper()
		for _, ch := range c.channels { // a crash that is on its way is to happen
			c.settle(ch.topic, c.timeout)
		}
		c.Close(t)
		c.reportCrashes(t)
	})
	return c, nil
}

// receive takes what the server sends.
func (c *connection) receive(data []byte, binary bool) {
	m, err := wire.Decode(data, binary)
	if err != nil { // a serializer of the server's is broken: show it
		m = wire.Message{Event: "not understood: " + err.Error(), Data: data, Binary: true}
	}
	c.inbox.put(m)
}

func (c *connection) ended(code int, reason string) {
	c.once.Do(func() {
		c.code, c.reason = code, reason
		close(c.closed)
	})
}

// Within returns the same client with another timeout.
func (c *Client) Within(timeout time.Duration) *Client { return &Client{c.connection, timeout} }

// PID returns the socket actor.
func (c *Client) PID() actor.PID { return c.session.PID }

// send sends a message with a ref of its own.
func (c *connection) send(t testing.TB, m wire.Message, payload any) Ref {
	t.Helper()
	p, err := ws.JSON(payload)
	if err == nil {
		c.lastRef++
		m.Ref = strconv.Itoa(c.lastRef)
		if m.Event == wire.EventJoin {
			m.JoinRef = m.Ref
		}
		m.Data, m.Binary = p.Bytes(), p.IsBinary()
		var data []byte
		if data, err = m.Encode(); err == nil {
			c.session.Send(data, m.Binary)
		}
	}
	if err != nil {
		t.Fatalf("wstest: %s on %q: %v", m.Event, m.Topic, err)
	}
	return Ref(m.Ref)
}

// Join joins a topic, which the channel must allow, and has the test told of what is
// broadcast on it. It returns the channel and the payload of the answer. A channel that
// the client has on the topic already is replaced. It is subscribe_and_join! of
// Phoenix's tests.
func (c *Client) Join(t testing.TB, topic string, payload any) (*Channel, ws.Payload) {
	t.Helper()
	broadcasts := c.Subscribe(t, topic)
	answer, ref := c.join(t, topic, payload)
	if answer.Status != "ok" {
		t.Fatalf("wstest: join %q: refused with %s", topic, show(answer))
	}
	ch := &Channel{&member{conn: c.connection, topic: topic, joinRef: string(ref), broadcasts: broadcasts}, c.timeout}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	address, err := c.session.Channel(ctx, topic)
	if err != nil {
		t.Fatalf("wstest: join %q: %v", topic, err)
	}
	ch.ref, _ = address.(ws.Ref) // none: it has ended already
	c.channels = append(c.channels, ch)
	return ch, payloadOf(answer)
}

// JoinRefused tries to join a topic, which the channel must refuse, and returns the
// payload of the answer. One whose Join crashes refuses with the reason "join crashed",
// one that has no channel with "unmatched topic".
func (c *Client) JoinRefused(t testing.TB, topic string, payload any, want ...any) ws.Payload {
	t.Helper()
	answer, _ := c.join(t, topic, payload)
	if answer.Status != "error" || !matches(want, answer) {
		t.Fatalf("wstest: join %q: answered with %s\nwant: error%s", topic, show(answer), showWant(want))
	}
	return payloadOf(answer)
}

func (c *Client) join(t testing.TB, topic string, payload any) (answer wire.Message, ref Ref) {
	t.Helper()
	ref = c.send(t, wire.Message{Topic: topic, Event: wire.EventJoin}, payload)
	answer, ok := c.await(&c.inbox, topic, c.timeout, func(m wire.Message) bool {
		return m.Event == wire.EventReply && m.Ref == string(ref)
	})
	if !ok {
		t.Fatalf("wstest: join %q: not answered\n%s", topic, c.inbox.account())
	}
	return answer, ref
}

// Subscribe has the test told of what is broadcast on a topic that it need not have
// joined.
func (c *Client) Subscribe(t testing.TB, topic string) *Topic {
	t.Helper()
	s := &Topic{conn: c.connection, name: topic, inbox: new(inbox), timeout: c.timeout}
	err := c.session.Subscribe(topic, func(event string, payload any) {
		p := payload.(ws.Payload)
		s.inbox.put(wire.Message{Topic: topic, Event: event, Data: p.Bytes(), Binary: p.IsBinary()})
	})
	if err != nil {
		t.Fatalf("wstest: subscribe to %q: the client is closed: %v", topic, err)
	}
	return s
}

// errClosed is how the connection of a test ends.
var errClosed = errors.New("closed by the test")

// Close breaks the connection, and waits until the client's channels have ended. It is
// close/1 of Phoenix's tests. It may be called more than once.
func (c *Client) Close(t testing.TB) {
	t.Helper()
	c.session.HangUp(errClosed)
	c.awaitClosed(t, patience)
}

// AssertDisconnect waits for the server to end the connection, and returns the code
// that it closes a WebSocket with, and the reason.
func (c *Client) AssertDisconnect(t testing.TB) (code int, reason string) {
	t.Helper()
	c.awaitClosed(t, c.timeout+patience)
	return c.code, c.reason
}

func (c *Client) awaitClosed(t testing.TB, limit time.Duration) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-c.closed:
	case <-timer.C:
		t.Fatalf("wstest: the connection did not end within %v\n%s", limit, c.inbox.account())
	}
}

// reportCrashes fails the test for each channel that has crashed unexpectedly. It is
// called when all have ended.
func (c *Client) reportCrashes(t testing.TB) {
	t.Helper()
	for _, ch := range c.channels {
		if reason := ch.crashed(); reason != nil && !ch.expected {
			t.Errorf("wstest: channel %q crashed: %v", ch.topic, reason)
		}
	}
}

// await waits for a message and takes it. When the time is over it lets the socket,
// and its channel on the topic, finish what they have at hand, and looks once more.
func (c *connection) await(b *inbox, topic string, timeout time.Duration, match func(wire.Message) bool) (wire.Message, bool) {
	if m, ok := b.await(timeout, match); ok {
		return m, true
	}
	c.settle(topic, patience)
	return b.await(0, match)
}

// refute waits for a message that must not come.
func (c *connection) refute(b *inbox, topic string, timeout time.Duration, match func(wire.Message) bool) (wire.Message, bool) {
	if m, came := b.await(timeout, match); came {
		return m, true
	}
	c.settle(topic, timeout)
	return b.await(0, match)
}

// settle waits until the socket, and its channel on the topic, have handled what they
// had been sent, but no longer than limit.
func (c *connection) settle(topic string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	address, err := c.session.Channel(ctx, topic)
	if channel, ok := address.(ws.Ref); ok && err == nil {
		channel.PID().Inspect(ctx, func(any) {})
		c.session.PID.Inspect(ctx, func(any) {}) // which tells the client of its end
	}
}
