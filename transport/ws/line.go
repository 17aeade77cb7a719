package ws

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// line is what a session has in common with its channels: the way to their client. Channels
// have nothing else of their session. It is whole before there is a channel, and never
// changes from then on, so its methods may be called from any goroutine.
type line struct {
	endpoint  *Endpoint
	socket    *Socket
	transport transport
	id        string                   // of the Identity
	assigned  any                      // what Connect has assigned, or an *endowed
	encoding  atomic.Pointer[encoding] // and whether it compresses once the connection is open
	session   actor.Ref[sessionMsg]    // known once the session runs
}

// endowed is the Identity of a connection that has more than an ID and Assigns, or may be
// refreshed. So those that do not pay nothing for it.
type endowed struct{ atomic.Pointer[Identity] }

// assigned returns what a line keeps of the Identity, but for its ID.
func (i Identity) assigned(s *Socket) any {
	if i.Values == nil && i.Expires.IsZero() && s.Refresh == nil {
		return i.Assigns
	}
	e := new(endowed)
	e.Store(&i)
	return e
}

// identity returns what the client is taken for now.
func (l *line) identity() Identity {
	if e, ok := l.assigned.(*endowed); ok {
		return *e.Load()
	}
	return Identity{ID: l.id, Assigns: l.assigned}
}

func (l *line) assigns() any { return l.identity().Assigns }

// values returns the Values of the Identity, or nil.
func (l *line) values() context.Context { return l.identity().Values }

// send sends a message to the client.
func (l *line) send(m wire.Message) error {
	f, err := l.encoding.Load().encode(m)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	l.transport.send(f)
	return nil
}

// reply answers the message m, of which JoinRef, Ref and Topic count.
func (l *line) reply(m wire.Message, with Reply) error {
	f, err := l.replyFrame(m, with)
	if err != nil {
		return err
	}
	l.transport.send(f)
	return nil
}

// replyFrame encodes what reply sends.
func (l *line) replyFrame(m wire.Message, with Reply) (f frame.Sealed, err error) {
	if m.Payload, err = JSON(with.payload); err == nil {
		f, err = l.encoding.Load().encodeReply(m, with.status)
	}
	if err != nil {
		return f, fmt.Errorf("reply on %q: %w", m.Topic, err)
	}
	return f, nil
}

func (l *line) log() *slog.Logger { return l.endpoint.log }

func (l *line) observed() bool { return l.socket.Observe != nil }

func (l *line) emit(o Observation) { l.endpoint.emit(l.socket, o) }

func (l *line) emitApart(o Observation) { l.endpoint.emitApart(l.socket, o) }
