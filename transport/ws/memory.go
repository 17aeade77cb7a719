package ws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync/atomic"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/inmemory"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// closeStatus is how a connection is to end.
type closeStatus struct {
	code   websocket.StatusCode
	reason string
}

// memory is the transport of a client in the same program, for package wstest.
type memory struct {
	endpoint *Endpoint
	seat     seat
	client   inmemory.Client
	session  actor.Ref[sessionMsg]
	status   atomic.Pointer[closeStatus] // the first one to be set holds
}

func init() { inmemory.Connect = connectInMemory }

// connectInMemory implements inmemory.Connect.
func connectInMemory(endpoint any, path string, who any, far inmemory.Client) (inmemory.Session, error) {
	e := endpoint.(*Endpoint)
	i := slices.IndexFunc(e.mounts, func(s Socket) bool { return s.Path == path })
	if i < 0 {
		return inmemory.Session{}, fmt.Errorf("ws: no socket at %q", path)
	}
	socket := &e.mounts[i]
	if !slices.Contains(socket.Serializers, wire.Serializer(wire.V2{})) {
		return inmemory.Session{}, fmt.Errorf("ws: the socket at %q does not speak version 2", path)
	}
	identity, isIdentity := who.(Identity)
	if r, ok := who.(*Request); ok && !isIdentity && socket.Connect != nil {
		if r.Request == nil { // so that Connect may look into it all the same
			with := *r
			with.Request = &http.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}}
			r = &with
		}
		var err error
		if identity, err = socket.Connect(r); err != nil {
			return inmemory.Session{}, err
		}
	}
	seat, full := e.admit(socket, netip.Addr{})
	if full != nil {
		return inmemory.Session{}, fmt.Errorf("ws: the endpoint is shut down, or full: %w", full)
	}
	m := &memory{endpoint: e, seat: seat, client: far}
	s := &session{endpoint: e, socket: socket, transport: m, encoding: e.encodings.get(wire.V2{}, false), identity: identity}
	if !seat.start(s) {
		return inmemory.Session{}, errors.New("ws: session not started")
	}
	return m.near(s), nil
}

// near returns the session as package wstest sees it.
func (m *memory) near(s *session) inmemory.Session {
	pid := m.session.PID()
	return inmemory.Session{
		PID: pid,
		Send: func(data []byte, binary bool) {
			m.session.Send(sessionMsg{op: opFrame, data: data, binary: binary})
		},
		HangUp: func(err error) { m.session.Send(sessionMsg{op: opHangup, err: err}) },
		Channel: func(ctx context.Context, topic string) (ref any, err error) {
			err = pid.Inspect(ctx, func(any) {
				if j := s.find(topic); j != nil {
					ref = Ref{j.ref}
				}
			})
			return ref, err
		},
		Subscribe: func(topic string, f func(event string, payload any)) error {
			return m.endpoint.topics.Subscribe(pid, topic, spy(f))
		},
		Broadcast: func(topic, event string, payload any) error {
			return m.endpoint.broadcast(pid, topic, event, payload)
		},
	}
}

// name implements transport.
func (m *memory) name() string { return "memory" }

// attach implements transport.
func (m *memory) attach(s *session) { m.session = s.ctx.Self() }

// send implements transport.
func (m *memory) send(f frame.Sealed) { m.client.Receive(f.Payload(), f.Binary()) }

// handled implements transport: a test sends as much as it likes.
func (m *memory) handled(int64) {}

// closeWith implements transport.
func (m *memory) closeWith(code websocket.StatusCode, reason string) {
	m.status.CompareAndSwap(nil, &closeStatus{code, reason})
}

// Release implements [actor.Resource].
func (m *memory) Release(_ actor.PID, reason error) {
	code := websocket.StatusInternalError
	if actor.IsClean(reason) {
		code = websocket.StatusServiceRestart
	}
	status := cmp.Or(m.status.Load(), &closeStatus{code: code})
	m.client.Closed(int(status.code), status.reason)
	m.seat.leave()
}

// spy is a subscriber that is no client.
type spy func(event string, payload any)

// Deliver implements pubsub.Subscriber.
func (f spy) Deliver(_ string, b *broadcast) { f(b.Event, b.Payload) }
