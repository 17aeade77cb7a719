// Package page keeps the tables of a Markdown document equal to CSV files.
//
// The document says what it wants between two comments:
//
//	<!-- bench: actors.csv time|memory -->
//	<!-- /bench -->
//
// The second word is a regular expression for metrics, or "facts" for what the
// figures depend on, or "notes", or "growth" for a table by size.
package page

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/troupe-go/troupe/examples/bench/report"
)

var block = regexp.MustCompile(`(?s)(<!-- bench: (\S+) (.+?) -->\n).*?(<!-- /bench -->)`)

// Update returns the text with each block made anew from the file that load gives
// for its name.
func Update(text []byte, load func(name string) (report.File, error)) ([]byte, error) {
	var failed error
	text = block.ReplaceAllFunc(text, func(found []byte) []byte {
		part := block.FindSubmatch(found)
		name, what := string(part[2]), string(part[3])
		file, err := load(name)
		if err == nil {
			var body string
			if body, err = render(file, what); err == nil {
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

func render(file report.File, what string) (string, error) {
	var b strings.Builder
	switch what {
	case "facts":
		for _, f := range file.Facts {
			fmt.Fprintf(&b, "- %s: %s\n", f.Name, f.Value)
		}
		return b.String(), nil
	case "notes":
		_, notes := report.Compare(file.Rows)
		for _, n := range notes {
			fmt.Fprintf(&b, "- %s\n", n)
		}
		return b.String(), nil
	case "growth":
		report.Growth(file.Rows).Markdown(&b)
		return b.String(), nil
	}
	metric, err := regexp.Compile("^(" + what + ")$")
	if err != nil {
		return "", err
	}
	var rows []report.Row
	for _, r := range file.Rows {
		if metric.MatchString(r.Metric) {
			rows = append(rows, r)
		}
	}
	if len(rows) == 0 {
		return "", fmt.Errorf("no such metric")
	}
	table, _ := report.Compare(rows)
	table.Markdown(&b)
	return b.String(), nil
}
