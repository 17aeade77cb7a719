package otel_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor/otel"
)

func remoteSpan(flags trace.TraceFlags) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags})
}

// What is injected is what is extracted, however the headers' names are written on the way.
func TestHeadersMoveTraces(t *testing.T) {
	bag, err := baggage.Parse("tenant=ann")
	if err != nil {
		t.Fatal(err)
	}
	both := propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})
	type written struct{ span, tenant string }
	for name, tt := range map[string]struct {
		tracing otel.Tracing
		ctx     context.Context
		want    written
	}{
		"a span":             {otel.Tracing{}, trace.ContextWithSpanContext(context.Background(), remoteSpan(1)), written{span: "01"}},
		"an unsampled span":  {otel.Tracing{}, trace.ContextWithSpanContext(context.Background(), remoteSpan(0)), written{span: "00"}},
		"nothing":            {otel.Tracing{Propagator: both}, context.Background(), written{}},
		"baggage":            {otel.Tracing{Propagator: both}, baggage.ContextWithBaggage(context.Background(), bag), written{tenant: "ann"}},
		"baggage, not asked": {otel.Tracing{}, baggage.ContextWithBaggage(context.Background(), bag), written{}},
	} {
		t.Run(name, func(t *testing.T) {
			h := tt.tracing.Headers()
			for _, write := range []func(string) string{strings.ToLower, strings.ToUpper} {
				header, sent := map[string][]string{}, map[string][]string{"Content-Type": {"x"}}
				h.Inject(tt.ctx, header)
				for k, v := range header {
					sent[write(k)] = v
				}
				ctx := h.Extract(context.WithValue(context.Background(), identityKey{}, "mine"), sent)
				got := written{tenant: baggage.FromContext(ctx).Member("tenant").Value()}
				if span := trace.SpanContextFromContext(ctx); span.IsValid() {
					got.span = span.TraceFlags().String()
					if !span.IsRemote() || span.TraceID() != remoteSpan(0).TraceID() {
						t.Errorf("the span %v", span)
					}
				}
				if got != tt.want || ctx.Value(identityKey{}) != "mine" {
					t.Errorf("got %+v by %v, want %+v", got, sent, tt.want)
				}
			}
		})
	}
}

// A header of others says anything, and costs nothing but the trace.
func TestMalformedHeadersAreNoTrace(t *testing.T) {
	h := otel.Tracing{Propagator: propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})}.Headers()
	good := "00-" + traceID + "-b7ad6b7169203331-01"
	for _, header := range []map[string][]string{
		nil, {}, {"traceparent": nil}, {"traceparent": {}}, {"traceparent": {""}}, {"traceparent": {"x"}},
		{"traceparent": {"00-00000000000000000000000000000000-b7ad6b7169203331-01"}},
		{"traceparent": {good + strings.Repeat("-", 1<<20)}},
		{"traceparent": {strings.Repeat("\xff", 1<<20)}},
		{"traceparent": {strings.ToUpper(good)}},
		{"tracestate": {strings.Repeat("a=b,", 1<<18)}, "baggage": {strings.Repeat("a=b,", 1<<18)}},
	} {
		ctx := h.Extract(context.Background(), header)
		if ctx != context.Background() {
			t.Errorf("%.80v gave %v", fmt.Sprint(header), ctx)
		}
	}
	ctx := h.Extract(context.Background(), map[string][]string{"traceparent": {good}, "tracestate": {strings.Repeat("x", 1<<20)}})
	if !trace.SpanContextFromContext(ctx).IsValid() {
		t.Error("a long tracestate has cost the trace")
	}
}

// complaints are what has been told to OpenTelemetry's error handler.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, err.Error())
}

func (c *complaints) take() (list []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list, c.list = c.list, nil
	return list
}

var told = func() *complaints {
	c := new(complaints)
	global.SetErrorHandler(c)
	return c
}()

// expectComplaint fails the test unless there was one, about the SDK.
func expectComplaint(t *testing.T) {
	t.Helper()
	if list := told.take(); len(list) != 1 || !strings.Contains(list[0], "tracing is off") {
		t.Errorf("told %q", list)
	}
}

// brokenPropagator fails where it is told to.
type brokenPropagator struct {
	propagation.TraceContext
	where string
	fail  func()
}

func (p brokenPropagator) at(where string) {
	if p.where == where {
		p.fail()
	}
}

func (p brokenPropagator) Inject(ctx context.Context, c propagation.TextMapCarrier) {
	c.Set("half", "done")
	p.at("Inject")
	p.TraceContext.Inject(ctx, c)
}

func (p brokenPropagator) Extract(ctx context.Context, c propagation.TextMapCarrier) context.Context {
	if p.where == "nil" {
		return nil
	}
	p.at("Extract")
	return p.TraceContext.Extract(ctx, c)
}

func (p brokenPropagator) Fields() []string {
	p.at("Fields")
	return p.TraceContext.Fields()
}

// eachFault runs f with each thing that users' code may do wrong.
func eachFault(t *testing.T, f func(t *testing.T, fail func())) {
	var gate chan struct{}
	for fault, fail := range map[string]func(){
		"panics":       func() { panic("in the SDK") },
		"calls Goexit": runtime.Goexit,
		"typed nil":    func() { var c *complaints; c.list = nil },
		"hangs":        func() { <-gate },
	} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gate = make(chan struct{})
				defer close(gate)
				f(t, fail)
			})
		})
	}
}

// A propagator that fails costs the trace, once 5 s at most, and is told of once.
func TestFaultsOfAPropagatorCostTheTrace(t *testing.T) {
	for _, where := range []string{"Inject", "Extract", "Fields", "nil"} {
		t.Run(where, func(t *testing.T) {
			eachFault(t, func(t *testing.T, fail func()) {
				h := otel.Tracing{Propagator: brokenPropagator{where: where, fail: fail}}.Headers()
				ctx := trace.ContextWithSpanContext(context.Background(), remoteSpan(1))
				start := time.Now()
				for range 3 {
					header := map[string][]string{}
					h.Inject(ctx, header)
					if failed := where == "Inject" || where == "Fields"; failed && len(header) != 0 {
						t.Errorf("injected %v", header)
					}
					got := h.Extract(context.Background(), map[string][]string{"traceparent": {event}})
					if got != context.Background() && where != "Inject" {
						t.Errorf("extracted %v", got)
					}
				}
				if took := time.Since(start); took > 5*time.Second {
					t.Errorf("took %v", took)
				}
				expectComplaint(t)
			})
		})
	}
}
