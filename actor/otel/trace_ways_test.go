package otel_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	global "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/baggage"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// Each way to send with a context goes on with the trace, and shows for what it waited. Send
// has no context, and is a cut.
func TestWaysToSendInATrace(t *testing.T) {
	for name, tt := range map[string]struct {
		send func(c *actor.Context[work], to actor.Ref[work], w work) error
		want []string // below the span of the handler that sends
	}{
		"Send": {func(_ *actor.Context[work], to actor.Ref[work], w work) error { to.Send(w); return nil }, nil},
		"SendContext": {
			func(c *actor.Context[work], to actor.Ref[work], w work) error { return to.SendContext(c, w) },
			[]string{"    otel_test.worker work         |#"},
		},
		"Ask": {
			func(c *actor.Context[work], to actor.Ref[work], w work) error {
				actor.Ask(c, to, asking(w))
				return nil
			},
			[]string{"    otel_test.worker work         |#"},
		},
		"AskTo": {
			func(c *actor.Context[work], to actor.Ref[work], w work) error {
				actor.AskTo(c, to, asking(w), func(int, error) work { return nap(2 * time.Second) })
				return nil
			},
			[]string{
				"    otel_test.worker work         |#",
				"    otel_test.worker work         |###",
				"      answer                      |#",
			},
		},
		"SendAfter": {
			func(c *actor.Context[work], _ actor.Ref[work], w work) error {
				c.SendAfter(2*time.Second, w)
				return nil
			},
			[]string{
				"    otel_test.worker work         |###",
				"      timer                       |##",
			},
		},
		"After": {
			func(c *actor.Context[work], _ actor.Ref[work], w work) error { c.After(2*time.Second, w); return nil },
			[]string{
				"    otel_test.worker After        |###",
				"      timer                       |##",
			},
		},
		"Continue": {
			func(c *actor.Context[work], _ actor.Ref[work], w work) error { c.Continue(w); return nil },
			[]string{"    otel_test.worker Continue     |#"},
		},
		"Go": {
			func(c *actor.Context[work], to actor.Ref[work], w work) error {
				c.Go(func(ctx context.Context) { _ = to.SendContext(ctx, w) })
				return nil
			},
			[]string{"    otel_test.worker work         |#"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				one, two := spawn(b, worker{}), spawn(b, worker{})
				b.request(func(ctx context.Context) {
					if _, err := actor.Call(ctx, one, asking(func(c *actor.Context[work]) error { return tt.send(c, two, nap(time.Second)) })); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Minute)
				b.expect(draw(append([]string{"request |", "  otel_test.worker work |"}, tt.want...))...)
			})
		})
	}
}

// A handler that always leads to another one would make a trace that never ends.
func TestATraceEndsAfterSoManyHandlers(t *testing.T) {
	for name, again := range map[string]func(c *actor.Context[work], w work){
		"a timer that is set anew": func(c *actor.Context[work], w work) { c.SetTimer("tick", time.Second, w) },
		"a message to itself":      func(c *actor.Context[work], w work) { _ = c.Self().SendContext(c, w) },
		"under a span of its own": func(c *actor.Context[work], w work) {
			ctx, span := trace.SpanFromContext(c).TracerProvider().Tracer("own").Start(c, "own")
			defer span.End()
			_ = c.Self().SendContext(ctx, w)
		},
	} {
		t.Run(name, func(t *testing.T) {
			traced(t, otel.Tracing{}, func(b *bench) {
				a := spawn(b, worker{})
				var loop work
				rounds := 0
				loop = func(c *actor.Context[work]) error {
					if rounds++; rounds < 300 {
						again(c, loop)
					}
					return nil
				}
				b.request(func(ctx context.Context) {
					if err := a.SendContext(ctx, loop); err != nil {
						t.Error(err)
					}
				})
				time.Sleep(time.Hour)
				synctest.Wait()
				handlers := 0
				for _, s := range b.spans.GetSpans() {
					if s.Name == "otel_test.worker work" {
						handlers++
					}
				}
				if rounds != 300 || handlers != 100 {
					t.Errorf("%d spans of %d handlers, want 100 of 300", handlers, rounds)
				}
			})
		})
	}
}

// With OneIn, what no request led to begins traces as well.
func TestOneInBeginsTraces(t *testing.T) {
	traced(t, otel.Tracing{OneIn: 1}, func(b *bench) {
		one := spawn(b, worker{})
		two := spawn(b, worker{})
		one.Send(calling(two, nap(time.Second)))
		time.Sleep(time.Minute)
		b.expect(
			"otel_test.worker work             |#",
			"  otel_test.worker work           |#",
		)
	})
}

// Baggage goes along with the span.
func TestBaggageGoesAlong(t *testing.T) {
	traced(t, otel.Tracing{}, func(b *bench) {
		one, two := spawn(b, worker{}), spawn(b, worker{})
		bag, err := baggage.Parse("tenant=ann")
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		b.request(func(ctx context.Context) {
			_, err := actor.Call(baggage.ContextWithBaggage(ctx, bag), one, asking(calling(two, func(c *actor.Context[work]) error {
				got = baggage.FromContext(c).String()
				return nil
			})))
			if err != nil {
				t.Error(err)
			}
		})
		if got != "tenant=ann" {
			t.Errorf("the baggage is %q", got)
		}
	})
}

// Two tracings on one system, such as one for each of two providers, both end their spans.
func TestTwoTracingsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var spans [2]*tracetest.InMemoryExporter
		var list []actor.Instrument
		for i := range spans {
			spans[i] = tracetest.NewInMemoryExporter()
			list = append(list, otel.Tracing{Provider: sdk.NewTracerProvider(sdk.WithSyncer(spans[i]))}.Instrument())
		}
		sys := actor.NewSystem(actor.Config{Instruments: list})
		a, err := actor.Spawn(sys, func() actor.Behavior[work] { return worker{} })
		if err != nil {
			t.Fatal(err)
		}
		parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
		if _, err := actor.Call(trace.ContextWithSpanContext(context.Background(), parent), a, asking(nap(time.Second))); err != nil {
			t.Error(err)
		}
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		for i, s := range spans {
			if got := s.GetSpans(); len(got) != 1 || got[0].Parent.SpanID() != parent.SpanID() {
				t.Errorf("tracing %d has %v", i, got)
			}
		}
	})
}

// late is what a program does that sets the global provider after it has made its system.
var late = sync.OnceValue(func() *tracetest.InMemoryExporter {
	spans := tracetest.NewInMemoryExporter()
	global.SetTracerProvider(sdk.NewTracerProvider(sdk.WithSyncer(spans)))
	return spans
})

// globally is made before there is a global provider.
var globally = otel.Tracing{}.Instrument()

func TestTheZeroTracingUsesTheGlobalProvider(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // where nothing waits in the mailbox
		spans := late()
		defer spans.Reset()
		sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{globally}})
		a, err := actor.Spawn(sys, func() actor.Behavior[work] { return worker{} })
		if err != nil {
			t.Fatal(err)
		}
		ctx, span := global.Tracer("test").Start(context.Background(), "request")
		if _, err := actor.Call(ctx, a, asking(nap(0))); err != nil {
			t.Error(err)
		}
		span.End()
		if err := sys.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		var names []string
		for _, s := range spans.GetSpans() {
			names = append(names, s.Name)
		}
		if text := fmt.Sprint(names); len(names) != 2 || !strings.Contains(text, "worker work") {
			t.Errorf("spans %s", text)
		}
	})
}
