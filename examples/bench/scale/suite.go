package scale

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/examples/bench/child"
	"github.com/troupe-go/troupe/examples/bench/report"
)

const suiteName = "scale"

// Suite returns the suite of this package. The connections, if it is not nil,
// measures connections to a server: its rows are added.
func Suite(connections func(ctx context.Context, opts report.Options, sizes []int) ([]report.Row, error)) report.Suite {
	return report.Suite{Name: suiteName, Run: func(ctx context.Context, opts report.Options) ([]report.Row, error) {
		rows, err := run(ctx, opts)
		if err != nil || connections == nil || !opts.Wants("connections") {
			return rows, err
		}
		sizes := []int{100, 1000, 10_000, 19_000}
		if opts.Quick {
			sizes = sizes[:2]
		}
		more, err := connections(ctx, opts, sizes)
		for _, r := range more {
			r.Suite = suiteName
			rows = append(rows, r)
		}
		return rows, err
	}}
}

func init() {
	child.SampleRole(suiteName, func(args []string) ([]report.Sample, error) {
		if len(args) != 3 {
			return nil, fmt.Errorf("scale: %d arguments", len(args))
		}
		n, err := strconv.Atoi(args[1])
		if err != nil {
			return nil, err
		}
		ms, err := strconv.Atoi(args[2])
		if err != nil {
			return nil, err
		}
		for _, s := range all {
			if s.name == args[0] {
				return s.run(n, time.Duration(ms)*time.Millisecond)
			}
		}
		return nil, fmt.Errorf("scale: no series %q", args[0])
	})
}

func run(ctx context.Context, opts report.Options) (rows []report.Row, err error) {
	passes, ms := 5, 100
	if opts.Quick {
		passes, ms = 1, 20
	}
	for _, s := range all {
		if !opts.Wants(s.name) {
			continue
		}
		sizes := s.sizes
		if opts.Quick {
			sizes = sizes[:len(sizes)-1]
		}
		got := make([]report.Samples, len(sizes))
		fmt.Fprintln(opts.Progress, "scale:", s.name)
		for range passes { // of all sizes in turn
			for i, n := range sizes {
				out, err := child.Measure(ctx, time.Minute, suiteName, s.name, strconv.Itoa(n), strconv.Itoa(ms))
				if err != nil {
					return rows, err
				}
				if out.Error != "" {
					return rows, fmt.Errorf("%d %s: %s", n, s.name, out.Error)
				}
				got[i].Add(out.Samples)
			}
		}
		for i, n := range sizes {
			rows = append(rows, got[i].Rows(report.Row{Suite: suiteName, Workload: s.name, Subject: report.Troupe, Size: n})...)
		}
	}
	return rows, nil
}
