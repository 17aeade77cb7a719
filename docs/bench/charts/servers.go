package charts

import (
	"strings"

	"github.com/troupe-go/troupe/docs/bench/report"
)

// servers draws the suite of channels: memory, and what takes time, in multiples of
// the bare server's. Where connections were measured in several numbers, times are
// those of the largest.
func servers(rows []report.Row) (drawn []Chart) {
	most := 0
	for _, r := range rows {
		if r.Metric == "RSS" {
			most = max(most, r.Size)
		}
	}
	// The line is what Workload says.
	var memory, times []report.Row
	for _, r := range rows {
		idle := strings.HasPrefix(r.Workload, "idle connection, ")
		name := strings.TrimPrefix(r.Workload, "idle connection, ")
		switch {
		case idle && r.Metric == "RSS":
			r.Workload = report.Count(r.Size) + ", " + name
			memory = append(memory, r)
		case r.Size != 0 && r.Size != most || r.Workload == "second join":
		case r.Metric == "rate" || r.Metric == "deliveries":
			r.Workload = name + ": time"
			r.Median, r.Min, r.Max = 1/r.Median, 1/r.Max, 1/r.Min
			times = append(times, r)
		case r.Metric == "server CPU" || r.Metric == "last receiver" || strings.HasPrefix(r.Metric, "p"):
			r.Workload = name + ": " + r.Metric
			times = append(times, r)
		}
	}
	if times = relative(times, report.Bare); len(times) > 0 {
		drawn = append(drawn, dots("channels-time.svg", "Time and processor time, in multiples of the bare server's (left is faster)", times, ratio, 1))
	}
	if len(memory) > 0 {
		drawn = append(drawn, dots("channels-memory.svg", "Resident memory for each idle connection, in bytes (left is smaller)", memory, report.Figure, 0))
	}
	return drawn
}
