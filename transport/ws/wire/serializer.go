package wire

import "errors"

// Serializer turns messages into the bytes of frames and back, on the server's side and for
// one version of the protocol. [V1] and [V2] are what official clients speak; a program may
// give a socket others, for clients of its own. Its methods may be called from any
// goroutine, and its type must be comparable.
//
// Phoenix: Phoenix.Socket.Serializer.
type Serializer interface {
	// Version returns the version that clients ask for by the parameter vsn, such as
	// "2.0.0". The serializer also serves clients that ask for a later patch, "2.0.7".
	Version() string

	// Decode reads what a client sent in a text frame or in a binary one. The message may
	// keep data. An error ends the connection with code 1007.
	Decode(data []byte, binary bool) (Message, error)

	// Append appends a message for a client to buf, and reports whether it goes into a
	// binary frame. A message without a JoinRef is a broadcast: its bytes go to all
	// receivers, and making them must not take longer than a second. One with a Ref is
	// recorded; a client that is to get what it has missed needs that Ref.
	Append(buf []byte, m Message) (data []byte, binary bool, err error)

	// AppendReply appends the reply to a message: the JoinRef, Ref and Topic of that
	// message, the status, and as Payload the response.
	AppendReply(buf []byte, m Message, status string) (data []byte, binary bool, err error)
}

// ErrMalformed says that what has come is not a message of the protocol.
var ErrMalformed = errors.New("malformed message")

// ErrNoBinary says that a payload of bytes cannot go to a client of version 1.
var ErrNoBinary = errors.New("version 1 of the protocol has no binary payloads")
