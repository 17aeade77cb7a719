package nats

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// permissions.conf gives no node the right to purge. Where a bucket is there and cannot go on, names
// wait, and each error says for what; and when one node comes that has the right, all go on.
func TestBucketGoesOnWhenOneNodeMayPurgeIt(t *testing.T) {
	for name, lose := range map[string]func(context.Context, jetstream.JetStream, jetstream.Stream) error{
		"somebody has emptied it":                                bucketLosses["emptied"],
		"all servers were restarted, and have made it as it was": bucketLosses["made again as it was"],
		"a node has crashed between making it and its first record": func(ctx context.Context, js jetstream.JetStream, s jetstream.Stream) error {
			bucket := strings.TrimPrefix(s.CachedInfo().Config.Name, "KV_")
			return remake(ctx, js, newKVBucket(js, bucket, 1).config(uint64(time.Now().UnixNano())))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServerWith(t, &server.Options{Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), Users: []*server.User{
				{Username: "any", Password: "any"},
				{Username: "node", Password: "node", Permissions: &server.Permissions{
					Publish: &server.SubjectPermission{Deny: []string{"$JS.API.STREAM.PURGE.>"}},
				}},
			}})
			cluster, config := prefix(), NamesConfig{Lease: minLease}
			n := startNode(t, s, cluster, "a", config, nats.UserInfo("node", "node"))
			ref, _ := n.listener(t)
			n.tenure(t, "before", ref)
			if err := n.Unregister(t.Context(), "before", ref.PID()); err != nil {
				t.Fatal(err)
			}
			js, err := jetstream.New(connect(t, s, nats.UserInfo("any", "any")))
			if err != nil {
				t.Fatal(err)
			}
			stream, err := js.Stream(t.Context(), "KV_"+bucketOf(n.leases))
			if err != nil {
				t.Fatal(err)
			}
			if err := lose(t.Context(), js, stream); err != nil {
				t.Fatal(err)
			}
			told := func(patience time.Duration) bool {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				_, err := n.Register(ctx, "x", ref)
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Fatalf("without the right: %v, want that of the context", err)
				}
				return strings.Contains(err.Error(), "right to purge it") &&
					strings.Contains(err.Error(), `Permissions Violation for Publish to "$JS.API.STREAM.PURGE.KV_`)
			}
			for limit := time.Now().Add(patience); !told(100 * time.Millisecond); { // until it was refused
				if time.Now().After(limit) {
					t.Fatal("no error says what is refused")
				}
			}
			for range 5 { // whatever it is busy with then
				if !told(50 * time.Millisecond) {
					t.Error("an error does not say what is refused")
				}
			}
			startsWhenPurged(t, n, config)
			startNode(t, s, cluster, "b", config, nats.UserInfo("any", "any"))
			n.tenure(t, "x", ref)
		})
	}
}

// startsWhenPurged has names start that wait for a purge: they log it, and end with their context,
// whose error says it.
func startsWhenPurged(t *testing.T, n *node, config NamesConfig) {
	t.Helper()
	const refused = "right to purge it"
	log := make(lines, 100)
	config.Bucket, config.Logger = bucketOf(n.leases), log.logger()
	js, err := jetstream.New(n.conn)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := StartNames(ctx, js, n.ps, config)
		ended <- err
	}()
	log.until(t, refused)
	cancel()
	if err := await(t, ended); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), refused) {
		t.Errorf("names that wait for a purge have ended with %v", err)
	}
}
