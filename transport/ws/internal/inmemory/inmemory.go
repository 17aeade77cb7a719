// Package inmemory is how package wstest reaches into package ws, for what programs
// have no use for: clients without a network. Package ws sets the variables. What is
// any in their types is one of its own, as the comments say.
package inmemory

import (
	"context"

	"github.com/troupe-go/troupe/actor"
)

// Client is the far end of a connection: a client in the same program, which speaks
// version 2 of the protocol. Its functions are called from any goroutine and must not
// wait.
type Client struct {
	Receive func(data []byte, binary bool) // a message from the server
	Closed  func(code int, reason string)  // the session has ended; called once
}

// Session is the near end.
type Session struct {
	PID    actor.PID
	Send   func(data []byte, binary bool) // a message to the server
	HangUp func(error)                    // the connection is lost

	// Channel returns the ws.Ref of the channel that the client has on a topic, or nil.
	Channel func(ctx context.Context, topic string) (ref any, err error)
	// Subscribe has f called with what is broadcast on a topic, as long as the session
	// lives. The payload is a ws.Payload.
	Subscribe func(topic string, f func(event string, payload any)) error
	// Broadcast is Endpoint.Broadcast that the session's subscriptions do not get.
	Broadcast func(topic, event string, payload any) error
}

// Connect starts a session for a client of a *ws.Endpoint, on its socket with that
// path. The client is a *ws.Request, for Connect to judge, or a ws.Identity.
var Connect func(endpoint any, path string, who any, c Client) (Session, error)
