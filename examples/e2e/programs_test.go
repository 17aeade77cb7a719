//go:build unix

package e2e

import (
	"net"
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
	build    sync.Once
	err      error
	output   []byte // of the compiler
	dir      string
	roomAddr string // where the room listens: it takes no arguments, to be short
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
	if s.roomAddr, err = freeAddr(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "troupe-e2e-"); err != nil {
		return nil, err
	}
	args := []string{"build", "-o", s.dir, "-ldflags=-X main.addr=" + s.roomAddr}
	if long.Race {
		args = append(args, "-race")
	}
	return exec.Command("go", append(args, "../chat", "../conformance", "../room", "../supervision")...).CombinedOutput()
}

// freeAddr returns an address on which nothing listens.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *servers) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
