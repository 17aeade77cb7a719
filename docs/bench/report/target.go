package report

import (
	"fmt"
	"slices"
)

// A Target is a bound that a figure is to keep.
type Target struct {
	Workload, Metric string
	Size             int
	Subjects         []string // whose figures are to keep it
	Bound            float64
	Least            bool   // it is the least that a figure may be, not the most
	Of               string // it is a multiple of this subject's figure; "": it is absolute
}

// keeps reports whether a figure keeps the bound. The base is the figure of t.Of.
func (t Target) keeps(figure, base float64) bool {
	if t.Of != "" {
		figure /= base
	}
	if t.Least {
		return figure >= t.Bound
	}
	return figure <= t.Bound
}

// bound writes it as "≥ 0.8×".
func (t Target) bound() string {
	sign, unit := "≤ ", ""
	if t.Least {
		sign = "≥ "
	}
	if t.Of != "" {
		unit = "×"
	}
	return sign + Figure(t.Bound) + unit
}

// Reach makes a table of targets and what has been reached: a line for each target,
// a column for each subject that it concerns or is a multiple of. A cell has the
// figure, its ratio in brackets, and a mark. Targets without figures are left out.
func Reach(rows []Row, targets []Target) Table {
	find := func(t Target, subject string) (Row, bool) {
		i := slices.IndexFunc(rows, func(r Row) bool {
			return r.Workload == t.Workload && r.Metric == t.Metric && r.Size == t.Size && r.Subject == subject && r.Runs > 0
		})
		if i < 0 {
			return Row{}, false
		}
		return rows[i], true
	}
	var bases, subjects []string
	for _, t := range targets {
		bases, subjects = append(bases, t.Of), append(subjects, t.Subjects...)
	}
	subjects = distinct(append(bases, subjects...))
	table := Table{append([]string{"target", "wanted"}, subjects...)}
	for _, t := range targets {
		base, ok := find(t, t.Of)
		if t.Of != "" && !ok {
			continue
		}
		var line []string
		some, unit := false, ""
		for _, s := range subjects {
			r, ok := find(t, s)
			cell := "–"
			switch {
			case !ok:
			case s == t.Of:
				cell = Figure(r.Median)
			case slices.Contains(t.Subjects, s):
				some, unit = true, r.Unit
				cell = Figure(r.Median)
				if t.Of != "" {
					cell += " [" + Ratio(r.Median/base.Median) + "]"
				}
				if t.keeps(r.Median, base.Median) {
					cell += " ✓"
				} else {
					cell += " ✗"
				}
			}
			line = append(line, cell)
		}
		if some {
			name := fmt.Sprintf("%s: %s, %s", t.Workload, t.Metric, unit)
			table = append(table, append([]string{name, t.bound()}, line...))
		}
	}
	return table
}

// distinct returns each name once, in order, and no empty one.
func distinct(names []string) (once []string) {
	for _, n := range names {
		if n != "" && !slices.Contains(once, n) {
			once = append(once, n)
		}
	}
	return once
}
