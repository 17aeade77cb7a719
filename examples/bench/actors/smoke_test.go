package actors

import (
	"errors"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/examples/bench/child"
)

func TestMain(m *testing.M) {
	child.Main()
	fanOutActors, ringActors, spawnBatch = 50, 20, 10
	os.Exit(m.Run())
}

// Every subject does every workload, or says that it has no counterpart, and
// leaves no goroutine behind.
func TestSubjects(t *testing.T) {
	passes := map[string]int{idleMemory: 50, fair: 2}
	for _, w := range workloads {
		passes[w.name] = 1
	}
	for _, sub := range Subjects {
		for workload, amount := range passes {
			t.Run(sub.Name+"/"+workload, func(t *testing.T) {
				before := goleak.IgnoreCurrent()
				p := pass{workload, sub.Name, amount}
				s, err := p.system()
				if err != nil {
					t.Fatal(err)
				}
				figures, err := p.run(s)
				if !errors.Is(err, errors.ErrUnsupported) {
					if err != nil {
						t.Error(err)
					}
					for _, f := range figures {
						if f.Metric == "time" && f.Value <= 0 {
							t.Errorf("%s: %g %s", f.Metric, f.Value, f.Unit)
						}
					}
				}
				if err := s.Stop(); err != nil {
					t.Error("stop:", err)
				}
				goleak.VerifyNone(t, before)
			})
		}
	}
}
