package pubsub_test

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
)

// What waits for a node that does not take its messages is bounded in bytes as well as
// in number.
func TestAHubsQueuesAreBoundedInBytes(t *testing.T) {
	for _, c := range []struct {
		name        string
		limit, size int
		most        int
	}{
		{"by default", 0, 1 << 20, 16},
		{"as it is set", 10_000, 999, 10},
		{"a message that is larger", 100, 1000, 1},
		{"empty messages", 100, 0, 64}, // as many as fit in number
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := &pubsub.Hub{QueueBytes: c.limit, QueueLimit: 63}
				release := make(chan struct{})
				got := 0
				a, b := hub.Node("a"), hub.Node("b")
				expectErr(t, a.Join(pubsubtest.Receiver(func(string, []byte) {})), nil)
				expectErr(t, b.Join(pubsubtest.Receiver(func(string, []byte) {
					<-release
					got++
				})), nil)
				data := make([]byte, c.size)
				send := func() (sent int) {
					for range 100 {
						if err := a.Send("b", "t", data); err == nil {
							sent++
						} else if !errors.Is(err, pubsub.ErrOverloaded) {
							t.Error(err)
						}
						synctest.Wait() // the first is being received: it counts still
					}
					return sent
				}
				if sent := send(); sent > c.most || sent < c.most-1 {
					t.Errorf("%d messages were taken, want %d", sent, c.most)
				}
				close(release)
				synctest.Wait()
				before := got
				if sent := send(); sent != 100 || got != before+100 {
					t.Errorf("%d messages were taken and %d received by a node that takes them", sent, got-before)
				}
				for _, n := range []pubsub.Adapter{a, b} {
					expectErr(t, n.Leave(t.Context()), nil)
				}
			})
		})
	}
}

// What other nodes and subscribers cause is logged within bounds: not for each message,
// and cut.
func TestFloodsAreNotLogged(t *testing.T) {
	huge := strings.Repeat("x", 64<<10)
	for name, c := range map[string]struct {
		subscriber deliver
		codec      pubsub.Codec[string]
	}{
		"malformed":              {func(string, string) {}, hugeCodec{errors.New(huge)}},
		"a codec that panics":    {func(string, string) {}, hugeCodec{}},
		"a subscriber's panic":   {func(string, string) { panic(huge) }, pubsub.JSON[string]{}},
		"a subscriber's Goexit":  {func(string, string) { runtime.Goexit() }, pubsub.JSON[string]{}},
		"a topic that is a text": {func(string, string) { panic("x") }, pubsub.JSON[string]{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				topic := "t"
				if strings.HasPrefix(name, "a topic") {
					topic = huge
				}
				sys := newSystem(t)
				var log bytes.Buffer
				var a pubsub.PubSub[string]
				b := pubsub.PubSub[string]{Logger: slog.New(slog.NewTextHandler(&log, nil))}
				hub := new(pubsub.Hub)
				connect(t, &a, hub.Node("a"), pubsub.JSON[string]{})
				connect(t, &b, hub.Node("b"), c.codec)
				for range 200 {
					subscribe(t, &b, idle(t, sys), topic, c.subscriber)
					expectErr(t, a.Broadcast(topic, "m"), nil)
					synctest.Wait()
				}
				if n := bytes.Count(log.Bytes(), []byte("\n")); n != 100 {
					t.Errorf("%d lines for 200 messages, want 100", n)
				}
				if log.Len() > 100*15_000 {
					t.Errorf("%d bytes in 100 lines", log.Len())
				}
			})
		})
	}
}

// hugeCodec decodes nothing.
type hugeCodec struct{ err error }

func (hugeCodec) Encode(string, string) ([]byte, error) { return nil, nil }

func (c hugeCodec) Decode(string, []byte) (string, error) {
	if c.err == nil {
		panic(strings.Repeat("x", 1<<20))
	}
	return "", c.err
}
