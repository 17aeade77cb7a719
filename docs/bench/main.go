// Bench measures Troupe beside raw Go channels and beside other libraries, with
// the same workloads in one run.
//
//	go run . -suite actors               a few minutes
//	go run . -suite actors -quick        under a minute, coarser
//	go run . -suite actors -workload 'ring|call' -csv actors.csv
//	go run . -suite scale                a few minutes
//	go run . -suite channels             several minutes, on Linux
//
// The table goes to the standard output, progress to the standard error.
// See docs/benchmarks.md for the method, and for figures with their machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/troupe-go/troupe/docs/bench/actors"
	"github.com/troupe-go/troupe/docs/bench/channels"
	"github.com/troupe-go/troupe/docs/bench/charts"
	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/page"
	"github.com/troupe-go/troupe/docs/bench/report"
	"github.com/troupe-go/troupe/docs/bench/scale"
)

// suites are those that -suite can name.
var suites = []report.Suite{actors.Suite, channels.Suite, scale.Suite(channels.Connections)}

// modules are those whose versions the figures depend on, and what to know of
// a version.
var modules = map[string]string{
	"github.com/anthdm/hollywood":       "its master of 2025-03 is newer, without a release",
	"github.com/asynkron/protoactor-go": "2024-08",
	"ergo.services/ergo":                "release 3.2.0",
	"github.com/tochemey/goakt/v3":      "2026; there may be newer ones",
	"github.com/thejerf/suture/v4":      "",
	"github.com/coder/websocket":        "",
}

func main() {
	child.Main()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	var names []string
	for _, s := range suites {
		names = append(names, s.Name)
	}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	suite := flags.String("suite", "", "what to measure: "+strings.Join(names, ", "))
	workload := flags.String("workload", "", "only workloads that match this `regexp`")
	quick := flags.Bool("quick", false, "smaller sizes and fewer runs")
	csv := flags.String("csv", "", "write the figures to this `file`; workloads that it has and that were not run stay in it")
	docs := flags.String("docs", "", "measure nothing: make the tables of this Markdown `file` anew, and the charts beside it, from the CSV files in the directory of its name")
	draw := flags.String("charts", "", "draw the figures into SVG files in this `directory`")
	for _, s := range suites {
		if s.Flags != nil {
			s.Flags(flags)
		}
	}
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *docs != "" {
		return document(*docs)
	}
	opts := report.Options{Quick: *quick, Progress: stderr}
	if *workload != "" {
		var err error
		if opts.Workload, err = regexp.Compile(*workload); err != nil {
			return fmt.Errorf("-workload: %w", err)
		}
	}
	for _, s := range suites {
		if s.Name != *suite {
			continue
		}
		start := time.Now()
		rows, err := s.Run(ctx, opts)
		if err != nil {
			return fmt.Errorf("suite %s: %w", s.Name, err)
		}
		file := report.File{Facts: report.Facts(modules), Rows: rows}
		if opts.Workload == nil {
			file.Facts = append(file.Facts, report.Fact{Name: "all of it took", Value: time.Since(start).Round(time.Second).String()})
		}
		print(stdout, file)
		if *csv != "" {
			if file, err = save(*csv, file); err != nil {
				return err
			}
		}
		if *draw != "" {
			_, err = charts.Draw(file.Rows, *draw)
		}
		return err
	}
	flags.Usage()
	return fmt.Errorf("no suite %q: choose one of %s", *suite, strings.Join(names, ", "))
}

func print(w io.Writer, f report.File) {
	for _, fact := range f.Facts {
		fmt.Fprintf(w, "%s: %s\n", fact.Name, fact.Value)
	}
	fmt.Fprintln(w)
	table, notes := report.Compare(f.Rows)
	table.Text(w)
	for _, note := range notes {
		fmt.Fprintln(w, "*", note)
	}
}

// save merges the figures into the file, if there is one, and returns all that it
// has then.
func save(name string, newer report.File) (report.File, error) {
	file, err := load(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	file.Merge(newer)
	f, err := os.Create(name)
	if err != nil {
		return file, err
	}
	return file, errors.Join(file.Write(f), f.Close())
}

func load(name string) (report.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return report.File{}, err
	}
	defer f.Close()
	file, err := report.Read(f)
	if err != nil {
		return file, fmt.Errorf("%s: %w", name, err)
	}
	return file, nil
}

// source is what a page is made from whose files are in the directory, which is beside
// it.
func source(dir string) page.Source {
	return page.Source{
		Load:    func(csv string) (report.File, error) { return load(filepath.Join(dir, csv)) },
		Charts:  filepath.Base(dir),
		Targets: channels.Targets,
	}
}

// document makes the tables of a page and its charts anew. Its CSV files and its
// charts are in the directory that has its name without the extension.
func document(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	dir := strings.TrimSuffix(name, filepath.Ext(name))
	var rows []report.Row
	seen := map[string]bool{}
	src := source(dir)
	open := src.Load
	src.Load = func(csv string) (report.File, error) {
		file, err := open(csv)
		if err == nil && !seen[csv] {
			seen[csv] = true
			rows = append(rows, file.Rows...)
		}
		return file, err
	}
	if text, err = src.Update(text); err != nil {
		return err
	}
	if _, err := charts.Draw(rows, dir); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o666)
}
