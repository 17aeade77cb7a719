package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Table is text in rows and columns. The first line is the heading.
type Table [][]string

// Compare makes a table of rows: a line for each workload and metric, a column
// for each subject, in the order in which they first occur. A cell holds the
// median and, in brackets, its ratio to that of the raw channel, but for counts of
// allocations, of which a channel makes none, and for what is a ratio already.
// Notes are returned apart.
func Compare(rows []Row) (table Table, notes []string) {
	type key struct {
		workload, metric, unit string
		size                   int
	}
	var keys []key
	var subjects []string
	cells := map[key]map[string]Row{}
	for _, r := range rows {
		if r.Note != "" {
			notes = append(notes, fmt.Sprintf("%s, %s: %s", r.Workload, r.Subject, r.Note))
		}
		if r.Metric == "" {
			continue
		}
		k := key{r.Workload, r.Metric, r.Unit, r.Size}
		if cells[k] == nil {
			cells[k] = map[string]Row{}
			keys = append(keys, k)
		}
		if !slices.Contains(subjects, r.Subject) {
			subjects = append(subjects, r.Subject)
		}
		cells[k][r.Subject] = r
	}
	table = Table{append([]string{"workload", "metric"}, subjects...)}
	for _, k := range keys {
		name := k.workload
		if k.size != 0 {
			name += " " + Count(k.size)
		}
		line := []string{name, k.metric + ", " + k.unit}
		base, ok := cells[k][Channel]
		if !ok {
			base = cells[k][Bare]
		}
		for _, s := range subjects {
			r, ok := cells[k][s]
			switch {
			case !ok || r.Runs == 0:
				line = append(line, "–")
			case base.Runs == 0 || strings.HasPrefix(k.unit, "allocs") || strings.HasPrefix(k.unit, "×"):
				line = append(line, Figure(r.Median))
			default:
				line = append(line, fmt.Sprintf("%s [%s]", Figure(r.Median), Ratio(r.Median/base.Median)))
			}
		}
		table = append(table, line)
	}
	slices.Sort(notes)
	return table, slices.Compact(notes)
}

// Text writes the table for a terminal.
func (t Table) Text(w io.Writer) {
	width := make([]int, len(t[0]))
	for _, line := range t {
		for i, cell := range line {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, line := range t {
		for i, cell := range line {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < 2 {
				fmt.Fprint(w, cell, pad, "  ")
			} else {
				fmt.Fprint(w, pad, cell, "  ")
			}
		}
		fmt.Fprintln(w)
	}
}

// Markdown writes the table for a document.
func (t Table) Markdown(w io.Writer) {
	for i, line := range t {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
		if i == 0 {
			fmt.Fprintf(w, "|%s%s\n", strings.Repeat(" --- |", 2), strings.Repeat(" ---: |", len(line)-2))
		}
	}
}

// Figure writes a number with three digits, and thousands apart.
func Figure(v float64) string {
	switch {
	case v == 0:
		return "0"
	case v < 10:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
	case v < 100:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0")
	}
	s := fmt.Sprintf("%.0f", v)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Ratio writes a ratio with two digits.
func Ratio(v float64) string {
	if v < 9.95 {
		return fmt.Sprintf("%.2g×", v)
	}
	return fmt.Sprintf("%.0f×", v)
}

// Count writes a size: 10k, 1M.
func Count(n int) string {
	switch {
	case n >= 1e6 && n%1e5 == 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e6), ".0") + "M"
	case n >= 1e4 && n%1e2 == 0:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/1e3), ".0") + "k"
	}
	return Figure(float64(n))
}
