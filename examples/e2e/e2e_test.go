//go:build unix

// Package e2e runs the example servers against the clients that people will use
// with them: the official npm "phoenix" client, and their pages in a browser.
//
// The tests themselves are written in JavaScript, in the *.test.mjs files next to
// this one. They need Node.js, the packages of package-lock.json and, for the
// browser, Chromium. What is missing makes a test skip and say so; with
// TROUPE_E2E=required in the environment, as in CI, it makes the test fail.
package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

// When the time for the whole test run is nearly over, this much is kept back to
// end the programs and to report.
const reserve = 15 * time.Second

// The oldest version of Node.js that will do: it has --test-force-exit.
var minNode = [2]int{20, 14}

func TestMain(m *testing.M) {
	code := m.Run()
	programs.remove()
	os.Exit(code)
}

func TestOfficialClient(t *testing.T) {
	node := needNode(t)
	conformance := "TROUPE_CONFORMANCE_BIN=" + programs.path(t, "conformance")
	for _, file := range []string{"client", "longpoll", "presence", "deploy"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			runNode(t, node, file+".test.mjs", conformance)
		})
	}
	t.Run("room", func(t *testing.T) {
		t.Parallel()
		_, port, _ := net.SplitHostPort(programs.roomAddr)
		runNode(t, node, "room.test.mjs", "TROUPE_ROOM_BIN="+programs.path(t, "room"), "TROUPE_ROOM_PORT="+port)
	})
}

func TestBrowser(t *testing.T) {
	node := needNode(t)
	chromium := "TROUPE_CHROMIUM=" + needChromium(t)
	clients := []struct{ name, dir string }{{"the official client", "node_modules/phoenix"}, {"the page's own client", ""}}
	for _, client := range clients[:long.Rounds(1, 2)] {
		name, dir := client.name, client.dir
		t.Run("the chat page with "+name, func(t *testing.T) {
			t.Parallel()
			chat := "TROUPE_CHAT_BIN=" + programs.path(t, "chat")
			runNode(t, node, "browser.test.mjs", chat, chromium, "TROUPE_CHAT_PHOENIX="+dir)
		})
	}
	t.Run("the observer's page", func(t *testing.T) {
		t.Parallel()
		runNode(t, node, "observer.browser.test.mjs", "TROUPE_SUPERVISION_BIN="+programs.path(t, "supervision"), chromium)
	})
	t.Run("long-polling", func(t *testing.T) {
		t.Parallel()
		conformance := "TROUPE_CONFORMANCE_BIN=" + programs.path(t, "conformance")
		runNode(t, node, "longpoll.browser.test.mjs", conformance, chromium)
	})
}

// missing ends the test: something that it needs is not installed.
func missing(t *testing.T, format string, args ...any) {
	t.Helper()
	message := fmt.Sprintf(format, args...)
	if os.Getenv("TROUPE_E2E") == "required" {
		t.Fatalf("TROUPE_E2E=required, but %s", message)
	}
	t.Skip(message)
}

// needNode returns the path of a Node.js that can run the tests, with their
// packages installed.
func needNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "Node.js is not installed; install version %d.%d or newer, from nodejs.org or as package nodejs", minNode[0], minNode[1])
	}
	out, err := exec.Command(node, "--version").Output()
	if err != nil {
		missing(t, "%s --version fails: %v", node, err)
	}
	version := strings.TrimSpace(string(out)) // v20.20.2
	var is [2]int
	if _, err := fmt.Sscanf(version, "v%d.%d.", &is[0], &is[1]); err != nil || slices.Compare(is[:], minNode[:]) < 0 {
		missing(t, "Node.js is %s; install version %d.%d or newer", version, minNode[0], minNode[1])
	}
	for _, pkg := range []string{"phoenix", "playwright-core", "ws"} {
		if _, err := os.Stat(filepath.Join("node_modules", pkg, "package.json")); errors.Is(err, fs.ErrNotExist) {
			missing(t, "the npm package %q is not installed; run: npm --prefix examples/e2e ci", pkg)
		}
	}
	return node
}

func needChromium(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("TROUPE_CHROMIUM"); path != "" {
		return path
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	missing(t, "Chromium is not installed; run: apt-get install chromium (or set TROUPE_CHROMIUM to a Chrome or Chromium program)")
	return ""
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
func lookAtSources(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
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

// runNode runs one test file to its end and leaves nothing running.
func runNode(t *testing.T, node, file string, env ...string) {
	t.Helper()
	lookAtSources(t)
	ctx := deadline(t)
	var out bytes.Buffer
	// The client's timers outlive a test, by seconds: hence the forced exit.
	cmd := exec.CommandContext(ctx, node, "--test", "--test-force-exit", "--test-reporter=spec", file)
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
