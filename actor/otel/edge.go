package otel

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
)

// edge is something that a client has sent, where it enters the program.
type edge struct {
	name       string
	from       origin
	read       time.Time // from the connection; zero: now
	attributes func() []attribute.KeyValue
}

// trace calls f with a context that has the values of base and a span, which says what f
// returns: a status, and why it failed.
func (w *socket) trace(base context.Context, e edge, f func(context.Context) (string, error)) {
	ctx, span := w.begin(base, e)
	var status string
	var err error
	returned := false
	defer func() { // which does not recover: a panic goes on to those that log it
		if !returned {
			err = &unreturned{actor.Recovered(nil).Stack}
		}
		w.end(span, status, err)
	}()
	status, err = f(ctx)
	returned = true
}

// begin begins the span of an edge. It is nil if the SDK has failed.
func (w *socket) begin(base context.Context, e edge) (context.Context, trace.Span) {
	now := time.Now()
	if e.read.IsZero() {
		e.read = now
	}
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(e.read)}
	ctx := base
	switch {
	case !w.public:
		ctx = e.from.in(base)
	case e.from.span.IsValid():
		options = append(options, trace.WithLinks(trace.Link{SpanContext: e.from.span}))
	}
	began := new(struct {
		ctx  context.Context
		span trace.Span
	})
	ok := w.sdk.call(base, func() {
		began.ctx, began.span = w.tracer.Start(ctx, e.name, options...)
		if !began.span.IsRecording() {
			return
		}
		began.span.SetAttributes(e.attributes()...)
		if now.Sub(e.read) >= leastWait {
			_, wait := w.tracer.Start(began.ctx, waitName(""), trace.WithTimestamp(e.read))
			wait.End(trace.WithTimestamp(now))
		}
	})
	if !ok {
		return base, nil
	}
	return began.ctx, began.span
}

// end ends it.
func (w *socket) end(span trace.Span, status string, err error) {
	if span == nil || !span.IsRecording() {
		return
	}
	now := time.Now()
	w.sdk.call(context.Background(), func() {
		if status != "" {
			span.SetAttributes(attribute.String("troupe.status", cut(status, maxName)))
		}
		fail(span, err)
		span.End(trace.WithTimestamp(now))
	})
}

// unreturned is the error of a function that has panicked, or has called runtime.Goexit.
type unreturned struct{ stack actor.Stack }

func (*unreturned) Error() string { return "it crashed; the log says with what" }
