package nats

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// lasting is a NATS server that can be stopped, and started again with what it has in files.
type lasting struct {
	tb      testing.TB
	options *server.Options
	*server.Server
}

func startLasting(tb testing.TB) *lasting {
	tb.Helper()
	l := &lasting{tb: tb, options: &server.Options{
		Host: "127.0.0.1", Port: steadyPort(tb), NoLog: true, NoSigs: true, JetStream: true, StoreDir: tb.TempDir(),
		JetStreamMaxStore: storage,
	}}
	l.start()
	tb.Cleanup(l.stop)
	return l
}

func (l *lasting) start() {
	l.tb.Helper()
	s, err := server.NewServer(l.options)
	if err != nil {
		l.tb.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(patience) {
		l.tb.Fatal("the server is not ready")
	}
	l.Server = s
}

func (l *lasting) stop() {
	l.Shutdown()
	l.WaitForShutdown()
}

// forget loses what is in files, of a server that is stopped.
func (l *lasting) forget() {
	l.tb.Helper()
	if err := os.RemoveAll(l.options.StoreDir); err != nil {
		l.tb.Fatal(err)
	}
}

// A server that has come back without JetStream is taken for one that is to elect a leader; the error
// says what it may be.
func TestErrorsSayThatJetStreamIsNotEnabled(t *testing.T) {
	const reason = "JetStream may not be enabled"
	s := startLasting(t)
	n := startNode(t, s.Server, prefix(), "a", NamesConfig{Lease: minLease})
	ref, _ := n.listener(t)
	s.stop()
	s.options.JetStream = false
	s.start()
	for n.conn.FlushTimeout(patience) != nil { // until it is connected again
		runtime.Gosched()
	}
	if _, err := n.exchange(t.Context()); err != nil { // which is not what is waited for
		t.Fatal(err)
	}
	_, failed := n.Lookup(t.Context(), "x")
	if failed == nil || !strings.Contains(failed.Error(), reason) {
		t.Errorf("look up: %v", failed)
	}
	for _, left := range []time.Duration{0, 20 * time.Millisecond} { // however little time there is
		ctx, cancel := context.WithTimeout(t.Context(), left)
		_, err := n.Register(ctx, "x", ref)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), reason) {
			t.Errorf("register, in %v: %v", left, err)
		}
	}
}
