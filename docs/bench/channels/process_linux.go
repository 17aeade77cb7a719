package channels

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/docs/bench/child"
)

// target is a server that is being measured.
type target struct {
	name  string
	addr  netip.AddrPort
	path  string // of the socket
	pid   int    // 0: unknown, its memory and CPU time cannot be told
	debug string // address of its inspector; "": it has none

	cmd   *exec.Cmd
	stdin io.Closer // closed to stop it
}

// start runs a server of ours as a child process.
func start(ctx context.Context, subject string) (*target, error) {
	cmd, err := child.Command(ctx, role, subject)
	if err != nil {
		return nil, err
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server %q: %w", subject, err)
	}
	t := &target{name: subject, path: socketPath, pid: cmd.Process.Pid, cmd: cmd, stdin: stdin}
	var r ready
	if err := json.NewDecoder(bufio.NewReader(stdout)).Decode(&r); err != nil {
		t.stop()
		return nil, fmt.Errorf("server %q does not tell its address: %w", subject, err)
	}
	t.debug = r.Debug
	t.addr, err = loopback(r.Addr)
	return t, err
}

// external is a server that runs already.
func external(rawURL string, pid int) (*target, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	if u.Scheme != "http" && u.Scheme != "ws" {
		return nil, fmt.Errorf("%s: the scheme is neither http nor ws", rawURL)
	}
	addr, err := loopback(u.Host)
	return &target{name: u.Host, addr: addr, path: strings.TrimSuffix(u.Path, "/websocket"), pid: pid}, err
}

// loopback parses an IPv4 address and port, and refuses all that are not on this
// machine.
func loopback(hostPort string) (netip.AddrPort, error) {
	addr, err := netip.ParseAddrPort(strings.Replace(hostPort, "localhost:", "127.0.0.1:", 1))
	if err != nil {
		return addr, err
	}
	if !addr.Addr().Is4() || !addr.Addr().IsLoopback() {
		return addr, fmt.Errorf("%v: %w", addr, errNotLoopback)
	}
	return addr, nil
}

func (t *target) stop() {
	if t.cmd == nil {
		return
	}
	t.stdin.Close()
	kill := time.AfterFunc(10*time.Second, func() { t.cmd.Process.Kill() })
	defer kill.Stop()
	t.cmd.Wait()
}

// rss is the resident set in bytes, or 0 if it cannot be told.
func (t *target) rss() int64 {
	n, _ := child.RSS(t.pid)
	return n
}

// tick is the kernel's unit of CPU time in /proc.
const tick = 10 * time.Millisecond

// cpu is the CPU time that the server has used, user and system.
func (t *target) cpu() time.Duration {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", t.pid))
	// The second field is the name, in parentheses.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * tick
}

// memory asks the server what is live in it, after a garbage collection.
func (t *target) memory(gc bool) (m memory) {
	if t.debug == "" {
		return m
	}
	query := ""
	if gc {
		query = "?gc=1"
	}
	resp, err := http.Get("http://" + t.debug + "/debug/memory" + query)
	if err != nil {
		return m
	}
	defer resp.Body.Close()
	json.NewDecoder(resp.Body).Decode(&m)
	return m
}

// profile writes a profile of the server to a file, if dir is not empty. A CPU
// profile goes on in the background; call the function that is returned to wait.
func (t *target) profile(dir, kind, phase string, seconds int) (wait func()) {
	if dir == "" || t.debug == "" {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		url := "http://" + t.debug + "/debug/pprof/" + kind
		if seconds > 0 {
			url += "?seconds=" + strconv.Itoa(seconds)
		}
		resp, err := http.Get(url)
		if err != nil {
			return
		}
		defer resp.Body.Close()
		f, err := os.Create(filepath.Join(dir, strings.NewReplacer(", ", "-", ":", "-").Replace(t.name)+"-"+phase+"-"+kind+".pprof"))
		if err != nil {
			return
		}
		defer f.Close()
		io.Copy(f, resp.Body)
	}()
	return func() { <-done }
}
