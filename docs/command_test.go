package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The README's command for the tests is the one whose processor time the gate measures, and
// whose tests the gate runs for longer.
func TestTheGateRunsTheReadmesTests(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	gate, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	section := regexp.MustCompile("(?s)\n## Tests\n\n```\n(.*?)\n```\n(.*?)\n## ").FindSubmatch(readme)
	if section == nil {
		t.Fatal("the README does not say how to run the tests")
	}
	command := string(section[1])
	if !strings.Contains(string(section[2]), "at most three minutes of processor time on two cores") {
		t.Errorf("the README does not say how long %s takes", command)
	}
	for _, line := range []string{"\ncommand='" + command + "'\n", "\nbudget=180\n", "\t\tTROUPE_LONG=1 TROUPE_E2E=required "} {
		if !strings.Contains(string(gate), line) {
			t.Errorf(".ci/run: no %q", line)
		}
	}
}
