package otel_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	attr "go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/actor/otel"
)

// meters is a Metrics with a reader of what it measures.
type meters struct {
	*otel.Metrics
	testing.TB
	reader *sdk.ManualReader
}

// measure gives metrics a provider that the test reads.
func measure(t testing.TB, metrics *otel.Metrics) *meters {
	m := &meters{metrics, t, sdk.NewManualReader()}
	metrics.Provider = sdk.NewMeterProvider(sdk.WithReader(m.reader))
	return m
}

// system returns a system with m's instrument that ends with the test.
func (m *meters) system(t testing.TB) *actor.System {
	sys := actor.NewSystem(actor.Config{
		Instruments: []actor.Instrument{m.Instrument()},
		Logger:      slog.New(slog.DiscardHandler),
	})
	t.Cleanup(func() { _ = sys.Shutdown(context.Background()) })
	return sys
}

// read collects all metrics, by name.
func (m *meters) read() map[string]metricdata.Metrics {
	m.Helper()
	var all metricdata.ResourceMetrics
	if err := m.reader.Collect(context.Background(), &all); err != nil {
		m.Fatal(err)
	}
	found := make(map[string]metricdata.Metrics)
	for _, scope := range all.ScopeMetrics {
		for _, x := range scope.Metrics {
			found[x.Name] = x
		}
	}
	return found
}

// series returns what a metric has: its series by the values of their labels, in the order
// of the labels' names. Of a histogram that is how many were measured.
func (m *meters) series(name string) map[string]int64 {
	m.Helper()
	found := make(map[string]int64)
	switch data := m.read()[name].Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			found[text(p.Attributes)] += p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			found[text(p.Attributes)] += int64(p.Count)
		}
	case nil:
	default:
		m.Fatalf("%s is %T", name, data)
	}
	return found
}

// text returns the values of labels.
func text(set attr.Set) string {
	var values []string
	for _, kv := range set.ToSlice() {
		values = append(values, kv.Value.AsString())
	}
	return strings.Join(values, " ")
}

// expect fails unless a metric has these series, as series returns them, apart from those
// that are 0.
func (m *meters) expect(name string, want map[string]int64) {
	m.Helper()
	got := m.series(name)
	maps.DeleteFunc(got, func(_ string, n int64) bool { return n == 0 })
	if !maps.Equal(got, want) {
		m.Errorf("%s: %s\nwant %s", name, sorted(got), sorted(want))
	}
}

func sorted(series map[string]int64) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(series)) {
		fmt.Fprintf(&b, "\n\t%s: %d", k, series[k])
	}
	return b.String()
}
