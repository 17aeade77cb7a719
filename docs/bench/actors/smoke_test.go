package actors

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) {
	fanOutActors, ringActors, spawnBatch = 50, 20, 10
	child.Main()
	os.Exit(m.Run())
}

// smallPasses are one tiny pass over each workload.
func smallPasses(subject string) []pass {
	passes := []pass{{idleMemory, subject, 50}, {fair, subject, 2}}
	for _, w := range workloads {
		passes = append(passes, pass{w.name, subject, 1})
	}
	return passes
}

// try makes a pass in this process, and stops its system.
func (p pass) try() ([]report.Sample, error) {
	s, err := p.system()
	if err != nil {
		return nil, err
	}
	samples, err := p.run(s)
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	for _, one := range samples {
		if one.Metric == "time" && one.Value <= 0 {
			err = errors.Join(err, fmt.Errorf("%s: %g %s", one.Metric, one.Value, one.Unit))
		}
	}
	return samples, errors.Join(err, s.Stop())
}

// clean are the subjects without a data race, which leave no goroutine behind.
var clean = []string{channels.Name, troupe.Name, sutureSubject.Name}

func TestCleanSubjectsDoEveryWorkload(t *testing.T) {
	for _, name := range clean {
		for _, p := range smallPasses(name) {
			t.Run(name+"/"+p.workload, func(t *testing.T) {
				before := goleak.IgnoreCurrent()
				if _, err := p.try(); err != nil {
					t.Error(err)
				}
				goleak.VerifyNone(t, before)
			})
		}
	}
}

const smoke = "smoke"

func init() {
	child.SampleRole(smoke, func(args []string) (all []report.Sample, _ error) {
		for _, p := range smallPasses(args[0]) {
			samples, err := p.try()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.workload, err)
			}
			all = append(all, samples...)
		}
		return all, nil
	})
}

// The others do every workload, or say that they have no counterpart, in a process
// where a data race of theirs does not fail our tests.
func TestOtherSubjectsDoEveryWorkload(t *testing.T) {
	t.Setenv("GORACE", "exitcode=0 atexit_sleep_ms=0")
	for _, sub := range Subjects {
		if slices.Contains(clean, sub.Name) {
			continue
		}
		t.Run(sub.Name, func(t *testing.T) {
			out, err := child.Measure(t.Context(), time.Minute, smoke, sub.Name)
			if err != nil || out.Error != "" {
				t.Fatal(err, out.Error)
			}
			if len(out.Samples) < len(workloads) {
				t.Errorf("only %v", out.Samples)
			}
		})
	}
}
