package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) {
	child.Main()
	goleak.VerifyTestMain(m)
}

func TestCommandPrintsATableAndWritesCSV(t *testing.T) {
	t.Setenv("GORACE", "exitcode=0 atexit_sleep_ms=0") // a data race of a peer is not what this tests
	csv := filepath.Join(t.TempDir(), "x.csv")
	var out, progress strings.Builder
	err := run(t.Context(), []string{"-suite", "actors", "-quick", "-workload", "^call$", "-csv", csv}, &out, &progress)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(csv)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file, err := report.Read(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{report.Channel, report.Troupe, "ergo", "hollywood", "protoactor", "goakt"} {
		if !strings.Contains(out.String(), subject) {
			t.Errorf("no %s in\n%s", subject, &out)
		}
		found := false
		for _, r := range file.Rows {
			found = found || r.Subject == subject && r.Metric == "time" && r.Median > 0 && r.Runs == 3
		}
		if !found {
			t.Errorf("no time of %s in %v", subject, file.Rows)
		}
	}
	for _, fact := range []string{"go: go1.", "github.com/anthdm/hollywood: v1.", "machine: "} {
		if !strings.Contains(out.String(), fact) {
			t.Errorf("no %q in\n%s", fact, &out)
		}
	}
	if !strings.Contains(progress.String(), "call") {
		t.Errorf("progress: %s", &progress)
	}
}

func TestWrongArgumentsAreRefused(t *testing.T) {
	for _, args := range [][]string{{}, {"-suite", "none"}, {"-suite", "actors", "-workload", "("}, {"-what"}} {
		var out strings.Builder
		if err := run(t.Context(), args, &out, &out); err == nil {
			t.Errorf("%q: no error", args)
		}
	}
}

func TestDocumentIsMadeFromItsFiles(t *testing.T) {
	const name = "../benchmarks.md"
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := source("../benchmarks").Update(text)
	if err != nil {
		t.Fatal(err)
	}
	if string(again) != string(text) {
		t.Errorf("%s does not have the figures of its CSV files: go run . -docs %s", name, name)
	}
	for _, image := range regexp.MustCompile(`\]\((benchmarks/[^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join("..", image[1])); err != nil {
			t.Error(err)
		}
	}
}
