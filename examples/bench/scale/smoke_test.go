package scale

import (
	"testing"
	"time"

	"go.uber.org/goleak"
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
