//go:build linux

package channels

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/docs/bench/child"
	"github.com/troupe-go/troupe/docs/bench/report"
)

func TestMain(m *testing.M) {
	child.Main()
	goleak.VerifyTestMain(m)
}

// All that is measured, of all servers, at a size that shows no more than that it
// works.
func TestEveryServerIsMeasured(t *testing.T) {
	var progress strings.Builder
	p, err := options{size: 100}.plan(report.Options{Quick: true, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	p.window, p.settle, p.flood = 500*time.Millisecond, 10*time.Millisecond, 100*time.Millisecond
	rows, err := p.run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	for _, subject := range subjects() {
		want := map[string]bool{
			"echo to 1: p99": true, "echo to 100: rate": true, "connect and join: rate": true,
			"idle connection, 1 channel: RSS": true, "second join: rate": true,
			"shout: last receiver": true, "10 shouts: deliveries": true, "10 shouts: deliveries per CPU second": true,
			"echo to 100: p50": true, "echo to 100: p99.9": true,
			"slow reader: closed after": subject == report.Troupe || subject == parked,
		}
		for _, r := range rows {
			if r.Subject == subject && r.Median > 0 {
				delete(want, r.Workload+": "+r.Metric)
			}
		}
		for figure, wanted := range want {
			if wanted {
				t.Errorf("%s: no %s", subject, figure)
			}
		}
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for _, url := range []string{"http://192.0.2.1:80/socket", "http://0.0.0.0:80/socket", "ws://[::1]:80/socket"} {
		if _, err := (options{url: url}).plan(report.Options{}); !errors.Is(err, errNotLoopback) {
			t.Errorf("%s: error %v", url, err)
		}
	}
	p, err := options{url: "ws://localhost:4000/socket/websocket"}.plan(report.Options{})
	if err != nil || p.external.addr.String() != "127.0.0.1:4000" || p.external.path != "/socket" {
		t.Errorf("%+v, %v", p.external, err)
	}
}

// All servers and all processes of clients end with the measurement: the test's
// goleak would see who waits for them.
func TestSeveralServersShareTheConnections(t *testing.T) {
	var progress strings.Builder
	p, err := options{size: 50, processes: 2, servers: report.Troupe}.plan(report.Options{Quick: true, Progress: &progress})
	if err != nil {
		t.Fatal(err)
	}
	p.settle = 10 * time.Millisecond
	p.wants = func(workload string) bool { return workload == connections }
	rows, err := p.run(t.Context())
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	runs := map[string]int{
		"connect and join, rate of all": 1, "connect and join, server CPU": 1, "RSS for each connection": 1,
		"shout in one of them, last receiver": 2, "shout in each at once, last receiver": shouts,
	}
	for _, r := range rows {
		if r.Workload != "2 servers" || r.Size != 100 || r.Runs != runs[r.Metric] {
			t.Errorf("%+v", r)
		}
		if r.Median <= 0 && r.Unit != "µs each" { // which the kernel counts in ticks
			t.Errorf("%s: %g", r.Metric, r.Median)
		}
		delete(runs, r.Metric)
	}
	if len(runs) != 0 {
		t.Errorf("not measured: %v", runs)
	}
}

func TestAFailureOfTheClientsIsToldAndLeavesNoProcess(t *testing.T) {
	p, err := startPair(t.Context(), report.Troupe, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.do("none"); err == nil {
		t.Error("no error of a step that does not exist")
	}
	p.target.stop()
	if _, err := p.do(stepEnter); err == nil {
		t.Error("no error of clients whose server is gone")
	}
	p.stop()
	if p.cmd.ProcessState == nil {
		t.Error("the clients are left")
	}
}

func TestServersAreAFewOfOurs(t *testing.T) {
	for _, o := range []options{
		{processes: -1}, {processes: MaxProcesses + 1}, {processes: 2, url: "http://127.0.0.1:4000/socket"},
	} {
		if _, err := o.plan(report.Options{}); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

func TestOneServerGetsNoMoreThanItHasDescriptorsFor(t *testing.T) {
	if _, err := (options{size: MaxConnections + 1}).plan(report.Options{}); err == nil {
		t.Error("no error")
	}
}

func TestFrames(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		text := strings.Repeat("x", n)
		frame := appendText(nil, text)
		// A server's frame is a client's without the mask.
		header := len(frame) - n - len(maskKey)
		plain := append([]byte(nil), frame[:header]...)
		plain[1] &^= 0x80
		plain = append(plain, text...)
		for _, cut := range []int{0, 1, len(plain) - 1} {
			if cut < len(plain) {
				if _, _, rest, ok := cutFrame(plain[:cut]); ok || len(rest) != cut {
					t.Errorf("%d bytes: a frame in the first %d", n, cut)
				}
			}
		}
		opcode, payload, rest, ok := cutFrame(append(plain, 0x88))
		if !ok || opcode != opText || string(payload) != text || len(rest) != 1 {
			t.Errorf("%d bytes: opcode %d, %d bytes, %d left, %v", n, opcode, len(payload), len(rest), ok)
		}
	}
}
