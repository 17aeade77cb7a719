package report

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// Facts returns what figures depend on: when, on what machine, with which Go,
// and the versions of modules, which are read from the program itself. The value
// of modules says what else a reader should know of each.
func Facts(modules map[string]string) []Fact {
	facts := []Fact{
		{"date", time.Now().UTC().Format(time.DateOnly)},
		{"machine", fmt.Sprintf("%s/%s, %d CPUs%s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu())},
		{"go", runtime.Version()},
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return facts
	}
	for _, m := range info.Deps {
		about, ok := modules[m.Path]
		if !ok {
			continue
		}
		version := m.Version
		if m.Replace != nil && m.Replace.Version != "" {
			version = m.Replace.Path + " " + m.Replace.Version
		}
		if about != "" {
			version += " (" + about + ")"
		}
		facts = append(facts, Fact{m.Path, version})
	}
	return facts
}

// cpu returns the processor's name, as Linux gives it, or "".
func cpu() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return "," + value
		}
	}
	return ""
}
