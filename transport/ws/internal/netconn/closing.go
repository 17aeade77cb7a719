package netconn

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// CloseTimeout is how long a client has to answer a close frame, whatever else it
// sends.
const CloseTimeout = 5 * time.Second

// closeStatus is how a connection is to end.
type closeStatus struct {
	code   int
	reason string
}

// payload returns the payload of the close frame.
func (s *closeStatus) payload() []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(s.code)), s.reason...)
}

// CloseError says that the client has closed the connection, and with which status; the
// code is 1005 if it has given none.
type CloseError struct {
	Code   int
	Reason string
}

// Error implements error.
func (e CloseError) Error() string {
	return fmt.Sprintf("closed by the client with code %d %q", e.Code, e.Reason)
}

// CloseWith decides which status Close gives the client, unless that is decided.
func (c *Conn) CloseWith(code int, reason string) {
	c.status.CompareAndSwap(nil, &closeStatus{code, reason})
}

// Close closes the connection, with the status that CloseWith has decided, 1000 if it was
// not called. It does not wait: the client has five seconds to answer. A second call does
// nothing.
func (c *Conn) Close() {
	c.CloseWith(1000, "")
	c.mu.Lock()
	begun := c.started && !c.ended
	c.ended = true
	c.mu.Unlock()
	if begun {
		c.shut()
	}
}

// shut sends the close frame, if none is sent, and has the reader wait for the
// client's. If there is no reader, one is started.
func (c *Conn) shut() {
	c.sendControl(frame.Close, c.status.Load().payload())
	if c.parking.end(c) {
		c.Host.group.Go(c.closing)
	}
}

// closing reads until the client has answered the close frame, or for as long as it
// may take. Then it closes the connection, for good.
func (c *Conn) closing() {
	defer c.Sink.Closed()
	defer c.close()
	c.reader.Skip()
	// The read deadline is not all: what was read may be held back.
	for limit := time.Now().Add(CloseTimeout); time.Now().Before(limit); {
		if c.in == nil { // a read may also return nothing, and no error
			if c.fill(true) != nil {
				return
			}
			continue
		}
		if c.broken { // it cannot be found out what comes
			c.discard()
			continue
		}
		if c.take() != nil && !c.broken { // the client has closed
			return
		}
	}
}

// fail tells a client what is wrong with its bytes. They are not read any further,
// but passed over: a connection that is closed with bytes unread is reset, and the
// client would not hear why.
func (c *Conn) fail(e *frame.Error) {
	c.broken = true
	c.sendControl(frame.Close, (&closeStatus{e.Code, e.Reason}).payload())
	c.mu.Lock()
	c.halfway = true
	written := !c.flushing && !c.dead
	c.mu.Unlock()
	if written {
		c.closeWrite()
	}
}

// answerClose answers the client's close frame in kind, and closes the connection.
func (c *Conn) answerClose(f frame.Frame) error {
	c.sendControl(frame.Close, f.Payload)
	c.close()
	code, reason := f.CloseStatus()
	return CloseError{code, reason}
}
