package ws_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actor/actortest/long"
	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// Channels that linger take what as many idle ones do, or less: they have no connection. Their
// clients are in another process, so only what the server keeps for them counts.
func TestChannelsThatLingerTakeLittleMemory(t *testing.T) {
	if long.Race {
		t.Skip("the race detector takes memory")
	}
	if parked {
		t.Skip("an idle connection takes less when it is parked: it has no stack")
	}
	n, rounds := long.Rounds(500, 10_000), long.Rounds(5, 1)
	room, plain := ws.Topic("room:*", func() guest { return guest{} }, nil), ws.Topic("plain:*", func() guest { return guest{} }, nil)
	room.Linger = time.Hour
	s := serve(t, ws.Socket{Path: "/socket", Channels: ws.Routes{room, plain}, MaxLingering: rounds*n + 1})

	crowd := startCrowd(t, s.addr)
	connections := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprint(n, " connections"), func() bool { return s.Stats().Connections == n })
	}
	linger := func(n int) {
		for n > 0 { // in parts, or more connections may be open than the system has room for
			part := min(n, 500)
			want := s.Stats().Lingering + part
			crowd.tell(t, "leave", part, "room:1")
			eventually(t, "all linger", func() bool { return s.Stats().Lingering == want })
			n -= part
		}
	}
	crowd.tell(t, "stay", 1, "plain:1")
	linger(1)
	connections(1)

	// Of a few, some live in what the runtime has left of tests before: so in several rounds.
	lingering, idle := math.MaxInt, 0
	for round := 1; round <= rounds && lingering > idle; round++ {
		before := inUse()
		crowd.tell(t, "stay", n, "plain:1")
		idle = int(inUse()-before) / n
		before = inUse()
		linger(n)
		connections(round*n + 1)
		lingering = int(inUse()-before) / n
	}
	t.Logf("%d B for each of %d channels that linger, %d B for each with an idle connection", lingering, n, idle)
	if lingering > idle {
		t.Errorf("%d B for each channel that lingers, want at most %d", lingering, idle)
	}
}

// crowd is a process with clients in it.
type crowd struct {
	in  io.Writer
	out *bufio.Reader
}

const crowdKey = "TROUPE_WS_TEST_CROWD" // in its environment, with the address of the server

func startCrowd(t *testing.T, addr string) *crowd {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestCrowd$")
	cmd.Env = append(os.Environ(), crowdKey+"="+addr)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &crowd{in, bufio.NewReader(out)}
}

// tell has n clients join a topic, and then stay or leave their connection.
func (c *crowd) tell(t *testing.T, what string, n int, topic string) {
	t.Helper()
	if _, err := fmt.Fprintln(c.in, what, n, topic); err != nil {
		t.Fatal(err)
	}
	if line, err := c.out.ReadString('\n'); line != "done\n" {
		t.Fatalf("the clients say %q: %v", line, err)
	}
}

// TestCrowd is no test, but what such a process runs.
func TestCrowd(t *testing.T) {
	addr := os.Getenv(crowdKey)
	if addr == "" {
		t.SkipNow()
	}
	var stay []net.Conn
	buf := make([]byte, 4096)
	for {
		var what, topic string
		var n int
		if _, err := fmt.Scanln(&what, &n, &topic); err != nil {
			break
		}
		join := rawclient.Text(fmt.Sprintf(`["1","1",%q,"phx_join",{}]`, topic))
		for range n {
			nc := bareDial(t, addr, buf)
			if _, err := nc.Write(join); err != nil {
				t.Fatal(err)
			}
			awaitEnd(t, nc, `}]`, buf)
			if what == "leave" {
				nc.Close()
			} else {
				stay = append(stay, nc)
			}
		}
		fmt.Println("done")
	}
	for _, nc := range stay {
		nc.Close()
	}
}
