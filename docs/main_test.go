package docs

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// skipWithRaceDetector is for tests that read all files, on one goroutine, and take seconds
// with the race detector. The gate runs them without.
func skipWithRaceDetector(t *testing.T) {
	t.Helper()
	if long.Race {
		t.Skip("reads texts, and runs without the race detector: go test ./docs")
	}
}
