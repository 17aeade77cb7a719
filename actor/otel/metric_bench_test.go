package otel_test

import (
	"context"
	"log/slog"
	"testing"

	sdk "go.opentelemetry.io/otel/sdk/metric"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// What metrics cost: go test -run '^$' -bench Metrics ./actor/otel
func BenchmarkMetrics(b *testing.B) {
	for _, c := range []struct {
		name    string
		metrics *otel.Metrics
	}{
		{"none", nil},
		{"default", new(otel.Metrics)},
		{"all", &otel.Metrics{OneIn: 1}},
	} {
		cfg := actor.Config{Logger: slog.New(slog.DiscardHandler)}
		if c.metrics != nil {
			c.metrics.Provider = sdk.NewMeterProvider(sdk.WithReader(sdk.NewManualReader()))
			cfg.Instruments = []actor.Instrument{c.metrics.Instrument()}
		}
		sys := actor.NewSystem(cfg)
		b.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
		counting := func(b *testing.B) (actor.Ref[int], <-chan struct{}) {
			done, left := make(chan struct{}), b.N
			ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[int], int) error {
				if left--; left == 0 {
					close(done)
				}
				return nil
			}))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			return ref, done
		}
		b.Run("Send/"+c.name, func(b *testing.B) {
			ref, done := counting(b)
			for i := range b.N {
				ref.Send(i)
			}
			<-done
		})
		b.Run("SendContext/"+c.name, func(b *testing.B) {
			ref, done := counting(b)
			for i := range b.N {
				_ = ref.SendContext(context.Background(), i)
			}
			<-done
		})
		b.Run("Call/"+c.name, func(b *testing.B) {
			ref, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[actor.Reply[int]], r actor.Reply[int]) error {
				r.Send(1)
				return nil
			}))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := actor.Call(context.Background(), ref, func(r actor.Reply[int]) actor.Reply[int] { return r }); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("life/"+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ref, err := actor.Spawn(sys, newClerk)
				if err != nil {
					b.Fatal(err)
				}
				ref.Send(ending(actor.Stop))
				<-ref.PID().Done()
			}
		})
	}
}

// What a million actors leave: go test -run '^$' -bench Churn -benchtime 1000000x ./actor/otel
func BenchmarkChurn(b *testing.B) {
	m := measure(b, new(otel.Metrics))
	sys := m.system(b)
	m.churn(sys, 1000, func() {})
	before := objects()
	b.ResetTimer()
	m.churn(sys, b.N, func() {})
	b.StopTimer()
	b.ReportMetric(float64(objects()-before), "objects-left")
}
