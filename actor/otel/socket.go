package otel

import (
	"context"
	"reflect"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/transport/ws"
)

// Socket returns s with a span for each connect, join and event of its clients, so that
// whatever the handlers call with their [ws.Channel.Context] is one trace. The span of an
// event begins when the message was read from the connection, with the time until the handler
// began below it, as mailbox, and ends with the handler: an answer that is given later, by a
// [ws.ReplyRef], is not in it. Broadcasts begin nothing.
//
// A client that traces sends the W3C traceparent, or what else the Propagator reads: as a
// field of an event's or a join's payload, as a parameter of its Socket or as a header of the
// request. The span of an event is a child of that in its own payload or, without one, of that
// of its join, or of its connection. Without any it begins a trace, and the sampler decides.
// A page that lives long had better send one with each event: one for all makes a long trace.
//
// Set Public for clients that are not to be trusted with that. A fault of the SDK costs the
// traces and not the clients: the first one is told to OpenTelemetry's error handler, and then
// the socket is not traced any more.
func (t Tracing) Socket(s ws.Socket) ws.Socket {
	w := &socket{tracer: t.tracer(), headers: t.Headers(), public: t.Public, path: s.Path}
	s.Connect = w.connect(s.Connect)
	s.Channels = s.Channels.With(ws.Middleware{Join: w.join, HandleIn: w.handleIn})
	return s
}

// socket is the tracing of a ws.Socket.
type socket struct {
	tracer  trace.Tracer
	headers *Headers
	sdk     sdk
	public  bool
	path    string
}

// connect returns a Connect around another one, which may be nil.
func (w *socket) connect(next func(*ws.Request) (ws.Identity, error)) func(*ws.Request) (ws.Identity, error) {
	if next == nil {
		next = func(*ws.Request) (ws.Identity, error) { return ws.Identity{}, nil }
	}
	return func(r *ws.Request) (id ws.Identity, err error) {
		from := w.headers.read(r.Context(), carrier(r.Header))
		if from.isZero() {
			from = w.headers.read(r.Context(), carrier(r.Params))
		}
		e := edge{name: "connect " + w.path, from: from, attributes: func() []attribute.KeyValue { return w.attributes(nil) }}
		w.trace(r.Context(), e, func(ctx context.Context) (string, error) {
			inner := *r
			inner.Request = r.WithContext(ctx)
			id, err = next(&inner)
			return status(err), nil // a refusal is no fault
		})
		if err == nil && !from.isZero() {
			if id.Values == nil {
				id.Values = context.Background()
			}
			id.Values = from.in(id.Values)
		}
		return id, err
	}
}

// join is the middleware of a Join.
func (w *socket) join(next ws.JoinFunc) ws.JoinFunc {
	return func(c *ws.Channel, topic string, in ws.Payload) (reply any, err error) {
		from := w.read(c, in)
		if !from.isZero() {
			c.KeepValues(from.in(c.Values()))
		} else {
			from = originOf(c.Values())
		}
		w.traceChannel(c, "join", from, func() (string, error) {
			reply, err = next(c, topic, in)
			return status(err), err
		})
		return reply, err
	}
}

// handleIn is the middleware of a HandleIn.
func (w *socket) handleIn(next ws.HandleInFunc) ws.HandleInFunc {
	return func(c *ws.Channel, event string, in ws.Payload) (reply ws.Reply, err error) {
		from := w.read(c, in)
		if from.isZero() {
			from = originOf(c.Values())
		}
		w.traceChannel(c, event, from, func() (string, error) {
			reply, err = next(c, event, in)
			return reply.Status(), err
		})
		return reply, err
	}
}

// read returns where a payload says that it comes from.
func (w *socket) read(c *ws.Channel, in ws.Payload) origin {
	if in.IsBinary() {
		return origin{}
	}
	return w.headers.readJSON(c.Context(), in.Bytes())
}

// status says what came of a connect or a join.
func status(err error) string {
	if err != nil {
		return "refused"
	}
	return "ok"
}

// traceChannel calls f, which is to handle what a client has sent to a channel, with a span.
func (w *socket) traceChannel(c *ws.Channel, event string, from origin, f func() (string, error)) {
	shown := event
	if event != "join" && !c.Knows(event) {
		shown = "other" // a client chooses these, and spans are grouped by their names
	}
	e := edge{name: c.Route() + " " + shown, from: from, read: c.Received(), attributes: func() []attribute.KeyValue {
		return append(w.attributes(c), attribute.String("troupe.event", cut(event, maxName)))
	}}
	w.trace(actor.Values(c.Context()), e, func(ctx context.Context) (status string, err error) {
		err = c.WithValues(ctx, func() error { status, err = f(); return err })
		return status, err
	})
}

// attributes returns what a span says of the socket and, unless that is nil, the channel.
func (w *socket) attributes(c *ws.Channel) []attribute.KeyValue {
	list := append(make([]attribute.KeyValue, 0, 7), attribute.String("troupe.socket", w.path))
	if c == nil {
		return list
	}
	return append(list,
		attribute.String("troupe.route", c.Route()),
		attribute.String("troupe.topic", cut(c.Topic(), maxName)),
		attribute.String("troupe.actor.pid", c.PID().String()),
		attribute.String("troupe.actor.type", typeName(reflect.TypeOf(c.Handler()))),
	)
}
