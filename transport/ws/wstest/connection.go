package wstest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/actortest"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/visit"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// connection is what copies of a Client share: a WebSocket over a pipe.
type connection struct {
	socket   *websocket.Conn
	endpoint *ws.Endpoint
	session  actor.PID
	inbox    actortest.Inbox[wire.Received]
	beats    actortest.Inbox[string] // the refs of heartbeats that were answered
	out      actortest.Inbox[outgoing]
	lastRef  int
	syncs    int
	channels []*member

	closed chan struct{} // closed when nothing more comes
	err    error         // why; set before that
}

// outgoing is a message that waits to be written, so that a push waits for nothing.
type outgoing struct {
	data   []byte
	binary bool
	last   bool // there will be none
}

// dial connects a client as the request says, which is not changed. If the endpoint
// does not let it in, the error is that of the socket's Connect if there is one.
func dial(endpoint *ws.Endpoint, r *http.Request, v *visit.Visit[ws.Identity]) (*connection, error) {
	p := &pipe{handler: endpoint, request: r.WithContext(visit.With(r.Context(), v))}
	header := r.Header.Clone()
	header.Del(protocolHeader)
	socket, resp, err := websocket.Dial(context.Background(), "ws://"+r.Host+r.URL.RequestURI(), &websocket.DialOptions{
		HTTPClient:      &http.Client{Transport: p},
		HTTPHeader:      header,
		Subprotocols:    subprotocols(r.Header),
		CompressionMode: websocket.CompressionNoContextTakeover, // browsers offer it, too
	})
	switch {
	case v.Refused != nil:
		return nil, v.Refused
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return nil, fmt.Errorf("no socket at %q", strings.TrimSuffix(r.URL.Path, "/websocket"))
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, &ws.StatusError{Status: resp.StatusCode, Header: resp.Header}
	case err != nil:
		return nil, err
	}
	socket.SetReadLimit(-1)
	c := &connection{socket: socket, endpoint: endpoint, session: v.Session, closed: make(chan struct{})}
	go c.read()
	go c.write()
	return c, nil
}

const protocolHeader = "Sec-WebSocket-Protocol"

func subprotocols(h http.Header) []string {
	return strings.FieldsFunc(strings.Join(h.Values(protocolHeader), ","), func(r rune) bool { return r == ',' || r == ' ' })
}

// read takes what the server sends.
func (c *connection) read() {
	defer func() {
		c.out.Put(outgoing{last: true})
		close(c.closed)
		c.beats.Put("the end") // which sync waits for as well
	}()
	for {
		kind, data, err := c.socket.Read(context.Background())
		if err != nil {
			c.err = err
			return
		}
		c.receive(data, kind == websocket.MessageBinary)
	}
}

// over reports whether nothing more comes.
func (c *connection) over() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

func (c *connection) receive(data []byte, binary bool) {
	m, err := wire.Client{}.Decode(data, binary)
	switch {
	case err != nil: // a serializer of the server's is broken: show it
		m.Event, m.Payload = "not understood: "+err.Error(), ws.Binary(data)
		c.inbox.Put(m)
	case m.Topic == wire.TopicPhoenix:
		c.beats.Put(wire.RefText(m.Ref))
	default:
		c.inbox.Put(m)
	}
}

const (
	// heartbeat is how often a client that has nothing to say says so.
	heartbeat = 30 * time.Second
	// lifetime is how long it goes on with that. A test in a bubble of virtual time
	// that waits for something that never comes gets there at once.
	lifetime = 24 * time.Hour
)

// write sends what the test does, and heartbeats.
func (c *connection) write() {
	for idle := time.Duration(0); idle < lifetime; {
		m, ok := c.out.Take(heartbeat, func(outgoing) bool { return true })
		switch {
		case !ok:
			idle += heartbeat
			m = outgoing{data: heartbeatMessage("idle")}
		case m.last:
			return
		}
		kind := websocket.MessageText
		if m.binary {
			kind = websocket.MessageBinary
		}
		if c.socket.Write(context.Background(), kind, m.data) != nil {
			return // and read knows why
		}
	}
}

func heartbeatMessage(ref string) []byte {
	beat := wire.Message{Ref: wire.Ref(ref), Topic: wire.TopicPhoenix, Event: wire.EventHeartbeat}
	data, _, _ := wire.Client{}.Append(nil, beat) // JSON, which does not fail
	return data
}

// sync waits until the server has read what was sent, and all that it had written by
// then has come; not longer than limit, and not if the connection has ended.
func (c *connection) sync(limit time.Duration) {
	if c.over() {
		return
	}
	c.syncs++
	ref := "sync" + strconv.Itoa(c.syncs)
	c.out.Put(outgoing{data: heartbeatMessage(ref)})
	c.beats.Take(limit, func(answered string) bool { return answered == ref || c.over() })
}

// pipe is the way from a client to the endpoint, without a network.
type pipe struct {
	handler http.Handler
	request *http.Request // the test's, for all that is not in the client's
}

// RoundTrip implements [http.RoundTripper].
func (p *pipe) RoundTrip(r *http.Request) (*http.Response, error) {
	near, far := net.Pipe()
	request := p.request.Clone(p.request.Context())
	request.Header = r.Header.Clone()
	w := &answer{ResponseRecorder: httptest.NewRecorder(), conn: far}
	served := make(chan error, 1)
	go func() {
		served <- w.serve(p.handler, request)
		if !w.hijacked {
			far.Close()
		}
	}()
	reader := bufio.NewReader(near)
	resp, err := http.ReadResponse(reader, r)
	if err == nil {
		resp.Body = duplex{reader, near}
		return resp, nil
	}
	near.Close()
	if err := <-served; err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// answer is the answer to a request of a client's, whose connection can be taken over.
type answer struct {
	*httptest.ResponseRecorder
	conn     net.Conn
	hijacked bool
}

// serve has h answer the request. A panic is an error of the test's.
func (w *answer) serve(h http.Handler, r *http.Request) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	h.ServeHTTP(w, r)
	return nil
}

// Hijack implements [http.Hijacker].
func (w *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return w.conn, bufio.NewReadWriter(bufio.NewReader(w.conn), bufio.NewWriter(w.conn)), nil
}

// duplex is the body of an answer that switches to a WebSocket.
type duplex struct {
	io.Reader
	io.WriteCloser
}
