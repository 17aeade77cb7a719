package actors

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

// A pass is one measurement. It is made in a process of its own, so that none
// meets the heap, the pools or the goroutines that another has left.
type pass struct {
	workload string
	subject  string
	amount   int // how many actors, if that is the question, or milliseconds
}

// The workloads that do not give one time for each operation.
const (
	idleMemory = "idle"
	fair       = "call beside a flood"
)

// start has a child make the pass, and waits for it.
func (p pass) start(ctx context.Context, limit time.Duration) (child.Outcome, error) {
	return child.Measure(ctx, limit, suiteName, p.workload, p.subject, strconv.Itoa(p.amount))
}

func init() {
	child.SampleRole(suiteName, func(args []string) ([]report.Sample, error) {
		if len(args) != 3 {
			return nil, fmt.Errorf("actors: %d arguments", len(args))
		}
		amount, err := strconv.Atoi(args[2])
		if err != nil {
			return nil, err
		}
		p := pass{args[0], args[1], amount}
		s, err := p.system()
		if err != nil {
			return nil, err
		}
		return p.run(s) // the system is not stopped: the process ends
	})
}

// system starts what is measured.
func (p pass) system() (System, error) {
	i := slices.IndexFunc(Subjects, func(s Subject) bool { return s.Name == p.subject })
	if i < 0 {
		return nil, fmt.Errorf("actors: no subject %q", p.subject)
	}
	return Subjects[i].Start()
}

// run measures.
func (p pass) run(s System) ([]report.Sample, error) {
	d := time.Duration(p.amount) * time.Millisecond
	switch p.workload {
	case idleMemory:
		return idle(s, p.amount)
	case fair:
		return fairness(s, d)
	}
	for _, w := range workloads {
		if w.name == p.workload {
			return measure(s, w, d)
		}
	}
	return nil, fmt.Errorf("actors: no workload %q", p.workload)
}
