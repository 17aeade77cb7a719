package ws

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
)

// StatusError is an error of Connect that has the client answered with another status
// than 403. This one tells a client, or a proxy before it, that it may come back:
//
//	&ws.StatusError{Status: 429, Header: http.Header{"Retry-After": {"30"}}}
//
// Browsers do not show the status to scripts. A client that polls gets 403 all the same,
// the only refusal that it knows.
//
// Phoenix: error_handler of a socket.
type StatusError struct {
	Status int         // from 400 to 599; 403 if it is something else
	Header http.Header // of the answer; may be nil
}

func (e *StatusError) Error() string { return fmt.Sprintf("ws: refused with status %d", e.Status) }

// refuse answers a client that may not connect.
func refuse(w http.ResponseWriter, why error) {
	status := http.StatusForbidden
	if e, ok := errors.AsType[*StatusError](why); ok {
		maps.Copy(w.Header(), e.Header)
		if e.Status >= 400 && e.Status <= 599 {
			status = e.Status
		}
	}
	w.WriteHeader(status)
}
