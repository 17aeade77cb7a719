package otel

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Headers moves traces in the headers of messages from process to process. Calls to other
// nodes of a cluster go on with the trace of their caller by it:
//
//	nats.NamesConfig{Propagator: tracing.Headers()}
//
// Whatever the propagator of the program's SDK does wrong costs the traces: the first time
// is told to OpenTelemetry's error handler, and the Headers do nothing from then on.
type Headers struct {
	given  propagation.TextMapPropagator
	sdk    sdk
	chosen atomic.Pointer[chosen]
}

// chosen is the propagator in use, and the keys that it reads.
type chosen struct {
	propagation.TextMapPropagator
	keys []string
}

// Headers returns what moves traces in headers.
func (t Tracing) Headers() *Headers { return &Headers{given: t.Propagator} }

// Inject writes into the header what the trace and the baggage of ctx are.
func (h *Headers) Inject(ctx context.Context, header map[string][]string) {
	o := originOf(ctx)
	if !o.span.IsValid() && o.baggage.Len() == 0 {
		return
	}
	written := carrier{}
	if h.sdk.call(ctx, func() { h.propagator().Inject(o.in(context.Background()), written) }) {
		maps.Copy(header, written)
	}
}

// Extract returns a context that is derived from ctx and has the trace and the baggage that a
// header tells of, or ctx if there are none. A header may say anything: a value of more than
// 8 KiB is not looked at.
func (h *Headers) Extract(ctx context.Context, header map[string][]string) context.Context {
	if o := h.read(ctx, header); !o.isZero() {
		return o.in(ctx)
	}
	return ctx
}

// read returns where a message with that header comes from. ctx bounds the wait.
func (h *Headers) read(ctx context.Context, header carrier) (o origin) {
	if len(header) == 0 {
		return o
	}
	read := new(origin)
	if !h.sdk.call(ctx, func() { *read = originOf(h.propagator().Extract(context.Background(), header)) }) {
		return o
	}
	return *read
}

// readJSON is read for the fields of a JSON object, if it has any that belong to a trace.
func (h *Headers) readJSON(ctx context.Context, text []byte) (o origin) {
	p := h.chosen.Load()
	if p == nil {
		h.sdk.call(ctx, func() { h.propagator() })
		if p = h.chosen.Load(); p == nil {
			return o
		}
	}
	if !slices.ContainsFunc(p.keys, func(key string) bool { return bytes.Contains(text, []byte(key)) }) {
		return o
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return o
	}
	header := carrier{}
	for _, key := range p.keys {
		var value string
		if raw := fields[key]; len(raw) <= 2*maxValue && json.Unmarshal(raw, &value) == nil && value != "" {
			header.Set(key, value)
		}
	}
	return h.read(ctx, header)
}

// propagator returns the propagator in use. It is chosen late, when the program has set the
// global one.
func (h *Headers) propagator() propagation.TextMapPropagator {
	if p := h.chosen.Load(); p != nil {
		return p
	}
	p := h.given
	if p == nil {
		p = global.GetTextMapPropagator()
		if len(p.Fields()) == 0 { // none is set
			p = propagation.TraceContext{}
		}
	}
	h.chosen.Store(&chosen{p, p.Fields()})
	return p
}

// carrier is a header as propagators see it.
type carrier map[string][]string

// maxValue bounds a value that is looked at, in bytes: as much as baggage may have.
const maxValue = 8 << 10

// Get implements [propagation.TextMapCarrier]. Case does not count: HTTP has names of its own
// for headers.
func (c carrier) Get(key string) string {
	values, ok := c[key]
	if !ok {
		for k, v := range c {
			if strings.EqualFold(k, key) {
				values = v
				break
			}
		}
	}
	if len(values) == 0 || len(values[0]) > maxValue {
		return ""
	}
	return values[0]
}

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string { return slices.Collect(maps.Keys(c)) }

// origin is where a message comes from.
type origin struct {
	span    trace.SpanContext
	baggage baggage.Baggage
}

func originOf(ctx context.Context) origin {
	return origin{trace.SpanContextFromContext(ctx), baggage.FromContext(ctx)}
}

func (o origin) isZero() bool { return !o.span.IsValid() && o.baggage.Len() == 0 }

// in returns ctx with the origin's values.
func (o origin) in(ctx context.Context) context.Context {
	if o.span.IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, o.span)
	}
	if o.baggage.Len() > 0 {
		ctx = baggage.ContextWithBaggage(ctx, o.baggage)
	}
	return ctx
}
