package frame

// Error says why a client's bytes are not read any further.
type Error struct {
	Code   int // to close the connection with
	Reason string
}

func (e *Error) Error() string { return "websocket: " + e.Reason }

// The close codes of Errors.
const (
	ProtocolError  = 1002
	InvalidPayload = 1007
	TooBig         = 1009
)

var (
	errReservedBit  = &Error{ProtocolError, "reserved bit set"}
	errOpcode       = &Error{ProtocolError, "unknown opcode"}
	errControl      = &Error{ProtocolError, "control frame fragmented or too long"}
	errUnmasked     = &Error{ProtocolError, "frame not masked"}
	errLength       = &Error{ProtocolError, "impossible length"}
	errContinuation = &Error{ProtocolError, "continuation of no message"}
	errInterrupted  = &Error{ProtocolError, "message within a message"}
	errClose        = &Error{ProtocolError, "invalid close code"}
	errCloseReason  = &Error{InvalidPayload, "close reason is not UTF-8"}
	errText         = &Error{InvalidPayload, "text is not UTF-8"}
	errDeflate      = &Error{InvalidPayload, "compressed data is damaged"}
	errTooBig       = &Error{TooBig, "message too big"}
)
