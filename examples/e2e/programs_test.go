//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actor/actortest/long"
)

// programs are the example servers. They are built once, when a test needs one of them.
var programs servers

type servers struct {
	build  sync.Once
	err    error
	output []byte // of the compiler
	dir    string
}

// path returns the path of a program.
func (s *servers) path(t *testing.T, example string) string {
	t.Helper()
	s.build.Do(func() { s.output, s.err = s.buildAll() })
	if s.err != nil {
		t.Fatalf("build of the examples: %v\n%s", s.err, s.output)
	}
	return filepath.Join(s.dir, example)
}

// buildAll compiles them, with the race detector if this test has it.
func (s *servers) buildAll() (output []byte, err error) {
	if s.dir, err = os.MkdirTemp("", "troupe-e2e-"); err != nil {
		return nil, err
	}
	// Without flags that differ from run to run they come linked from Go's cache: to link all
	// four is half a minute. The tag has the room, which takes no arguments, ask the environment
	// where to listen.
	build := []string{"build", fmt.Sprintf("-race=%t", long.Race), "-tags", "e2e", "-o", s.dir,
		"../chat", "../conformance", "../supervision", "../room"}
	return exec.Command("go", build...).CombinedOutput()
}

func (s *servers) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
