//go:build unix

package e2e

import (
	"fmt"
	"math/rand/v2"
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
	s.roomAddr = freeAddr()
	if s.dir, err = os.MkdirTemp("", "troupe-e2e-"); err != nil {
		return nil, err
	}
	// What is built alike each time comes linked from Go's cache, so only the room, whose
	// address is another each time, has flags of its own: to link all four is half a minute.
	if output, err := s.compile("../chat", "../conformance", "../supervision"); err != nil {
		return output, err
	}
	return s.compile("-ldflags=-X main.addr="+s.roomAddr, "../room")
}

func (s *servers) compile(args ...string) (output []byte, err error) {
	build := []string{"build", fmt.Sprintf("-race=%t", long.Race), "-o", s.dir}
	return exec.Command("go", append(build, args...)...).CombinedOutput()
}

// freeAddr returns an address on which nothing listens. The ports that the system gives connections
// and other servers are above 32767, so none of them has taken it when the room is built.
func freeAddr() string {
	for {
		addr := fmt.Sprint("127.0.0.1:", 10_000+rand.IntN(20_000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}

func (s *servers) remove() {
	if s.dir != "" {
		os.RemoveAll(s.dir)
	}
}
