package otel

import (
	"context"
	"time"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
)

// Tracing says how traces are made. The zero Tracing works, with what the program has given
// [go.opentelemetry.io/otel.SetTracerProvider]. It may be copied, and used by many goroutines.
//
// What is traced follows the context of a request: a span that it has when a message is sent
// with it is the parent of the handler's span, and the handler's [actor.Context] has that
// span, for the messages that it sends with it in turn and for everything else that takes a
// context. [actor.Ref.Send] has no context, and a trace ends there. Which requests are
// sampled is decided where their traces begin, by the provider's sampler; one that is not
// leaves nothing in the mailboxes.
//
// Spans have types, PIDs and times, and an error's text, but nothing of a message.
type Tracing struct {
	// Provider makes the spans; the global one if nil, which may be set later.
	Provider trace.TracerProvider

	// Propagator reads and writes traces where requests cross processes; the global one if
	// nil, or, while none is set, that of the W3C Trace Context, which has the header
	// traceparent.
	Propagator propagation.TextMapPropagator

	// Public is for sockets that strangers connect to. A client's trace is then no parent but
	// a link: the spans of its events begin traces of their own, and the sampler decides about
	// each. Otherwise a client may have all that it sends sampled.
	Public bool

	// Unsampled lets the trace of a request that is not sampled go along as well, with its
	// IDs, so that whatever its handlers begin or call elsewhere is not sampled either, and
	// logs can have the ID. It costs those messages what a sampled one costs, but for the
	// span. Without it, what a handler begins by itself is a new trace then.
	Unsampled bool

	// OneIn says which handlings that no traced message led to begin a trace of their own:
	// one of so many, chosen at random, unless the provider's sampler is against it. None
	// if 0.
	OneIn int
}

const scope = "github.com/troupe-go/troupe/actor/otel"

// tracer returns the tracer of the provider.
func (t Tracing) tracer() trace.Tracer {
	provider := t.Provider
	if provider == nil {
		provider = global.GetTracerProvider()
	}
	return provider.Tracer(scope)
}

// maxDepth bounds how many handlers in a row may lead one to the other in a trace. A timer
// that its handler sets anew, or two actors that always send something back, would make one
// that never ends.
const maxDepth = 100

// carried is what a message brings along.
type carried struct {
	origin
	by    string // as in actor.Sending
	depth int    // handlings above
}

// instrument is the state of an actor.Instrument.
type instrument struct {
	tracer    trace.Tracer
	unsampled bool
}

// Instrument returns what makes the spans, for [actor.Config].
//
// A span lasts from when the message was sent until the handler has returned. The time that
// the message waited is a span below it, called mailbox; of one that a timer sent, it is
// called timer, and begins when the timer was set; of the answer to an AskTo, it is called
// answer, and begins with the question. A wait of less than 100 µs is only in the attributes.
// If the handler ends its actor with an error, or panics, the span has it, and the status Error.
//
// A trace ends after 100 handlers of which each has led to the next.
func (t Tracing) Instrument() actor.Instrument {
	i := &instrument{t.tracer(), t.Unsampled}
	oneIn := t.OneIn
	if oneIn == 0 {
		oneIn = -1
	}
	return actor.Instrument{Send: i.send, Begin: i.begin, End: i.end, OneIn: oneIn}
}

// send is the Send of the instrument.
func (i *instrument) send(ctx context.Context, s actor.Sending) any {
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() || !span.IsSampled() && !i.unsampled {
		return nil
	}
	depth := 0
	if above, ok := ctx.Value(i).(*handled); ok {
		depth = above.depth + 1
	}
	if depth >= maxDepth {
		return nil
	}
	return &carried{origin{span, baggage.FromContext(ctx)}, s.By, depth}
}

// handled is the context of a handler, and knows its span.
type handled struct {
	context.Context
	by    *instrument
	span  trace.Span
	depth int
}

// Value implements [context.Context].
func (h *handled) Value(key any) any {
	if key == h.by {
		return h
	}
	return h.Context.Value(key)
}

// begin is the Begin of the instrument.
func (i *instrument) begin(ctx context.Context, h *actor.Handling) context.Context {
	started, depth := h.Began(), 0
	c, _ := h.Carried.(*carried)
	if c != nil {
		started, depth = h.Sent(), c.depth
		ctx = c.in(ctx)
		if !c.span.IsSampled() {
			return &handled{ctx, i, nil, depth}
		}
	}
	ctx, span := i.tracer.Start(ctx, spanName(h), trace.WithSpanKind(kindOf(c)), trace.WithTimestamp(started))
	if span.IsRecording() {
		span.SetAttributes(attributesOf(h, c)...)
		if c != nil && h.Waited >= leastWait {
			_, wait := i.tracer.Start(ctx, waitName(c.by), trace.WithTimestamp(h.Sent()))
			wait.End(trace.WithTimestamp(h.Began()))
		}
	}
	return &handled{ctx, i, span, depth}
}

// kindOf returns the kind of a span: what happens inside of the process is no other kind's,
// and for a message from another one, backends draw how services depend on each other.
func kindOf(c *carried) trace.SpanKind {
	switch {
	case c == nil || !c.span.IsRemote():
		return trace.SpanKindInternal
	case c.by == "SendContext":
		return trace.SpanKindConsumer
	}
	return trace.SpanKindServer
}

// leastWait is the least wait that has a span of its own.
const leastWait = 100 * time.Microsecond

// end is the End of the instrument.
func (i *instrument) end(ctx context.Context, h *actor.Handling) {
	above, ok := ctx.Value(i).(*handled)
	if !ok || above.span == nil {
		return // Begin has failed
	}
	fail(above.span, h.Err)
	above.span.End(trace.WithTimestamp(h.Began().Add(h.Worked)))
}

// attributesOf returns what a span says of a handling.
func attributesOf(h *actor.Handling, c *carried) []attribute.KeyValue {
	list := make([]attribute.KeyValue, 0, 6)
	list = append(list,
		attribute.String("troupe.actor.pid", h.PID.String()),
		attribute.String("troupe.actor.type", behaviorName(h.Behavior)),
		attribute.String("troupe.handler", h.Handler),
	)
	if h.Message != nil {
		list = append(list, attribute.String("troupe.message.type", typeName(h.Message)))
	}
	if c != nil {
		list = append(list,
			attribute.String("troupe.sent_by", c.by),
			attribute.Float64("troupe.waited_ms", float64(h.Waited)/float64(time.Millisecond)))
	}
	return list
}
