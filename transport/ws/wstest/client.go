package wstest

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/visit"
	"github.com/troupe-go/troupe/transport/ws/wire"
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

// Start is [NewEndpoint] for a program that has a function to make its endpoint. That may
// start a whole tree with the endpoint in it, which ends in order with the system.
func Start(t testing.TB, newEndpoint func(*actor.System) (*ws.Endpoint, error)) *ws.Endpoint {
	t.Helper()
	endpoint, err := newEndpoint(actortest.NewSystem(t, actortest.StopWithin(patience)))
	if err != nil {
		t.Fatalf("wstest: %v", err)
	}
	return endpoint
}

// Client is a connected client, the counterpart of a socket in Phoenix's tests. It is
// closed at the end of the test. Only the goroutine of the test that made it may use
// it, and its channels and topics: what fails ends that test.
type Client struct {
	*connection
	t       testing.TB
	timeout time.Duration
}

// NewClient returns a client that is connected as who, without asking the socket's
// Connect. The path is that of the socket.
//
// Phoenix: Phoenix.ChannelTest.socket/3.
func NewClient(t testing.TB, endpoint *ws.Endpoint, path string, who ws.Identity) *Client {
	t.Helper()
	c, err := connect(t, endpoint, path, ws.Request{}, &visit.Visit[ws.Identity]{Identity: &who})
	if err != nil {
		t.Fatalf("wstest: new client: %v", err)
	}
	return c
}

// Connect returns a client that the socket's Connect has let in, or the error by which it
// was refused. Connect gets what a client with these Params and this AuthToken would
// send; an http.Request in r lends it its context, its addresses and its header, of which
// the Origin is checked. A nil r asks for nothing but the path. The error is what Connect
// has returned, or says what kept the client from it; a [*ws.StatusError] has the status
// of the answer.
//
// Phoenix: Phoenix.ChannelTest.connect/3.
func Connect(t testing.TB, endpoint *ws.Endpoint, path string, r *ws.Request) (*Client, error) {
	t.Helper()
	if r == nil {
		r = new(ws.Request)
	}
	return connect(t, endpoint, path, *r, new(visit.Visit[ws.Identity]))
}

func connect(t testing.TB, endpoint *ws.Endpoint, path string, r ws.Request, v *visit.Visit[ws.Identity]) (*Client, error) {
	t.Helper()
	conn, err := dial(endpoint, handshake(t, path, r), v)
	if err != nil {
		return nil, err
	}
	c := &Client{conn, t, defaultTimeout}
	t.Cleanup(func() {
		t.Helper()
		for _, ch := range c.channels { // a crash that is on its way is to happen
			c.settle(ch.topic, c.timeout)
		}
		c.Close()
		c.reportCrashes()
	})
	return c, nil
}

// handshake returns the request of a client of version 2.
func handshake(t testing.TB, path string, r ws.Request) *http.Request {
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path+"/websocket", nil)
	query := maps.Clone(r.Params)
	if r.Request != nil {
		target := request.URL
		request = r.Request.Clone(r.Context())
		if query == nil && r.URL != nil {
			query = r.URL.Query()
		}
		request.URL, request.Host = target, cmp.Or(r.Host, "example.com")
		request.Method, request.Body, request.ContentLength = http.MethodGet, http.NoBody, 0
	}
	if query == nil {
		query = url.Values{}
	}
	query.Set("vsn", "2.0.0")
	request.URL.RawQuery = query.Encode()
	request.RequestURI = request.URL.RequestURI()
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if r.AuthToken != "" {
		token := base64.RawStdEncoding.EncodeToString([]byte(r.AuthToken))
		request.Header.Add(protocolHeader, "phoenix, base64url.bearer.phx."+token)
	}
	return request
}

// Within returns the same client with another timeout.
func (c *Client) Within(timeout time.Duration) *Client { return &Client{c.connection, c.t, timeout} }

// For returns the same client for another test, such as a subtest: it is the one that
// fails then. It also is that of the channels and topics that it returns.
func (c *Client) For(t testing.TB) *Client { return &Client{c.connection, t, c.timeout} }

// PID returns the socket actor.
func (c *Client) PID() actor.PID { return c.session }

// send sends a message with a ref of its own.
func (c *connection) send(t testing.TB, m wire.Message, payload any) Ref {
	t.Helper()
	var err error
	if m.Payload, err = ws.JSON(payload); err == nil {
		c.lastRef++
		m.Ref = wire.Ref(strconv.Itoa(c.lastRef))
		if m.Event == wire.EventJoin {
			m.JoinRef = m.Ref
		}
		var out outgoing
		if out.data, out.binary, err = (wire.Client{}).Append(nil, m); err == nil {
			c.out.Put(out)
		}
	}
	if err != nil {
		t.Fatalf("wstest: %s on %q: %v", m.Event, m.Topic, err)
	}
	return Ref(m.Ref)
}

// Join joins a topic, which the channel must allow, and has the test told of what is
// broadcast on it. It returns the channel and the payload of the answer. A channel that
// the client has on the topic already is replaced.
//
// Phoenix: Phoenix.ChannelTest.subscribe_and_join!/3.
func (c *Client) Join(topic string, payload any) (*Channel, ws.Payload) {
	c.t.Helper()
	broadcasts := c.Subscribe(topic)
	answer, ref := c.join(topic, payload)
	if answer.Status != "ok" {
		c.t.Fatalf("wstest: join %q: refused with %s", topic, show(answer))
	}
	m := &member{conn: c.connection, topic: topic, joinRef: string(ref), broadcasts: broadcasts}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	if m.ref, err = c.channelOn(ctx, topic); err != nil {
		c.t.Fatalf("wstest: join %q: %v", topic, err)
	}
	c.channels = append(c.channels, m)
	return &Channel{m, c.t, c.timeout}, answer.Payload
}

// JoinRefused tries to join a topic, which the channel must refuse, and returns the
// payload of the answer. One whose Join crashes refuses with the reason "join crashed",
// one that has no channel with "unmatched topic". A channel whose Resumed crashes has no answer:
// what the client is told of its end is returned then.
func (c *Client) JoinRefused(topic string, payload any, want ...any) ws.Payload {
	c.t.Helper()
	answer, _ := c.join(topic, payload)
	refused := answer.Status == "error" || answer.Event == wire.EventError
	if !refused || !matches(want, answer) {
		c.t.Fatalf("wstest: join %q: answered with %s\nwant: error%s", topic, show(answer), showWant(want))
	}
	return answer.Payload
}

func (c *Client) join(topic string, payload any) (answer wire.Received, ref Ref) {
	c.t.Helper()
	ref = c.send(c.t, wire.Message{Topic: topic, Event: wire.EventJoin}, payload)
	answer, ok := c.await(&c.inbox, topic, c.timeout, func(m wire.Received) bool {
		isEnd := m.Event == wire.EventClose || m.Event == wire.EventError
		return m.Event == wire.EventReply && m.Ref == string(ref) || isEnd && m.JoinRef == string(ref)
	})
	if !ok {
		c.t.Fatalf("wstest: join %q: not answered\n%s", topic, account(&c.inbox))
	}
	return answer, ref
}

// Subscribe has the test told of what is broadcast on a topic that it need not have
// joined.
func (c *Client) Subscribe(topic string) *Topic {
	c.t.Helper()
	s := &Topic{c.connection, topic, new(actortest.Inbox[wire.Received]), c.t, c.timeout}
	if err := c.endpoint.Subscribe(c.session, topic, spy{s.inbox}); err != nil {
		c.t.Fatalf("wstest: subscribe to %q: the client is closed: %v", topic, err)
	}
	return s
}

// spy hears of broadcasts in place of a client.
type spy struct {
	inbox *actortest.Inbox[wire.Received]
}

// Deliver implements pubsub.Subscriber.
func (s spy) Deliver(_ string, b ws.Broadcast) {
	s.inbox.Put(wire.Received{Message: wire.Message{Topic: b.Topic, Event: b.Event, Payload: b.Payload}})
}

// Close breaks the connection, and waits until the client's channels have ended, but for those
// that linger. What was pushed before has reached the server. It may be called more than once.
//
// Phoenix: Phoenix.ChannelTest.close/2.
func (c *Client) Close() {
	c.t.Helper()
	c.sync(patience)
	c.socket.CloseNow()
	c.awaitEnd(patience)
}

// AssertDisconnect waits for the server to end the connection, and returns the code
// that it closes the WebSocket with, and the reason. The code is 1006 if the connection
// ended without one, as a browser has it.
func (c *Client) AssertDisconnect() (code int, reason string) {
	c.t.Helper()
	c.awaitEnd(c.timeout + patience)
	if e, ok := errors.AsType[websocket.CloseError](c.err); ok {
		return int(e.Code), e.Reason
	}
	return int(websocket.StatusAbnormalClosure), ""
}

// awaitEnd waits until nothing more comes and the client's actors have ended, but for those that
// linger.
func (c *Client) awaitEnd(limit time.Duration) {
	c.t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for over, done := c.closed, c.session.Done(); over != nil || done != nil; {
		select {
		case <-over:
			over = nil
		case <-done:
			done = nil
		case <-look.C:
			if over == nil && c.lingers() {
				return
			}
		case <-timer.C:
			c.t.Fatalf("wstest: the connection did not end within %v\n%s", limit, account(&c.inbox))
		}
	}
}

// lingers reports whether there are channels that wait for the client, and nothing else is left of
// it.
func (c *Client) lingers() (some bool) {
	if _, connected := c.endpoint.Connection(c.session); connected {
		return false
	}
	for ch := range c.endpoint.ChannelsOf(c.session) {
		if !ch.Lingering {
			return false
		}
		some = true
	}
	return some
}

// reportCrashes fails the test for each channel that has crashed unexpectedly. It is
// called when all have ended.
func (c *Client) reportCrashes() {
	c.t.Helper()
	for _, ch := range c.channels {
		if reason := ch.crashed(); reason != nil && !ch.expected {
			c.t.Errorf("wstest: channel %q crashed: %v", ch.topic, reason)
		}
	}
}

// await waits for a message and takes it. When the time is over it lets the socket,
// and its channel on the topic, finish what they have at hand, and looks once more.
func (c *connection) await(b *actortest.Inbox[wire.Received], topic string, timeout time.Duration, match func(wire.Received) bool) (wire.Received, bool) {
	if m, ok := b.Take(timeout, match); ok {
		return m, true
	}
	c.settle(topic, patience)
	return b.Take(0, match)
}

// refute waits for a message that must not come.
func (c *connection) refute(b *actortest.Inbox[wire.Received], topic string, timeout time.Duration, match func(wire.Received) bool) (wire.Received, bool) {
	if m, came := b.Take(timeout, match); came {
		return m, true
	}
	c.settle(topic, timeout)
	return b.Take(0, match)
}

// settle waits until the socket, and its channel on the topic, have handled what they
// had been sent, and what they have answered has come; but no longer than limit.
func (c *connection) settle(topic string, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	end := time.Now().Add(limit)
	c.sync(limit) // the socket has handed on what the test has sent
	if channel, err := c.channelOn(ctx, topic); err == nil && channel != (ws.Ref{}) {
		channel.PID().Inspect(ctx, func(any) {})
	}
	c.sync(time.Until(end)) // by way of the socket, which tells the client of the channel's end
}

// channelOn returns the channel that the client has on a topic, or the zero Ref.
func (c *connection) channelOn(ctx context.Context, topic string) (ws.Ref, error) {
	found := make(chan ws.Ref, 1) // and no variable: the look may go on when Inspect has returned
	err := c.session.Inspect(ctx, func(session any) {
		ref, _ := session.(interface{ Channel(string) (ws.Ref, bool) }).Channel(topic)
		found <- ref
	})
	if err != nil {
		return ws.Ref{}, err
	}
	return <-found, nil
}
