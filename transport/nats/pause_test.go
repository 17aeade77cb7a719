//go:build unix

package nats

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
)

// holderURL is in the environment of a process that is a node, and the holder of "x".
const holderURL = "TROUPE_TEST_HOLDER_OF"

func init() {
	if url := os.Getenv(holderURL); url != "" {
		if err := beHolder(url); err != nil {
			log.Fatal(err)
		}
		os.Exit(0)
	}
}

// beHolder prints its token, and whether its tenure is valid whenever it reads a line.
func beHolder(url string) error {
	conn, err := nats.Connect(url, nats.Timeout(patience))
	if err != nil {
		return err
	}
	js, err := jetstream.New(conn)
	if err != nil {
		return err
	}
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler)})
	cluster := pubsub.NewCluster(&Adapter{Conn: conn, Name: "paused", Prefix: "paused"})
	if _, err := actor.Spawn(sys, cluster.Behavior); err != nil {
		return err
	}
	var ps pubsub.PubSub[string]
	if err := ps.Connect(cluster, "test", pubsub.JSON[string]{}); err != nil {
		return err
	}
	names, err := StartNames(context.Background(), js, &ps, NamesConfig{
		Bucket: "paused", Lease: shortLease, Logger: slog.New(slog.DiscardHandler), Lost: func(string, actor.PID) {},
	})
	if err != nil {
		return err
	}
	ref, err := actor.Spawn(sys, actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		return err
	}
	tenure, err := names.Register(context.Background(), "x", ref)
	if err != nil {
		return err
	}
	fmt.Println(tenure.Token())
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		fmt.Println(tenure.Valid())
	}
	return nil
}

// process is another program, which says a line when it is told to go on.
type process struct {
	*exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func startHolder(t *testing.T, url string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0])}
	p.Env = append(os.Environ(), holderURL+"="+url)
	p.Stderr = t.Output()
	var err error
	if p.in, err = p.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewScanner(out)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill()
		_ = p.Wait()
	})
	return p
}

func (p *process) ask(t *testing.T) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in); err != nil {
		t.Fatal(err)
	}
}

func (p *process) line(t *testing.T) string {
	t.Helper()
	said := make(chan string, 1)
	go func() {
		p.out.Scan()
		said <- p.out.Text()
	}()
	return await(t, said)
}

// A program that was stopped for longer than its lease knows it when it goes on, before it
// does anything: it was asked meanwhile, and that is the first that it sees. Its token is
// smaller than that of the next holder.
func TestPausedHolderKnowsItBeforeItActs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	b := newNode(t, s, "paused", "b", NamesConfig{Lease: shortLease})
	other, _ := b.listener(t)
	p := startHolder(t, s.ClientURL())
	token, err := strconv.ParseUint(strings.TrimSpace(p.line(t)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	p.ask(t)
	if valid := p.line(t); valid != "true" {
		t.Fatalf("valid: %s, while the lease lasts", valid)
	}
	gone := b.watch(t, "x")
	if err := p.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitGone(t, gone)
	next := b.tenure(t, "x", other)
	p.ask(t)
	if err := p.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if valid := p.line(t); valid != "false" {
		t.Errorf("valid: %s, while another node has the name", valid)
	}
	if next.Token() <= token {
		t.Errorf("token %d after %d", next.Token(), token)
	}
}
