package otel

import (
	"context"
	"errors"
	"strconv"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Socket returns the socket with an Observe that measures what its code does, and how its
// connections and channels end; and that calls the socket's own Observe then.
//
// Routes are labeled by their patterns, and events by their names if the route has a table of
// events and they are in it. What clients make up is "other".
func (m *Metrics) Socket(s ws.Socket) ws.Socket {
	m.init()
	own := s.Observe
	s.Observe = func(o ws.Observation) {
		m.observeSocket(o)
		if own != nil {
			own(o)
		}
	}
	return s
}

// observeSocket counts and measures an observation.
func (m *Metrics) observeSocket(o ws.Observation) {
	ctx := context.Background()
	switch o := o.(type) {
	case ws.Connected:
		status := "ok"
		if o.Err != nil {
			status = "refused"
		}
		m.time(ctx, connectDuration, key{values: values(o.Path, known(transports, o.Transport), status)}, o.Duration)
	case ws.Disconnected:
		m.count(closed, key{values: values(o.Path, known(closeCodes, strconv.Itoa(int(o.Code))))})
	case ws.Joined:
		m.time(ctx, joinDuration, key{values: values(o.Route, joinStatus(o.Err))}, o.Duration)
	case ws.Handled:
		event := other
		if o.Known {
			event = o.Event
		}
		m.time(ctx, eventDuration, key{values: values(o.Route, event, handledStatus(o))}, o.Duration)
		m.time(ctx, eventWait, key{values: values(o.Route)}, o.Waited)
	case ws.Ended:
		m.count(channelsEnded, key{values: values(o.Route, channelClass(o.Reason))})
	}
}

// transports are the names of those of package ws.
var transports = []string{"websocket", "longpoll"}

// closeCodes are the codes of a WebSocket's close that have a meaning of their own.
var closeCodes = []string{
	"1000", "1001", "1002", "1003", "1005", "1006", "1007", "1008", "1009", "1010", "1011", "1012", "1013",
}

// statuses are what comes of Connect, Join and HandleIn.
var statuses = []string{"ok", "error", "none", "refused", "crash", other}

// joinStatus returns what has come of a Join.
func joinStatus(err error) string {
	var refused *ws.RefusedError
	var invalid *ws.InputError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &refused), errors.As(err, &invalid):
		return "refused"
	}
	return "crash"
}

// handledStatus returns what has come of a HandleIn.
func handledStatus(o ws.Handled) string {
	switch {
	case o.Err != nil && !actor.IsClean(o.Err):
		return "crash"
	case o.Status == "":
		return "none"
	}
	return known(statuses[:2], o.Status)
}

// channelClass returns the class of the reason of a channel's end. The methods of the reason
// have been called before, where it was judged.
func channelClass(reason error) string {
	if reason != actor.Normal && actor.IsClean(reason) {
		return "shutdown"
	}
	return classOf(reason)
}
