// Package report is what the suites of benchmarks share: the row that a figure
// is, and the tables, CSV files and charts that rows become.
package report

import (
	"context"
	"flag"
	"io"
	"regexp"
	"slices"
)

// A Row is one figure: what a subject costs in one respect of a workload.
type Row struct {
	Suite    string // actors, channels, scale
	Workload string // such as "ping-pong"
	Subject  string // what was measured, such as Channel or Troupe
	Metric   string // such as "time"
	Size     int    // how many there were, where a suite varies that, or 0

	Median, Min, Max float64 // over the runs
	Unit             string  // such as "ns/op"
	Runs             int     // 0 if there is no figure, for the reason in Note
	Note             string
}

// The subjects that every suite knows by name: the yardstick, and Troupe.
const (
	Channel = "raw channel"
	Troupe  = "troupe"
	Bare    = "bare" // the yardstick where there is no channel: a server without actors
)

// Row returns the row with the median and the range of values filled in.
// The number of runs is the number of values.
func (r Row) Of(values ...float64) Row {
	values = slices.Sorted(slices.Values(values))
	r.Runs = len(values)
	if r.Runs > 0 {
		r.Median, r.Min, r.Max = values[r.Runs/2], values[0], values[r.Runs-1]
		if r.Runs%2 == 0 {
			r.Median = (values[r.Runs/2-1] + values[r.Runs/2]) / 2
		}
	}
	return r
}

// Options say how a suite is run.
type Options struct {
	Quick    bool           // smaller sizes and fewer runs: under a minute
	Workload *regexp.Regexp // only the workloads that it matches; nil for all
	Progress io.Writer      // what is under way, one line each
}

// Wants reports whether a workload is to be run.
func (o Options) Wants(workload string) bool {
	return o.Workload == nil || o.Workload.MatchString(workload)
}

// A Suite is a set of workloads that are run together. Run must end soon after
// ctx is done, and leave no process behind.
type Suite struct {
	Name  string
	Flags func(*flag.FlagSet) // adds flags of the suite's own; nil if it has none
	Run   func(ctx context.Context, opts Options) ([]Row, error)
}
