package wsclient

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

// What errors of this package wrap, for [errors.Is].
var (
	// ErrTimeout says that an answer did not come in time. It wraps
	// [context.DeadlineExceeded].
	ErrTimeout = fmt.Errorf("timed out: %w", context.DeadlineExceeded)
	// ErrDisconnected says that the connection was lost. The client reconnects.
	ErrDisconnected = errors.New("connection lost")
	// ErrHeartbeat says why a connection was given up: the server did not answer a
	// heartbeat.
	ErrHeartbeat = errors.New("heartbeat not answered")
	// ErrCrashed says that the channel crashed on the server, by an event or in
	// its join. The client joins again.
	ErrCrashed = errors.New("channel crashed on the server")
	// ErrOverrun says that a channel's functions fell too far behind what the
	// server sent; see Config.EventLimit. The client leaves and joins again.
	ErrOverrun = errors.New("too many messages wait to be handled")
	// ErrBufferFull says that too many pushes wait to be sent; see
	// Config.PushLimit.
	ErrBufferFull = errors.New("too many pushes wait to be sent")
	// ErrPayload says that a payload cannot be sent: it must be a JSON object or
	// [Binary].
	ErrPayload = wire.ErrPayload
	// ErrNotJoined says that a channel cannot push before Join was called.
	ErrNotJoined = errors.New("channel was never joined")

	// ErrStopped says that the server ended the channel in good order.
	ErrStopped = errors.New("channel ended by the server")
	// ErrLeft says that the channel was left.
	ErrLeft = errors.New("channel was left")
	// ErrReplaced says that another Channel of the client joined the topic.
	ErrReplaced = errors.New("topic was joined by another channel")
	// ErrClosed says that the client was closed.
	ErrClosed = errors.New("client is closed")
)

// ConnectError says that a connection could not be opened.
type ConnectError struct {
	// StatusCode is the HTTP status that the server answered with, 403 if it
	// refused the client; 0 if there was no answer.
	StatusCode int
	Err        error
}

func (e *ConnectError) Error() string { return fmt.Sprintf("connect: %v", e.Err) }

// Unwrap returns what went wrong.
func (e *ConnectError) Unwrap() error { return e.Err }

// JoinError says that the server refused a join.
type JoinError struct {
	Status  string // usually "error"
	Payload Payload
}

func (e *JoinError) Error() string { return "refused: " + reasonOr(e.Payload, e.Status) }

// Reason returns the payload's field "reason", or "".
func (e *JoinError) Reason() string { return reasonOr(e.Payload, "") }

// Is makes a join that crashed on the server an [ErrCrashed].
func (e *JoinError) Is(target error) bool {
	return target == ErrCrashed && e.Reason() == "join crashed"
}

// ReplyError is a reply with any status but "ok".
type ReplyError struct {
	Status  string // usually "error"
	Payload Payload
}

func (e *ReplyError) Error() string {
	return fmt.Sprintf("reply with status %q: %s", e.Status, reasonOr(e.Payload, "no reason given"))
}

// Reason returns the payload's field "reason", or "".
func (e *ReplyError) Reason() string { return reasonOr(e.Payload, "") }

// reasonOr returns the reason that a server gives by convention.
func reasonOr(p Payload, otherwise string) string {
	var body struct{ Reason string }
	if p.IsBinary() || p.Decode(&body) != nil || body.Reason == "" {
		return otherwise
	}
	return body.Reason
}

// failed returns the error of waiting with ctx, which is done.
func failed(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ErrTimeout
	}
	return ctx.Err()
}
