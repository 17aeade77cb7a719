package nats

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/actor"
)

func TestMain(m *testing.M) {
	_ = flag.Set("test.parallel", "8") // those that are parallel wait for leases; the command line counts more
	goleak.VerifyTestMain(m,
		// The server and the client start one each and never end it.
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server.NewServer.func1"),
	)
}

// patience is far longer than anything here takes.
const patience = time.Minute

// startServer starts a NATS server in this process, for the time of the test.
func startServer(tb testing.TB) *server.Server {
	tb.Helper()
	return startServerAt(tb, server.RANDOM_PORT)
}

// steadyPort returns a port for a server that is started anew on it. Those that the system gives
// connections and other servers are above 32767, so none of them has taken it meanwhile.
func steadyPort(tb testing.TB) int {
	tb.Helper()
	for {
		port := 10_000 + rand.IntN(20_000)
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			l.Close()
			return port
		}
	}
}

func startServerAt(tb testing.TB, port int) *server.Server {
	tb.Helper()
	return startServerWith(tb, &server.Options{Port: port, JetStream: true, StoreDir: tb.TempDir()})
}

// storage is what servers let streams reserve. Otherwise it would be a part of what the disk has
// left, and tests would fail on one that is almost full, though they write little.
const storage = 1 << 40

func startServerWith(tb testing.TB, o *server.Options) *server.Server {
	tb.Helper()
	o.Host, o.NoLog, o.NoSigs, o.JetStreamMaxStore = "127.0.0.1", true, true, storage
	s, err := server.NewServer(o)
	if err != nil {
		tb.Fatal(err)
	}
	s.Start()
	tb.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(patience) {
		tb.Fatal("the server is not ready")
	}
	return s
}

// connect returns a connection that is closed when the test ends.
func connect(tb testing.TB, s *server.Server, options ...nats.Option) *nats.Conn {
	tb.Helper()
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	closed := make(chan struct{})
	options = append(options, nats.Timeout(patience), quiet, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	conn, err := nats.Connect(s.ClientURL(), options...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		conn.Close()
		await(tb, closed)
	})
	return conn
}

var clusters atomic.Int64

// prefix returns subjects for a cluster that shares its server with others.
func prefix() string { return fmt.Sprint("test.", clusters.Add(1)) }

// newSystem returns a silent system that is shut down when the test ends.
func newSystem(tb testing.TB) *actor.System { return systemWith(tb) }

// systemWith is newSystem with instruments.
func systemWith(tb testing.TB, list ...actor.Instrument) *actor.System {
	sys := actor.NewSystem(actor.Config{Logger: slog.New(slog.DiscardHandler), Instruments: list})
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := sys.Shutdown(ctx); err != nil {
			tb.Error(err)
		}
	})
	return sys
}

// await waits until c delivers or is closed.
func await[T any](tb testing.TB, c <-chan T) (v T) {
	tb.Helper()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case v = <-c:
	case <-limit.C:
		tb.Fatal("waited too long")
	}
	return v
}
