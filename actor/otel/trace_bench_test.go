package otel_test

import (
	"context"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/trace"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// What traces cost a Call: go test -run '^$' -bench Tracing ./actor/otel. The span of the
// request, which is not Troupe's, is made outside of what is measured; the exporter drops all.
func BenchmarkTracing(b *testing.B) {
	for _, bb := range []struct {
		name    string
		sampled int // one in so many calls; 0: none
	}{{"off", -1}, {"0%", 0}, {"1%", 100}, {"100%", 1}} {
		b.Run(bb.name, func(b *testing.B) {
			provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(new(openSpans)))
			cfg := actor.Config{}
			if bb.sampled >= 0 {
				cfg.Instruments = []actor.Instrument{otel.Tracing{Provider: provider}.Instrument()}
			}
			sys := actor.NewSystem(cfg)
			b.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
			ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
				r.Send(1)
				return nil
			}))
			if err != nil {
				b.Fatal(err)
			}
			unsampled := context.Background()
			sampled, span := provider.Tracer("test").Start(unsampled, "request")
			defer span.End()
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				ctx := unsampled
				if bb.sampled > 0 && i%bb.sampled == 0 {
					ctx = sampled
				}
				if _, err := actor.Call(ctx, ref, func(r actor.Reply[int]) actor.Reply[int] { return r }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
