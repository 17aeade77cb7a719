package ws

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/actor"
)

// Observation is something that happened at a [Socket], for metrics and logs:
// [Connected], [Disconnected], [Joined], [Lingering], [Resumed], [Handled], [Ended],
// [Dropped] or [Drained]. See Socket.Observe and [ObservationLog]; [Stats] are counters that need no
// observer.
type Observation interface{ isObservation() }

// Connected tells that a client has connected, or was refused.
//
// Phoenix: [:phoenix, :socket_connected].
type Connected struct {
	Request   *Request      // must not be kept
	Path      string        // of the mount
	Transport string        // "websocket" or "longpoll"
	Version   string        // of the protocol: of the Serializer, or what was asked for in vain
	SocketID  string        // see Identity
	Duration  time.Duration // of the checks and Connect
	Err       error         // why the client was refused, nil if it was not
}

// Disconnected tells that a connection ends. Its channels end next. Only if somebody
// kills its actor, neither is told.
type Disconnected struct {
	Path, Transport, SocketID string
	// Code is the code that the connection is closed with, by whichever side; 1006
	// if it was lost.
	Code websocket.StatusCode
	// Reason says why the server closes the connection, for instance "idle" or "too
	// slow"; it is empty if the client did.
	Reason string
	// Err is the error on the connection, or of a message that was malformed; nil if
	// there was none.
	Err error
}

// Joined tells that a channel's Join has returned.
//
// Phoenix: [:phoenix, :channel_joined].
type Joined struct {
	Topic    string
	Route    string // the pattern that the topic matches
	SocketID string
	Params   Payload
	Waited   time.Duration // from when the message was read to Join
	Duration time.Duration // of Join
	Err      error         // why the client was refused, nil if it was not
}

// Handled tells that a channel's HandleIn has returned.
//
// Phoenix: [:phoenix, :channel_handled_in].
type Handled struct {
	Topic    string
	Route    string // the pattern that the topic matches
	Event    string
	Known    bool // the route's table has the event; others are the client's choice
	SocketID string
	Params   Payload
	Status   string        // of the reply; "" if there was none
	Waited   time.Duration // from when the message was read to HandleIn
	Duration time.Duration // of HandleIn
	Err      error
}

// Ended tells that a channel which the client had joined has ended.
type Ended struct {
	Topic    string
	Route    string // the pattern that the topic matches
	SocketID string
	Reason   error // as Terminate gets it
}

// Lingering tells that a channel stays though its connection is lost; see [Route].
type Lingering struct {
	Topic    string
	Route    string // the pattern that the topic matches
	SocketID string
	For      time.Duration // at most
}

// Resumed tells that a client has come back to its channel, and that the handler's Resumed has
// returned, if it has one.
type Resumed struct {
	Topic    string
	Route    string // the pattern that the topic matches
	SocketID string
	Resumption
	Duration time.Duration // of the handler's Resumed
	Err      error         // what that has returned, such as why the client was refused; see [Resumer]
}

// Dropped tells that a message has not been sent to a client. It is told in order, on a
// goroutine of its own: a thousand may wait for that, and Stats count those that are lost. So it
// may come behind the Disconnected of its connection.
type Dropped struct {
	Path                string
	Topic, Route, Event string // "" if the message had been encoded
	Err                 error  // ErrSlow with DropNewest, or why it could not be encoded
}

// ErrSlow says that a client does not read as fast as it is sent to.
var ErrSlow = errors.New("too much is waiting for the client")

// errPanicked stands for the value of a panic that is still on its way.
var errPanicked = errors.New("the handler panicked")

// Drained tells that one batch of connections is being drained, of all sockets of the
// endpoint.
//
// Phoenix: [:phoenix, :socket_drain].
type Drained struct {
	Count, Total  int // connections: in this batch, and in all
	Index, Rounds int // of the batch, from 1; number of batches
	Interval      time.Duration
	Lingering     int // channels that lingered and have been ended; told with the first batch, be that empty
}

func (Connected) isObservation()    {}
func (Disconnected) isObservation() {}
func (Joined) isObservation()       {}
func (Handled) isObservation()      {}
func (Ended) isObservation()        {}
func (Lingering) isObservation()    {}
func (Resumed) isObservation()      {}
func (Dropped) isObservation()      {}
func (Drained) isObservation()      {}

// emit calls the socket's observer where it happened: in a request or in a channel, to
// which alone it matters if the observer does not return. Callers make the observation only
// if there is an observer.
func (e *Endpoint) emit(s *Socket, o Observation) {
	defer func() {
		if v := recover(); v != nil {
			e.failed(o, actor.Recovered(v))
		}
	}()
	s.Observe(o)
}

// An observer that is called apart is left alone after observerPatience, and when
// maxHanging calls hang, further observations are lost.
const (
	observerPatience = time.Second
	maxHanging       = 16
)

// emitApart is emit where the observer could hold up more than that, or take it along:
// a connection with all its channels, a broadcaster, or a drain.
func (e *Endpoint) emitApart(s *Socket, o Observation) {
	if e.hanging.Load() >= maxHanging {
		return
	}
	ctx, cancel := context.WithTimeoutCause(context.Background(), observerPatience, errHanging)
	defer cancel()
	var over atomic.Bool // the one of the two that comes second takes the call off the count
	err := actor.Guard(ctx, func() error {
		defer func() {
			if over.Swap(true) {
				e.hanging.Add(-1)
			}
		}()
		s.Observe(o)
		return nil
	})
	if err == errHanging {
		e.hanging.Add(1)
		if over.Swap(true) {
			e.hanging.Add(-1)
		}
	}
	if err != nil {
		e.failed(o, err)
	}
}

var errHanging = errors.New("it does not return")

// failed logs what an observer has done, but nothing of what it was told: there are
// parameters in it, and tokens among them.
func (e *Endpoint) failed(o Observation, err error) {
	e.log.Error("observer failed", "observation", fmt.Sprintf("%T", o), "error", err)
}

// measured is the middleware around all others of a socket that is observed.
var measured = Middleware{
	Join: func(next JoinFunc) JoinFunc {
		return func(c *Channel, topic string, in Payload) (reply any, err error) {
			o := Joined{Topic: topic, Route: c.Route(), SocketID: c.SocketID(), Params: in, Waited: c.waited(), Err: errPanicked}
			start := time.Now()
			defer func() {
				o.Duration = time.Since(start)
				c.line().emit(o)
			}()
			reply, err = next(c, topic, in)
			o.Err = err
			return reply, err
		}
	},
	HandleIn: func(next HandleInFunc) HandleInFunc {
		return func(c *Channel, name string, in Payload) (reply Reply, err error) {
			o := Handled{
				Topic: c.topic, Route: c.Route(), Event: name, Known: c.Knows(name), SocketID: c.SocketID(),
				Params: in, Waited: c.waited(), Err: errPanicked,
			}
			start := time.Now()
			defer func() {
				o.Duration = time.Since(start)
				c.line().emit(o)
			}()
			reply, err = next(c, name, in)
			o.Status, o.Err = reply.status, err
			return reply, err
		}
	},
}

// disconnected tells of the session's end, the first time that it is called.
func (s *session) disconnected(code websocket.StatusCode, reason string, err error) {
	if !s.observed() || s.told {
		return
	}
	s.told = true
	s.emitApart(Disconnected{s.socket.Path, s.transport.name(), s.id, code, reason, err})
}
