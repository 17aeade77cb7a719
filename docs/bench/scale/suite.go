package scale

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

const suiteName = "scale"

// A Pass measures n of something once, each figure for one of them. The error is
// errors.ErrUnsupported where that cannot be done.
type Pass func(ctx context.Context, n int) ([]report.Sample, error)

// Suite returns the suite of this package. Connections are those to a server of
// channels, which is not measured here.
func Suite(connections Pass) report.Suite {
	return report.Suite{Name: suiteName, Run: func(ctx context.Context, opts report.Options) ([]report.Row, error) {
		return run(ctx, opts, connections)
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

// growing is a series of passes of growing size.
type growing struct {
	name  string
	sizes []int
	pass  Pass
}

func run(ctx context.Context, opts report.Options, connections Pass) (rows []report.Row, err error) {
	passes, ms := 5, 100
	if opts.Quick {
		passes, ms = 1, 20
	}
	var work []growing
	for _, s := range all {
		work = append(work, growing{s.name, s.sizes, s.inChild(ms)})
	}
	work = append(work, growing{"connections", []int{100, 1000, 10_000, 19_000}, connections})
	for _, g := range work {
		if !opts.Wants(g.name) {
			continue
		}
		fmt.Fprintln(opts.Progress, "scale:", g.name)
		if opts.Quick {
			g.sizes = g.sizes[:len(g.sizes)-1]
		}
		more, err := g.run(ctx, passes)
		if errors.Is(err, errors.ErrUnsupported) {
			more, err = []report.Row{{Suite: suiteName, Workload: g.name, Subject: report.Troupe, Note: err.Error()}}, nil
		}
		if rows = append(rows, more...); err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// run makes the passes, of all sizes in turn.
func (g growing) run(ctx context.Context, passes int) (rows []report.Row, err error) {
	got := make([]report.Samples, len(g.sizes))
	for range passes {
		for i, n := range g.sizes {
			samples, err := g.pass(ctx, n)
			if err != nil {
				return nil, fmt.Errorf("%d %s: %w", n, g.name, err)
			}
			got[i].Add(samples)
		}
	}
	for i, n := range g.sizes {
		rows = append(rows, got[i].Rows(report.Row{Suite: suiteName, Workload: g.name, Subject: report.Troupe, Size: n})...)
	}
	return rows, nil
}

// inChild is a pass of the series in a process of its own. Steps are repeated for
// so many milliseconds.
func (s series) inChild(ms int) Pass {
	return func(ctx context.Context, n int) ([]report.Sample, error) {
		out, err := child.Measure(ctx, time.Minute, suiteName, s.name, strconv.Itoa(n), strconv.Itoa(ms))
		if err == nil && out.Error != "" {
			err = errors.New(out.Error)
		}
		return out.Samples, err
	}
}
