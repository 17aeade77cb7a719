package query

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/transport/observer/internal/text"
)

// Error says why a question has no answer. It marshals to JSON.
type Error struct {
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
}

// Reason says what kind of Error one is.
type Reason string

const (
	Forbidden   Reason = "forbidden"   // without the right to it
	Gone        Reason = "gone"        // what was asked about has ended, or there was never any
	Busy        Reason = "busy"        // it did not answer in time, or too much was asked at once
	Invalid     Reason = "invalid"     // the question makes no sense
	Unavailable Reason = "unavailable" // it is not set up, or not here
)

// Error implements error.
func (e *Error) Error() string { return string(e.Reason) + ": " + e.Message }

// Errorf returns an Error.
func Errorf(reason Reason, format string, args ...any) *Error {
	return &Error{reason, text.Cut(fmt.Sprintf(format, args...), 4*text.MaxLine)}
}

// AsError returns err as an [*Error], whatever it is: one of a context says that something
// was busy.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok && e != nil {
		return e
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Errorf(Busy, "it took too long")
	}
	return Errorf(Unavailable, "%v", err)
}
