package netconn

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"time"
)

// ErrNoHijack says that the connection of a request cannot be had.
var ErrNoHijack = errors.New("no WebSocket can be opened here: its HTTP connection cannot be taken over; " +
	"serve the endpoint by HTTP/1.1, and outside of http.TimeoutHandler and the like")

// errAborted stands for the value of a panic in the middle of an upgrade.
var errAborted = errors.New("the upgrade was aborted")

// upgrade turns a request into a connection, or answers why not. The answer is written
// only when the connection is ours: nobody is told that it is upgraded, by whatever lies
// between, before it is.
func (c *Conn) upgrade(w http.ResponseWriter, r *http.Request) error {
	if err := negotiate(w, r, c.Config); err != nil {
		return err
	}
	nc, early, err := hijack(w)
	if err != nil {
		for _, name := range answerFields {
			w.Header().Del(name)
		}
		http.Error(w, http.StatusText(http.StatusNotImplemented), http.StatusNotImplemented)
		return fmt.Errorf("%w (%w)", ErrNoHijack, err)
	}
	c.nc, c.raw = nc, rawConn(nc)
	if c.raw != nil {
		c.once = c.readOnce
	}
	c.deflates = w.Header().Get(extensionsField) != "" // there is no other extension
	c.carry(early)
	nc.SetDeadline(time.Time{})
	c.mu.Lock()
	c.writeLocked(switching(w.Header()))
	c.mu.Unlock()
	return nil
}

// unwrapper is a ResponseWriter around another one, for [http.ResponseController].
type unwrapper interface{ Unwrap() http.ResponseWriter }

// hijack takes over the connection of a request, with what was read early: a fast
// client's first frames may have come along with its handshake.
//
// Wrappers often are http.Hijackers whether what they wrap is one or not. They are not
// asked if the innermost is not, since some then take the response for written; and if
// one fails because the next is not, though that wraps one, the next is asked.
func hijack(w http.ResponseWriter) (nc net.Conn, early []byte, err error) {
	inner := w
	for u, ok := inner.(unwrapper); ok; u, ok = inner.(unwrapper) {
		inner = u.Unwrap()
	}
	if _, ok := inner.(http.Hijacker); !ok {
		return nil, nil, fmt.Errorf("%T: %w", inner, http.ErrNotSupported)
	}
	for {
		nc, early, err = tryHijack(w)
		u, ok := w.(unwrapper)
		if err == nil || !ok || !errors.Is(err, http.ErrNotSupported) {
			return nc, early, err
		}
		w = u.Unwrap()
	}
}

// tryHijack is hijack by the outermost http.Hijacker.
func tryHijack(w http.ResponseWriter) (nc net.Conn, early []byte, err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case *runtime.TypeAssertionError: // it took for granted that it wraps an http.Hijacker
			err = fmt.Errorf("%T: %w: %w", w, http.ErrNotSupported, v)
		default:
			panic(v)
		}
	}()
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("%T: %w", w, err)
	}
	early, err = buffered.Reader.Peek(buffered.Reader.Buffered())
	return nc, early, err
}

// notInAnswer are the headers of a response that has a body.
var notInAnswer = map[string]bool{"Content-Length": true, "Content-Type": true, "Transfer-Encoding": true, "Trailer": true}

// switching returns the answer to a good handshake.
func switching(h http.Header) []byte {
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	h.WriteSubset(&b, notInAnswer) // into memory: it does not fail
	b.WriteString("\r\n")
	return b.Bytes()
}
