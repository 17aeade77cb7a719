package otel_test

import (
	"context"
	"fmt"

	attr "go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// A system that is measured. A program reads its metrics by an exporter; see the program in
// examples/metrics, which serves them to Prometheus.
func ExampleMetrics() {
	reader := sdk.NewManualReader()
	metrics := otel.Metrics{Provider: sdk.NewMeterProvider(sdk.WithReader(reader))}

	sys := actor.NewSystem(actor.Config{Instruments: []actor.Instrument{metrics.Instrument()}})
	greeter, err := actor.Spawn(sys, actor.Func(func(_ *actor.Context[string], name string) error {
		fmt.Println("hello", name)
		return actor.Stop
	}))
	if err != nil {
		panic(err)
	}
	greeter.Send("ann")
	<-greeter.PID().Done()
	_ = sys.Shutdown(context.Background())

	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == "troupe.actor.spawned" {
			for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
				fmt.Println(m.Name, p.Attributes.Encoded(attr.DefaultEncoder()), p.Value)
			}
		}
	}
	// Output:
	// hello ann
	// troupe.actor.spawned troupe.actor.type=actor.BehaviorFunc[string] 1
}
