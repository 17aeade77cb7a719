package ws

//lint:file-ignore ST1012 exit reasons read as what they are: ws.Left, ws.Closed

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// Reply is a handler's answer to a message. The zero Reply, [NoReply], is none.
type Reply struct {
	status  string
	payload any
}

// NoReply sends nothing: the client did not ask for a reply, or will get it later
// by a [ReplyRef].
var NoReply Reply

// UnknownEvent is the answer for events that a channel does not know. Phoenix
// crashes the channel there; an error lets the client know without that.
var UnknownEvent = Error(Reason("unknown event"))

// OK answers with status "ok". The payload can be anything that marshals to JSON,
// a [Payload], or nil for {}.
func OK(payload any) Reply { return Reply{wire.StatusOK, payload} }

// Error answers with status "error". The channel goes on.
func Error(payload any) Reply { return Reply{wire.StatusError, payload} }

// Status answers with a status of your own, which the client's receive(status, …)
// waits for.
func Status(status string, payload any) Reply { return Reply{status, payload} }

// Status returns the reply's status, or "" if there is none to be sent.
func (r Reply) Status() string { return r.status }

// Payload returns what the handler gave for a payload.
func (r Reply) Payload() any { return r.payload }

// Reason is the payload {"reason": "…"}, the usual one of errors.
type Reason string

// MarshalJSON implements [json.Marshaler].
func (r Reason) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"reason": string(r)})
}

// RefusedError is the error of a Join that does not let the client in, or of a Resumed that does
// not let it in again.
type RefusedError struct{ Payload any }

func (e *RefusedError) Error() string { return fmt.Sprintf("ws: join refused: %v", e.Payload) }

// Refuse returns the error with which a Join refuses a client; payload, usually a
// [Reason], is what the client gets. An [InputError] needs no Refuse. Any other error
// refuses as well, but is logged, and its text is not sent.
func Refuse(payload any) error { return &RefusedError{payload} }

// refusal returns what the client is told about an error of Join.
func refusal(err error) (payload any, foreseen bool) {
	var refused *RefusedError
	if errors.As(err, &refused) {
		return refused.Payload, true
	}
	if invalid, ok := errors.AsType[*InputError](err); ok {
		return invalid, true
	}
	return Reason("join failed"), false
}

// Reasons for the end of a channel that its Terminate may see; see [Handler].
var (
	// Left: the client left the channel.
	Left = fmt.Errorf("%w: left", actor.Shutdown)
	// Closed: the connection is gone.
	Closed = fmt.Errorf("%w: connection closed", actor.Shutdown)
	// Rejoined: the client joined the topic anew.
	Rejoined = fmt.Errorf("%w: joined again", actor.Shutdown)
	// Lingered: the connection was lost, and nobody has come back for the route's Linger.
	Lingered = fmt.Errorf("%w: nobody has come back", actor.Shutdown)
	// Expired: the time has come that [Channel.Expire] was given.
	Expired = fmt.Errorf("%w: expired", actor.Shutdown)
)

// Stop, returned by HandleIn or HandleInfo, ends the channel in good order: the
// reply, if any, is sent first, and the client does not rejoin.
var Stop = actor.Stop
