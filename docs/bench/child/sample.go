package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// An Outcome is what a child that measures has to say.
type Outcome struct {
	Samples []report.Sample
	Error   string // why there are none
	Absent  bool   // because there is nothing to measure: errors.ErrUnsupported
}

// SampleRole gives a name to a measurement, for Measure. When it has been made
// the process ends, whatever else still runs in it.
func SampleRole(name string, measure func(args []string) ([]report.Sample, error)) {
	Role(name, func(args []string) error {
		out := os.Stdout
		os.Stdout = os.Stderr // what is measured may print what it likes
		samples, err := measure(args)
		result := Outcome{Samples: samples}
		switch {
		case errors.Is(err, errors.ErrUnsupported):
			result.Absent = true
		case err != nil:
			result.Error = err.Error()
		}
		return json.NewEncoder(out).Encode(result)
	})
}

// Measure has a child make a measurement, for no longer than limit.
func Measure(ctx context.Context, limit time.Duration, role string, args ...string) (Outcome, error) {
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd, err := Command(limited, role, args...)
	if err != nil {
		return Outcome{}, err
	}
	var noise bytes.Buffer // of interest if it fails only
	cmd.Stderr = &noise
	data, err := cmd.Output()
	switch {
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	case limited.Err() != nil:
		return Outcome{Error: fmt.Sprintf("not done after %v", limit)}, nil
	case err != nil:
		return Outcome{}, fmt.Errorf("%s %s: %w\n%s", role, strings.Join(args, " "), err, noise.Bytes())
	}
	var out Outcome
	return out, json.Unmarshal(data, &out)
}
