package report

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func row(workload, subject string, values ...float64) Row {
	return Row{Suite: "s", Workload: workload, Subject: subject, Metric: "time", Unit: "ns/op"}.Of(values...)
}

func TestOfTakesTheMedianAndTheRange(t *testing.T) {
	for _, c := range []struct{ values, want []float64 }{
		{[]float64{3, 1, 2}, []float64{2, 1, 3}},
		{[]float64{4, 1, 2, 3}, []float64{2.5, 1, 4}},
		{[]float64{7}, []float64{7, 7, 7}},
	} {
		r := Row{}.Of(c.values...)
		if got := []float64{r.Median, r.Min, r.Max}; !reflect.DeepEqual(got, c.want) || r.Runs != len(c.values) {
			t.Errorf("%v: %v, %d runs", c.values, got, r.Runs)
		}
	}
}

func TestFileIsReadAsItWasWritten(t *testing.T) {
	want := File{
		Facts: []Fact{{"go", "go1.26"}, {"machine", "two: CPUs"}},
		Rows: []Row{
			row("ring", Channel, 204.0625, 1.5, 1e6),
			{Suite: "s", Workload: "idle", Subject: "x, y", Size: 1e6, Note: `it said "no"`},
		},
	}
	var b strings.Builder
	if err := want.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	want.Rows[0].Median = 204.1 // four digits
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestMergeReplacesWholeWorkloads(t *testing.T) {
	file := File{Rows: []Row{row("ring", "a", 1), row("call", "a", 2), row("call", "b", 3)}}
	file.Merge(File{Facts: []Fact{{"go", "new"}}, Rows: []Row{row("call", "a", 4)}})
	want := File{Facts: []Fact{{"go", "new"}}, Rows: []Row{row("ring", "a", 1), row("call", "a", 4)}}
	if !reflect.DeepEqual(file, want) {
		t.Errorf("%v", file)
	}
}

func TestCompareShowsRatiosToTheRawChannel(t *testing.T) {
	table, notes := Compare([]Row{
		row("ring", Channel, 200), row("ring", "x", 1234.4),
		{Suite: "s", Workload: "ring", Subject: "y", Note: "did not end"},
		row("call", "x", 7.126),
	})
	var b strings.Builder
	table.Markdown(&b)
	const want = `| workload | metric | raw channel | x |
| --- | --- | ---: | ---: |
| ring | time, ns/op | 200 [1×] | 1,234 [6.2×] |
| call | time, ns/op | – | 7.13 |
`
	if b.String() != want || !reflect.DeepEqual(notes, []string{"ring, y: did not end"}) {
		t.Errorf("%s%v", &b, notes)
	}
}

func TestReachShowsWhatKeepsItsTarget(t *testing.T) {
	rate := func(subject string, v float64) Row {
		return Row{Workload: "echo", Subject: subject, Metric: "rate", Unit: "/s"}.Of(v)
	}
	rows := []Row{
		rate("x", 95), rate(Bare, 100), rate("y", 60),
		Row{Workload: "idle", Subject: "x", Metric: "RSS", Unit: "B", Size: 10}.Of(8193),
		Row{Workload: "idle", Subject: "x", Metric: "RSS", Unit: "B", Size: 20}.Of(8192),
	}
	var b strings.Builder
	Reach(rows, []Target{
		{Workload: "echo", Metric: "rate", Subjects: []string{"x", "y"}, Bound: 0.8, Least: true, Of: Bare},
		{Workload: "idle", Metric: "RSS", Size: 10, Subjects: []string{"x"}, Bound: 8192},
		{Workload: "idle", Metric: "RSS", Size: 20, Subjects: []string{"x"}, Bound: 8192},
		{Workload: "idle", Metric: "RSS", Size: 30, Subjects: []string{"x"}, Bound: 8192},
		{Workload: "idle", Metric: "RSS", Size: 20, Subjects: []string{"x"}, Bound: 2, Of: Bare},
	}).Markdown(&b)
	const want = `| target | wanted | bare | x | y |
| --- | --- | ---: | ---: | ---: |
| echo: rate, /s | ≥ 0.8× | 100 | 95 [0.95×] ✓ | 60 [0.6×] ✗ |
| idle: RSS, B | ≤ 8,192 | – | 8,193 ✗ | – |
| idle: RSS, B | ≤ 8,192 | – | 8,192 ✓ | – |
`
	if b.String() != want {
		t.Errorf("%s", &b)
	}
}

func TestNumbersAreWrittenForReaders(t *testing.T) {
	for got, want := range map[string]string{
		Figure(0): "0", Figure(1.5): "1.5", Figure(99.96): "100", Figure(1234567): "1,234,567", Figure(12): "12",
		Ratio(0.1): "0.1×", Ratio(12.4): "12×", Count(1000): "1,000", Count(19_500): "19.5k", Count(1e6): "1M",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestSlopeIsTheExponent(t *testing.T) {
	x := []float64{10, 100, 1000, 1}
	y := []float64{30, 300, 3000, 0} // what is not positive does not count
	if got := Slope(x, y); math.Abs(got-1) > 1e-9 {
		t.Error(got)
	}
	if got := Slope(x[:1], y[:1]); got != 0 {
		t.Error("of one point", got)
	}
}
