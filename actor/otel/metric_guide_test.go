package otel

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of metrics into the guide")

const (
	guide = "../../docs/guide/observability.md"
	from  = "<!-- made in actor/otel by go test -run Guide -update -->\n\n"
	until = "\n<!-- end of the catalog -->"
)

// The guide's table is the catalog.
func TestGuideHasTheMetrics(t *testing.T) {
	data, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	before, rest, found := strings.Cut(text, from)
	_, after, ended := strings.Cut(rest, until)
	if !found || !ended {
		t.Fatal("the guide has no place for the table")
	}
	want := before + from + tableOf(catalog) + until + after
	if text == want {
		return
	}
	if !*update {
		t.Fatal("the guide's table of metrics is not the catalog: in actor/otel, go test -run Guide -update")
	}
	if err := os.WriteFile(guide, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func tableOf(list []*definition) string {
	var b strings.Builder
	b.WriteString("| metric | in Prometheus | labels | |\n| --- | --- | --- | --- |\n")
	for _, d := range list {
		var labels []string
		for _, l := range d.labels {
			labels = append(labels, "`"+string(l.key)+"`")
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", d.name, prometheusName(d), strings.Join(labels, ", "), d.about)
	}
	return b.String()
}

// prometheusName returns what the exporter makes of a metric's name. A test of the program
// examples/metrics holds the table against what that exports.
func prometheusName(d *definition) string {
	name := strings.ReplaceAll(d.name, ".", "_") + map[string]string{"s": "_seconds", "By": "_bytes"}[d.unit]
	if d.kind == counter {
		name += "_total"
	}
	return name
}
