package report

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A File is the content of a CSV file: rows, and the facts that all of them
// depend on, such as the machine and the versions of the subjects. Facts are
// comment lines "# name: value" before the header.
type File struct {
	Facts []Fact
	Rows  []Row
}

// A Fact is a name and a value.
type Fact struct{ Name, Value string }

var header = []string{"suite", "workload", "subject", "metric", "size", "median", "min", "max", "unit", "runs", "note"}

// Write writes the file as CSV.
func (f File) Write(w io.Writer) error {
	b := bufio.NewWriter(w)
	for _, fact := range f.Facts {
		fmt.Fprintf(b, "# %s: %s\n", fact.Name, fact.Value)
	}
	c := csv.NewWriter(b)
	c.Write(header)
	for _, r := range f.Rows {
		c.Write([]string{
			r.Suite, r.Workload, r.Subject, r.Metric, strconv.Itoa(r.Size),
			number(r.Median), number(r.Min), number(r.Max), r.Unit, strconv.Itoa(r.Runs), r.Note,
		})
	}
	c.Flush()
	if err := c.Error(); err != nil {
		return err
	}
	return b.Flush()
}

// number keeps four digits: more would be noise.
func number(v float64) string {
	s := strconv.FormatFloat(v, 'g', 4, 64)
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		s = strconv.FormatFloat(v, 'f', -1, 64)
	}
	return s
}

// Read reads what Write has written.
func Read(r io.Reader) (File, error) {
	var f File
	b := bufio.NewReader(r)
	for {
		start, err := b.Peek(1)
		if err != nil || start[0] != '#' {
			break
		}
		line, err := b.ReadString('\n')
		if err != nil {
			return f, fmt.Errorf("report: a CSV file of facts only: %w", err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line[1:]), ": ")
		f.Facts = append(f.Facts, Fact{name, value})
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord = len(header)
	records, err := c.ReadAll()
	if err != nil {
		return f, fmt.Errorf("report: %w", err)
	}
	for i, rec := range records {
		if i == 0 {
			continue
		}
		row := Row{Suite: rec[0], Workload: rec[1], Subject: rec[2], Metric: rec[3], Unit: rec[8], Note: rec[10]}
		for _, field := range []struct {
			to   any
			text string
		}{{&row.Size, rec[4]}, {&row.Median, rec[5]}, {&row.Min, rec[6]}, {&row.Max, rec[7]}, {&row.Runs, rec[9]}} {
			switch to := field.to.(type) {
			case *int:
				*to, err = strconv.Atoi(field.text)
			case *float64:
				*to, err = strconv.ParseFloat(field.text, 64)
			}
			if err != nil {
				return f, fmt.Errorf("report: row %d: %w", i, err)
			}
		}
		f.Rows = append(f.Rows, row)
	}
	return f, nil
}

// Merge puts newer rows and facts in the place of those that f has. Rows of
// a workload are replaced together, because only rows of one run may be compared.
func (f *File) Merge(newer File) {
	type workload struct{ suite, name string }
	replaced := map[workload]bool{}
	for _, r := range newer.Rows {
		replaced[workload{r.Suite, r.Workload}] = true
	}
	rows := newer.Rows
	for i := len(f.Rows) - 1; i >= 0; i-- {
		if r := f.Rows[i]; !replaced[workload{r.Suite, r.Workload}] {
			rows = append([]Row{r}, rows...)
		}
	}
	f.Rows, f.Facts = rows, newer.Facts
}
