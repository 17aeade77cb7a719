//go:build unix

// Package javascript runs tests that are written in JavaScript: those of examples/e2e, with the
// official npm client and a browser, for Go tests that start what these need.
package javascript

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// When the time for the whole test run is nearly over, this much is kept back to
// end the programs and to report.
const reserve = 15 * time.Second

// The oldest version of Node.js that will do: it has --test-force-exit.
var minNode = [2]int{20, 14}

// Tests are those of a directory, with what they need to run.
type Tests struct{ node, dir string }

// Need returns the tests of a directory, which is two below the repository's root. If a
// Node.js that can run them is not installed, or one of their packages, the test ends.
func Need(t *testing.T, dir string) Tests {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		Missing(t, "Node.js is not installed; install version %d.%d or newer, from nodejs.org or as package nodejs", minNode[0], minNode[1])
	}
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		Missing(t, "%s --version fails: %v", node, err)
	}
	version := strings.TrimSpace(string(out)) // v20.20.2
	var is [2]int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &is[0], &is[1]); err != nil || slices.Compare(is[:], minNode[:]) < 0 {
		Missing(t, "Node.js is %s; install version %d.%d or newer", version, minNode[0], minNode[1])
	}
	for _, pkg := range []string{"phoenix", "playwright-core", "ws"} {
		if _, err := os.Stat(filepath.Join(dir, "node_modules", pkg, "package.json")); errors.Is(err, fs.ErrNotExist) {
			Missing(t, "the npm package %q is not installed; run: npm --prefix examples/e2e ci", pkg)
		}
	}
	return Tests{node, dir}
}

// Missing ends the test: something that it needs is not installed. The test is skipped, or
// fails with TROUPE_E2E=required in the environment.
func Missing(t *testing.T, format string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(format, args...)
	if os.Getenv("TROUPE_E2E") == "required" {
		t.Fatalf("TROUPE_E2E=required, but %s", message)
	}
	t.Skip(message)
}

// deadline returns a context that ends shortly before the test run is killed, or
// with the test.
func deadline(t *testing.T) context.Context {
	t.Helper()
	end, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), end.Add(-reserve))
	t.Cleanup(cancel)
	return ctx
}

// lookAtSources looks at each file that the servers and the JavaScript tests are
// made of. The go command notes what a test looks at, and takes a result from its
// cache only while all of that is unchanged; it cannot know what programs that the
// test starts depend on.
func (s Tests) lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(s.dir, "..", ".."), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if name == "node_modules" || name == "artifacts" || strings.HasPrefix(name, ".git") {
				return fs.SkipDir
			}
			return nil
		}
		_, err = os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // an editor's temporary file
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Run runs the tests of one file to their end, with variables in their environment, and leaves
// nothing running.
func (s Tests) Run(t *testing.T, file string, env ...string) {
	t.Helper()
	s.lookAtSources(t)
	ctx := deadline(t)
	var out bytes.Buffer
	// The client's timers outlive a test, by seconds: hence the forced exit.
	cmd := exec.CommandContext(ctx, s.node, "--test", "--test-force-exit", "--test-reporter=spec", file)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), env...)
	// A data race in a server ends it, and so fails the test that met it.
	cmd.Env = append(cmd.Env, "GORACE=halt_on_error=1 "+os.Getenv("GORACE"))
	cmd.Stdout, cmd.Stderr = &out, &out

	// Node starts the servers and the browser. All of them are one process group,
	// so that none outlives this test.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("start of node: %v", err)
	}
	err := cmd.Wait()
	_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // stragglers, if any

	switch {
	case ctx.Err() != nil:
		t.Errorf("%s did not end in time: %v\n%s", file, ctx.Err(), out.Bytes())
	case err != nil:
		t.Errorf("%s: %v\n%s", file, err, out.Bytes())
	case testing.Verbose():
		t.Logf("%s", out.Bytes())
	}
}
