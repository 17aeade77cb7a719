package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEverySeriesMeasures(t *testing.T) {
	for _, s := range all {
		t.Run(s.name, func(t *testing.T) {
			samples, err := s.run(1000, time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range samples {
				if one.Unit == "ns" && one.Value <= 0 {
					t.Errorf("%s: %g", one.Metric, one.Value)
				}
			}
		})
	}
}

// connectionsOnly has the suite measure connections, by pass.
func connectionsOnly(t *testing.T, pass Pass) ([]report.Row, error) {
	t.Helper()
	opts := report.Options{Quick: true, Workload: regexp.MustCompile("^connections$"), Progress: io.Discard}
	return Suite(pass).Run(t.Context(), opts)
}

func TestConnectionsAreASeriesLikeTheOthers(t *testing.T) {
	rows, err := connectionsOnly(t, func(_ context.Context, n int) ([]report.Sample, error) {
		return []report.Sample{{Metric: "connect", Unit: "ns", Value: float64(n)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var want []report.Row
	for _, n := range []int{100, 1000, 10_000} {
		want = append(want, report.Row{
			Suite: "scale", Workload: "connections", Subject: report.Troupe, Metric: "connect", Unit: "ns", Size: n,
		}.Of(float64(n)))
	}
	if !slices.Equal(rows, want) {
		t.Errorf("%v", rows)
	}
}

func TestASeriesThatCannotBeMeasuredIsNoted(t *testing.T) {
	unsupported := fmt.Errorf("not here: %w", errors.ErrUnsupported)
	rows, err := connectionsOnly(t, func(context.Context, int) ([]report.Sample, error) { return nil, unsupported })
	if err != nil || len(rows) != 1 || rows[0].Note == "" || rows[0].Runs != 0 {
		t.Errorf("%v, %v", rows, err)
	}
	broken := errors.New("broken")
	if _, err := connectionsOnly(t, func(context.Context, int) ([]report.Sample, error) { return nil, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}
