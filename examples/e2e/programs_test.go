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
	for _, example := range []string{"chat", "conformance", "supervision", "room"} {
		if output, err = s.compile(example); err != nil {
			return output, err
		}
	}
	return nil, nil
}

// compile has go run copy the program instead of running it: go build would link it anew each
// time, but what go run links stays in Go's cache. The tag has the room, which takes no
// arguments, ask the environment where to listen.
func (s *servers) compile(example string) (output []byte, err error) {
	build := exec.Command("go", "run", fmt.Sprintf("-race=%t", long.Race), "-tags", "e2e",
		"-exec", `sh -c 'cp "$0" "$PROGRAMS"'`, "../"+example)
	build.Env = append(os.Environ(), "PROGRAMS="+s.dir)
	return build.CombinedOutput()
}

func (s *servers) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
