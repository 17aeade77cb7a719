// Package page keeps the tables of a Markdown document equal to CSV files.
//
// The document says what it wants between two comments:
//
//	<!-- bench: channels.csv echo.*: rate|p99 -->
//	<!-- /bench -->
//
// After the file's name come regular expressions for workloads, if not all are
// wanted, and metrics. In their place may be "facts" for what the figures depend on,
// "notes", "growth" for a table by size, "targets" for what was to be reached, and
// "charts" for links to all that the file gives.
package page

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/troupe-go/troupe/docs/bench/charts"
	"github.com/troupe-go/troupe/docs/bench/report"
)

// A Source is what documents are made from.
type Source struct {
	Load    func(name string) (report.File, error) // loads a CSV file
	Charts  string                                 // the directory of the charts, as links name it
	Targets []report.Target
}

var block = regexp.MustCompile(`(?s)(<!-- bench: (\S+) (.+?) -->\n).*?(<!-- /bench -->)`)

// Update returns the text of a document with each block made anew.
func (s Source) Update(text []byte) ([]byte, error) {
	var failed error
	text = block.ReplaceAllFunc(text, func(found []byte) []byte {
		part := block.FindSubmatch(found)
		name, what := string(part[2]), string(part[3])
		file, err := s.Load(name)
		if err == nil {
			var body string
			if body, err = s.render(file, what); err == nil {
				return bytes.Join([][]byte{part[1], []byte(body), part[4]}, []byte("\n"))
			}
		}
		if failed == nil {
			failed = fmt.Errorf("page: %s %s: %w", name, what, err)
		}
		return found
	})
	return text, failed
}

func (s Source) render(file report.File, what string) (string, error) {
	var b strings.Builder
	switch what {
	case "facts":
		for _, f := range file.Facts {
			fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
		}
	case "notes":
		_, notes := report.Compare(file.Rows)
		for _, n := range notes {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	case "growth":
		report.Growth(file.Rows).Markdown(&b)
	case "targets":
		report.Reach(file.Rows, s.Targets).Markdown(&b)
	case "charts":
		for _, c := range charts.Of(file.Rows) {
			fmt.Fprintf(&b, "![%s](%s/%s)\n", c.Title(), s.Charts, c.Name)
		}
	default:
		return compare(file.Rows, what)
	}
	return b.String(), nil
}

// compare makes a table of some rows.
func compare(rows []report.Row, what string) (string, error) {
	workloads, metrics, both := strings.Cut(what, ": ")
	if !both {
		workloads, metrics = ".*", what
	}
	workload, err := regexp.Compile("^(" + workloads + ")$")
	if err != nil {
		return "", err
	}
	metric, err := regexp.Compile("^(" + metrics + ")$")
	if err != nil {
		return "", err
	}
	var some []report.Row
	for _, r := range rows {
		if workload.MatchString(r.Workload) && metric.MatchString(r.Metric) {
			some = append(some, r)
		}
	}
	if len(some) == 0 {
		return "", fmt.Errorf("no such figures")
	}
	var b strings.Builder
	table, _ := report.Compare(some)
	table.Markdown(&b)
	return b.String(), nil
}
