package ws

import (
	"encoding/binary"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

// closeTimeout is how long a client has to answer a close frame, whatever else it
// sends.
const closeTimeout = 5 * time.Second

// closeStatus is how a connection is to end.
type closeStatus struct {
	code   websocket.StatusCode
	reason string
}

// payload returns the payload of the close frame.
func (s *closeStatus) payload() []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(s.code)), s.reason...)
}

// Release closes the connection when its session has ended, however that came. It
// implements [actor.Resource].
func (c *conn) Release(_ actor.PID, reason error) {
	if actor.IsClean(reason) {
		c.closeWith(websocket.StatusServiceRestart, "")
	} else {
		c.closeWith(websocket.StatusInternalError, "")
	}
	c.inflow.Open()
	c.mu.Lock()
	c.ended = true
	running := c.running
	c.mu.Unlock()
	if running {
		c.shut()
	}
}

// shut sends the close frame, if none is sent, and has the reader wait for the
// client's. If there is no reader, one is started.
func (c *conn) shut() {
	c.sendControl(frame.Close, c.status.Load().payload())
	if c.parking.end(c) {
		go c.closing()
	}
}

// closing reads until the client has answered the close frame, or for as long as it
// may take. Then it closes the connection, for good.
func (c *conn) closing() {
	defer c.seat.leave()
	defer c.close()
	c.reader.Skip()
	// The read deadline is not all: what was read may be held back.
	for limit := time.Now().Add(closeTimeout); time.Now().Before(limit); {
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
		if c.frame() != nil && !c.broken { // the client has closed
			return
		}
	}
}

// fail tells a client what is wrong with its bytes. They are not read any further,
// but passed over: a connection that is closed with bytes unread is reset, and the
// client would not hear why.
func (c *conn) fail(e *frame.Error) {
	c.broken = true
	c.sendControl(frame.Close, (&closeStatus{websocket.StatusCode(e.Code), e.Reason}).payload())
	c.mu.Lock()
	c.halfway = true
	written := !c.flushing && !c.dead
	c.mu.Unlock()
	if written {
		c.closeWrite()
	}
}

// answerClose answers the client's close frame in kind, and closes the connection.
func (c *conn) answerClose(f frame.Frame) error {
	c.sendControl(frame.Close, f.Payload)
	c.close()
	code, reason := f.CloseStatus()
	return websocket.CloseError{Code: websocket.StatusCode(code), Reason: reason}
}
