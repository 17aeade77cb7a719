package ws

import (
	"errors"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws/internal/frame"
	"github.com/troupe-go/troupe/transport/ws/internal/limit"
	"github.com/troupe-go/troupe/transport/ws/internal/netconn"
)

// webSocket is a WebSocket as the transport of a session. Its connection ends with the
// session, and takes its seat along when it is closed.
type webSocket struct {
	conn   netconn.Conn
	line   *line
	seat   seat
	inflow limit.Inflow
}

func newWebSocket(seat seat, s *Socket) *webSocket {
	w := &webSocket{seat: seat}
	w.conn.Host, w.conn.Config, w.conn.Sink = &seat.host, &s.conn, w
	return w
}

// Received implements [netconn.Sink]. It waits while too much of the client's is
// unhandled.
func (w *webSocket) Received(data []byte, binary bool) {
	m := sessionMsg{op: opFrame, data: data, binary: binary, read: w.seat.endpoint.stamp(w.line.socket)}
	w.inflow.Take(nil, data, w.line.socket.budget(), w.stuck)
	w.tell(m)
}

// stuck tells the session that nothing is handled for so long that a client which is
// read would have been given up.
func (w *webSocket) stuck() { w.tell(sessionMsg{op: opStuck}) }

// Lost implements [netconn.Sink].
func (w *webSocket) Lost(err error) { w.tell(sessionMsg{op: opHangup, with: err}) }

// Closed implements [netconn.Sink].
func (w *webSocket) Closed() { w.seat.leave() }

func (w *webSocket) tell(m sessionMsg) { w.line.session.Send(m) }

// attach implements transport.
func (w *webSocket) attach(l *line) { w.line = l }

// name implements transport.
func (w *webSocket) name() string { return "websocket" }

// send implements transport.
func (w *webSocket) send(f frame.Sealed) {
	switch err := w.conn.Send(f); {
	case err == nil:
		w.line.endpoint.out.Add(uint64(f.Messages()))
	case errors.Is(err, netconn.ErrFull):
		w.line.endpoint.overflow(w.line.socket, w.line.session, f.Messages())
	}
}

// handled implements transport.
func (w *webSocket) handled(n int64) { w.inflow.Done(n, w.line.socket.budget()) }

// closeWith implements transport.
func (w *webSocket) closeWith(code websocket.StatusCode, reason string) {
	w.conn.CloseWith(int(code), reason)
}

// cut implements transport.
func (w *webSocket) cut() { w.conn.Close() }

// state implements transport.
func (w *webSocket) state() transportState {
	return transportState{w.seat.peer, w.conn.Queued(), w.conn.Parked()}
}

// Release closes the connection when its session has ended, however that came. It
// implements [actor.Resource].
func (w *webSocket) Release(_ actor.PID, reason error) {
	code := websocket.StatusInternalError
	if actor.IsClean(reason) {
		code = websocket.StatusServiceRestart
	}
	w.closeWith(code, "")
	w.inflow.Open()
	w.conn.Close()
}

// connConfig is what a connection of the socket is allowed.
func (s *Socket) connConfig() netconn.Config {
	return netconn.Config{
		Subprotocols:   append([]string{subprotocol}, s.Subprotocols...),
		Compress:       s.Compress,
		MaxMessageSize: s.MaxMessageSize,
		MaxMessageRate: s.MaxMessageRate,
		MaxQueue:       s.MaxQueue,
		DropNewest:     s.Overflow == DropNewest,
		IdleTimeout:    s.IdleTimeout,
		WriteTimeout:   s.WriteTimeout,
		Park:           s.Park,
	}
}
