package charts

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChartsAreWellFormedAndSayWhatTheyShow(t *testing.T) {
	var rows []report.Row
	for i, s := range []string{report.Channel, report.Troupe, "ergo"} {
		v := float64(i + 1)
		rows = append(rows,
			report.Row{Suite: "actors", Workload: "ring", Subject: s, Metric: "time", Unit: "ns/op"}.Of(200*v, 210*v),
			report.Row{Suite: "actors", Workload: "idle", Subject: s, Metric: "resident memory", Unit: "B/actor", Size: 1e6}.Of(300*v))
	}
	for i, s := range []string{report.Bare, report.Troupe} {
		v := float64(i + 1)
		rows = append(rows,
			report.Row{Suite: "channels", Workload: "idle connection, 1 channel", Subject: s, Metric: "RSS", Unit: "B", Size: 500}.Of(9000*v),
			report.Row{Suite: "channels", Workload: "idle connection, 1 channel", Subject: s, Metric: "RSS", Unit: "B", Size: 5000}.Of(9000*v),
			report.Row{Suite: "channels", Workload: "connect and join", Subject: s, Metric: "rate", Unit: "/s", Size: 5000}.Of(4000*v),
			report.Row{Suite: "channels", Workload: "shout", Subject: s, Metric: "last receiver", Unit: "ms", Size: 500}.Of(30*v),
			report.Row{Suite: "channels", Workload: "echo to 1", Subject: s, Metric: "p99", Unit: "µs"}.Of(30*v))
	}
	for n := 10; n <= 1000; n *= 10 {
		rows = append(rows, report.Row{Suite: "scale", Workload: "registry keys", Subject: report.Troupe, Metric: "look up", Unit: "ns", Size: n}.Of(50))
	}
	dir := t.TempDir()
	names, err := Draw(rows, dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"actors-time.svg":         {"ring", "troupe", "ergo", "2×"},
		"actors-memory.svg":       {"idle 1M", "troupe"},
		"channels-memory.svg":     {"500, 1 channel", "5,000, 1 channel", "bare"},
		"channels-time.svg":       {"connect and join: time", "echo to 1: p99", "troupe"},
		"scale-registry-keys.svg": {"look up (slope +0.00)", "number of registry keys"},
	}
	if len(names) != len(want) {
		t.Errorf("%v", names)
	}
	if svg, err := os.ReadFile(filepath.Join(dir, "channels-time.svg")); err != nil || strings.Contains(string(svg), "shout") {
		t.Error("times of fewer connections are drawn", err)
	}
	for name, texts := range want {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		for d := xml.NewDecoder(strings.NewReader(string(data))); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		for _, text := range texts {
			if !strings.Contains(string(data), text) {
				t.Errorf("no %q in %s", text, name)
			}
		}
	}
}
