//go:build unix

package main

import (
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/examples/internal/javascript"
)

// The test's own binary is the chat as well, when this is in its environment: so the nodes are
// processes of their own, and nothing is linked twice.
const asChat = "TROUPE_CHAT_NODE"

func TestMain(m *testing.M) {
	if os.Getenv(asChat) != "" {
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// startNATS starts a server for the test, and returns its URL.
func startNATS(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true, JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 40})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	s.Start()
	if !s.ReadyForConnections(time.Minute) {
		t.Fatal("the NATS server is not ready")
	}
	return s.ClientURL()
}

// Two nodes are one chat to the official client, which outlives the end of either, and misses
// nothing.
func TestOfficialClientOnTwoNodes(t *testing.T) {
	tests := javascript.Need(t, "../../e2e")
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tests.Run(t, "cluster.test.mjs", asChat+"=1", "TROUPE_CHAT_BIN="+binary, "TROUPE_NATS="+startNATS(t))
}
