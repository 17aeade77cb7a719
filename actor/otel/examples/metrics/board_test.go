package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
)

// exported is what Prometheus reads: the labels of each name that a query may have.
type exported map[string]map[string]bool

var (
	sample = regexp.MustCompile(`^(\w+)(?:\{(.*)\})? \S+$`)
	named  = regexp.MustCompile(`(\w+)="(?:[^"\\]|\\.)*"`)
)

// parse reads the text format. Prometheus adds job and instance to all.
func parse(text string) exported {
	all := exported{}
	for l := range strings.Lines(text) {
		m := sample.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			continue
		}
		if all[m[1]] == nil {
			all[m[1]] = map[string]bool{"job": true, "instance": true}
		}
		for _, label := range named.FindAllStringSubmatch(m[2], -1) {
			all[m[1]][label[1]] = true
		}
	}
	return all
}

// functions are those that queries use, with whether they need a range. The parser knows
// more than Prometheus does.
var functions = map[string]bool{
	"rate": true, "increase": true, "histogram_quantile": false, "sum": false, "max": false, "topk": false,
}

// query checks a query against what there is, and notes which names it uses.
func (all exported) query(text string, used map[string]bool) error {
	text = strings.NewReplacer("$__rate_interval", "5m", "$job", "j", "$instance", "i").Replace(text)
	expr, err := metricsql.Parse(text)
	if err != nil {
		return err
	}
	var problem error
	fail := func(format string, args ...any) {
		if problem == nil {
			problem = fmt.Errorf(format, args...)
		}
	}
	metricsql.VisitAll(expr, func(e metricsql.Expr) {
		switch e := e.(type) {
		case *metricsql.MetricExpr:
			all.metric(e, used, fail)
		case *metricsql.FuncExpr:
			ranged, ok := functions[e.Name]
			if !ok {
				fail("%s is no function that is known here", e.Name)
			} else if r, is := e.Args[0].(*metricsql.RollupExpr); ranged && (!is || r.Window == nil) {
				fail("%s without a range", e.Name)
			}
		case *metricsql.AggrFuncExpr:
			if _, ok := functions[e.Name]; !ok {
				fail("%s is no aggregation that is known here", e.Name)
			}
			all.grouped(e, e.Modifier.Args, fail)
		case *metricsql.BinaryOpExpr:
			all.grouped(e, e.GroupModifier.Args, fail)
		}
	})
	return problem
}

// metric checks the name and the labels of a selector.
func (all exported) metric(e *metricsql.MetricExpr, used map[string]bool, fail func(string, ...any)) {
	for _, filters := range e.LabelFilterss {
		name := ""
		for _, f := range filters {
			if f.Label == "__name__" {
				name = f.Value
			}
		}
		labels, ok := all[name]
		if !ok {
			fail("there is no %q", name)
			continue
		}
		used[name] = true
		for _, f := range filters {
			if f.Label != "__name__" && !labels[f.Label] {
				fail("%s has no label %s", name, f.Label)
			}
		}
	}
}

// grouped checks the labels that an expression groups by, against all metrics in it.
func (all exported) grouped(e metricsql.Expr, by []string, fail func(string, ...any)) {
	metricsql.VisitAll(e, func(e metricsql.Expr) {
		m, ok := e.(*metricsql.MetricExpr)
		if !ok {
			return
		}
		for _, filters := range m.LabelFilterss {
			for _, label := range by {
				if name := filters[0].Value; all[name] != nil && !all[name][label] {
					fail("%s has no label %s to group by", name, label)
				}
			}
		}
	})
}

// The check finds what is wrong with a query.
func TestQueriesAreChecked(t *testing.T) {
	all := parse("# TYPE x_total counter\nx_total{a=\"1\",b=\"2\"} 3\ny{a=\"}\"} 1\nz_bucket{le=\"1\",a=\"1\"} 1\n")
	for query, want := range map[string]string{
		`sum by (a) (rate(x_total{b="1", job=~"$job"}[$__rate_interval]))`: "",
		`histogram_quantile(0.9, sum by (le, a) (rate(z_bucket[5m])))`:     "",
		`topk(3, sum by (a) (y) / ignoring (a) group_left sum(y)) > 1`:     "",
		`sum(w)`:             `there is no "w"`,
		`sum(rate(x[5m]))`:   `there is no "x"`,
		`x_total{c="1"}`:     "x_total has no label c",
		`sum by (b) (y)`:     "y has no label b to group by",
		`sum(y) by (b)`:      "y has no label b to group by",
		`y / on (b) x_total`: "y has no label b to group by",
		`rate(x_total)`:      "rate without a range",
		`range_avg(y)`:       "range_avg is no function",
	} {
		err := all.query(query, map[string]bool{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
	for _, broken := range []string{`sum(`, `y + +`, `x_total{a=}`} {
		if all.query(broken, map[string]bool{}) == nil {
			t.Errorf("%s was taken", broken)
		}
	}
}

// board is the part of a Grafana board that asks for something.
type board struct {
	Panels []struct {
		Title   string
		Type    string
		Targets []struct{ Expr string }
	}
	Templating struct {
		List []struct {
			Name  string
			Query json.RawMessage
		}
	}
}

var labelValues = regexp.MustCompile(`label_values\((.*), (\w+)\)`)

// Each query of the board asks for what there is, and each metric is on the board.
func TestBoardAsksForWhatThereIs(t *testing.T) {
	data, err := os.ReadFile("../../board.json")
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(data, &b); err != nil {
		t.Fatal(err)
	}
	all, used := parse(everything(t)), map[string]bool{}
	for _, p := range b.Panels {
		if len(p.Targets) == 0 && p.Type != "row" {
			t.Errorf("%s asks for nothing", p.Title)
		}
		for _, target := range p.Targets {
			if err := all.query(target.Expr, used); err != nil {
				t.Errorf("%s: %s: %v", p.Title, target.Expr, err)
			}
		}
	}
	asked := 0
	for _, v := range b.Templating.List {
		if m := labelValues.FindStringSubmatch(strings.ReplaceAll(string(v.Query), `\"`, `"`)); m != nil {
			asked++
			if err := all.query(m[1], map[string]bool{}); err != nil {
				t.Errorf("%s: %v", v.Name, err)
			}
		}
	}
	if asked != 2 {
		t.Errorf("%d variables ask, want job and instance", asked)
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "troupe_") && !used[name] && !used[base+"_bucket"] {
			t.Errorf("%s is not on the board", name)
		}
	}
}

var (
	ofTable = regexp.MustCompile("(?m)^\\| `troupe[.\\w]*` \\| `(troupe\\w*)` \\| ([^|]*) \\|")
	alerts  = regexp.MustCompile("(?s)```promql\n(.*?)```")
)

// The guide's table has the metrics that there are, with their labels, and its alerts ask for
// these.
func TestGuideTellsOfWhatThereIs(t *testing.T) {
	data, err := os.ReadFile("../../../../docs/guide/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	all := parse(everything(t))
	told := map[string]bool{}
	for _, row := range ofTable.FindAllStringSubmatch(string(data), -1) {
		name := row[1]
		labels := all[name]
		if labels == nil {
			labels = all[name+"_count"]
		}
		if labels == nil {
			t.Errorf("the guide tells of %s, which is not exported", name)
		}
		told[name] = true
		for label := range strings.FieldsFuncSeq(row[2], func(r rune) bool { return strings.ContainsRune("`, ", r) }) {
			if label = strings.ReplaceAll(label, ".", "_"); !labels[label] {
				t.Errorf("%s has no label %s", name, label)
			}
		}
	}
	for name := range all {
		base := strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(name, "_bucket"), "_sum"), "_count")
		if strings.HasPrefix(name, "troupe_") && !told[name] && !told[base] {
			t.Errorf("the guide does not tell of %s", name)
		}
	}
	asked := 0
	for _, block := range alerts.FindAllStringSubmatch(string(data), -1) {
		for line := range strings.Lines(block[1]) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			asked++
			// Alerts compare, which queries of the board do not.
			if err := all.query(line, map[string]bool{}); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if asked < 8 {
		t.Errorf("%d alerts in the guide", asked)
	}
}
