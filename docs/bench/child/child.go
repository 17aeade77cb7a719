// Package child runs parts of a benchmark in processes of their own, which are
// this program once more: memory can then be read for one subject alone, and
// a measurement starts with a heap and a scheduler that nobody has used.
package child

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// key is the environment variable that tells a process what it was started for.
const key = "TROUPE_BENCH_CHILD"

var roles = map[string]func(args []string) error{}

// Role gives a name to what a child process can do. It is called while packages
// are initialised.
func Role(name string, run func(args []string) error) { roles[name] = run }

// Main plays the role that this process was started for and exits. In a process
// that was started for none it returns at once. It must come first in main, and
// in the TestMain of packages that start children.
func Main() {
	name, ok := os.LookupEnv(key)
	if !ok {
		return
	}
	run, ok := roles[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "child: no role %q\n", name)
		os.Exit(2)
	}
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// Command returns the command that plays a role in a process of its own.
// The process is killed when ctx is done.
func Command(ctx context.Context, role string, args ...string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("child: %w", err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), key+"="+role)
	cmd.Stderr = os.Stderr
	return cmd, nil
}

// RSS returns the bytes of memory that a process has in RAM, as Linux sees it.
func RSS(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("child: resident memory can be read on Linux only: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if kb, ok := strings.CutPrefix(lines.Text(), "VmRSS:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(kb, " kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("child: no VmRSS in %s", f.Name())
}
