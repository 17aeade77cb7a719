package otel

// The target is built without the other tests, see .ci/run: those take the SDK along.

import (
	"context"
	"maps"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A header of others says anything, and costs nothing but the trace.
func FuzzHeaders(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "a=b", "c=d")
	f.Add("", "\x00", "%zz")
	h := Tracing{Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}.Headers()
	f.Fuzz(func(t *testing.T, parent, state, bag string) {
		header := map[string][]string{"traceparent": {parent}, "tracestate": {state}, "baggage": {bag}}
		want := maps.Clone(header)
		ctx := h.Extract(context.Background(), header)
		again := map[string][]string{}
		h.Inject(ctx, again)
		if span := trace.SpanContextFromContext(ctx); span.IsValid() != (len(again["traceparent"]) == 1) || !maps.EqualFunc(header, want, func(a, b []string) bool { return a[0] == b[0] }) {
			t.Errorf("%v gave %v and then %v", want, span, again)
		}
	})
}
