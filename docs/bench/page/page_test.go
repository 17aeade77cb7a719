package page

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBlocksAreMadeAnew(t *testing.T) {
	file := report.File{
		Facts: []report.Fact{{Name: "go", Value: "go1.26"}},
		Rows: []report.Row{
			report.Row{Workload: "ring", Subject: "x", Metric: "time", Unit: "ns/op"}.Of(3),
			report.Row{Suite: "scale", Workload: "keys", Subject: "x", Metric: "look up", Unit: "ns", Size: 10}.Of(3),
			report.Row{Suite: "scale", Workload: "keys", Subject: "x", Metric: "look up", Unit: "ns", Size: 1000}.Of(30),
			{Workload: "idle", Subject: "y", Note: "too slow"},
		},
	}
	load := func(name string) (report.File, error) {
		if name != "a.csv" {
			return report.File{}, errors.New("not found")
		}
		return file, nil
	}
	source := Source{Load: load, Charts: "figures", Targets: []report.Target{
		{Workload: "ring", Metric: "time", Subjects: []string{"x"}, Bound: 4},
	}}
	for what, want := range map[string]string{
		"facts":   "- go: go1.26\n",
		"notes":   "- idle, y: too slow\n",
		"t.*e":    "| workload | metric | x |\n| --- | --- | ---: |\n| ring | time, ns/op | 3 |\n",
		"r.*: .*": "| workload | metric | x |\n| --- | --- | ---: |\n| ring | time, ns/op | 3 |\n",
		"charts":  "![Cost of one, by the number of keys](figures/scale-keys.svg)\n",
		"targets": "| target | wanted | x |\n| --- | --- | ---: |\n| ring: time, ns/op | ≤ 4 | 3 ✓ |\n",
		"growth":  "| number of | cost of one | 0 | 10 | 1,000 | slope |\n| --- | --- | ---: | ---: | ---: | ---: |\n| ring | time, ns/op | 3 |  |  | +0.00 |\n| keys | look up, ns |  | 3 | 30 | +0.50 |\n",
	} {
		head, foot := "Text.\n\n<!-- bench: a.csv "+what+" -->\n", "\n<!-- /bench -->\n\nMore.\n"
		got, err := source.Update([]byte(head + "old\nlines\n" + foot))
		if want := head + "\n" + want + foot; err != nil || string(got) != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", what, err, got, want)
		}
		again, err := source.Update(got)
		if err != nil || string(again) != string(got) {
			t.Errorf("%s: the second time %v\n%s", what, err, again)
		}
	}
	for _, wrong := range []string{"b.csv facts", "a.csv none", "a.csv (", "a.csv (: time", "a.csv keys: time"} {
		if _, err := source.Update([]byte("<!-- bench: " + wrong + " -->\n<!-- /bench -->")); err == nil {
			t.Errorf("%s: no error", wrong)
		}
	}
}
