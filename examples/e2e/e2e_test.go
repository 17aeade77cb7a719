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
	"os"
	"os/exec"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/examples/internal/javascript"
)

func TestMain(m *testing.M) {
	code := m.Run()
	programs.remove()
	os.Exit(code)
}

func TestOfficialClient(t *testing.T) {
	tests := javascript.Need(t, ".")
	conformance := "TROUPE_CONFORMANCE_BIN=" + programs.path(t, "conformance")
	for _, file := range []string{"client", "longpoll", "presence", "deploy", "recorded", "linger"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			tests.Run(t, file+".test.mjs", conformance)
		})
	}
	t.Run("room", func(t *testing.T) {
		t.Parallel()
		tests.Run(t, "room.test.mjs", "TROUPE_ROOM_BIN="+programs.path(t, "room"))
	})
}

func TestBrowser(t *testing.T) {
	tests := javascript.Need(t, ".")
	chromium := "TROUPE_CHROMIUM=" + needChromium(t)
	clients := []struct{ name, dir string }{{"the official client", "node_modules/phoenix"}, {"the page's own client", ""}}
	for _, client := range clients[:long.Rounds(1, 2)] {
		name, dir := client.name, client.dir
		t.Run("the chat page with "+name, func(t *testing.T) {
			t.Parallel()
			chat := "TROUPE_CHAT_BIN=" + programs.path(t, "chat")
			tests.Run(t, "browser.test.mjs", chat, chromium, "TROUPE_CHAT_PHOENIX="+dir)
		})
	}
	t.Run("the observer's page", func(t *testing.T) {
		t.Parallel()
		tests.Run(t, "observer.browser.test.mjs", "TROUPE_SUPERVISION_BIN="+programs.path(t, "supervision"), chromium)
	})
	t.Run("long-polling", func(t *testing.T) {
		t.Parallel()
		conformance := "TROUPE_CONFORMANCE_BIN=" + programs.path(t, "conformance")
		tests.Run(t, "longpoll.browser.test.mjs", conformance, chromium)
	})
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
	javascript.Missing(t, "Chromium is not installed; run: apt-get install chromium (or set TROUPE_CHROMIUM to a Chrome or Chromium program)")
	return ""
}
