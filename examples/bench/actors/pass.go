package actors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/examples/bench/child"
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

// outcome is what a pass gives: what the child process prints.
type outcome struct {
	Figures []figure
	Error   string
	Absent  bool // the library has no counterpart
}

// role is what the children of this suite are started for.
const role = "actors"

func init() { child.Role(role, runChild) }

// start has a child make the pass, and waits for it.
func (p pass) start(ctx context.Context, limit time.Duration) (outcome, error) {
	var out outcome
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd, err := child.Command(limited, role, p.workload, p.subject, strconv.Itoa(p.amount))
	if err != nil {
		return out, err
	}
	var noise bytes.Buffer // what the library prints, of interest if it fails only
	cmd.Stderr = &noise
	data, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return out, ctx.Err()
	case limited.Err() != nil:
		return outcome{Error: fmt.Sprintf("not done after %v", limit)}, nil
	case err != nil:
		return out, fmt.Errorf("actors: %s of %s: %w\n%s", p.workload, p.subject, err, noise.Bytes())
	}
	return out, json.Unmarshal(data, &out)
}

// runChild makes a pass and prints its outcome. The system is not stopped: the
// process ends.
func runChild(args []string) error {
	out := os.Stdout
	os.Stdout = os.Stderr // a library may print what it likes
	if len(args) != 3 {
		return fmt.Errorf("actors: %d arguments", len(args))
	}
	amount, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	p := pass{args[0], args[1], amount}
	var result outcome
	s, err := p.system()
	if err == nil {
		result.Figures, err = p.run(s)
	}
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		result.Absent = true
	case err != nil:
		result.Error = err.Error()
	}
	return json.NewEncoder(out).Encode(result)
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
func (p pass) run(s System) ([]figure, error) {
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
