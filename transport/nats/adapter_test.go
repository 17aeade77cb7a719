package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/registry/pubsub/pubsubtest"
)

// The nodes have a connection each, as [Join] makes it, or share one. On one each with echo a
// node's own messages would take the room of the others', which at most once allows.
func TestAdapterKeepsWhatAnAdapterPromises(t *testing.T) {
	s := startServer(t)
	for _, test := range []struct {
		name  string
		limit int
		share bool
	}{{"a connection each", 0, false}, {"one connection, short queues", 64, true}} {
		t.Run(test.name, func(t *testing.T) {
			pubsubtest.Run(t, func(t *testing.T, n int) (nodes []pubsub.Adapter) {
				subjects := prefix()
				shared := connect(t, s)
				for i := range n {
					conn := shared
					if !test.share {
						conn = connect(t, s, nats.NoEcho())
					}
					nodes = append(nodes, &Adapter{
						Conn: conn, Name: fmt.Sprint("node ", i), Prefix: subjects, QueueLimit: test.limit,
					})
				}
				return nodes
			})
		})
	}
}

// subjectOf is that of what another node sends to all that are in an adapter's cluster.
func subjectOf(a *Adapter, from, topic string) string {
	return newSubjects(a.prefix(), from).all[shardOf(topic)]
}

func join(t *testing.T, a *Adapter, receive func(topic string, data []byte)) {
	t.Helper()
	if err := a.Join(pubsubtest.Receiver(receive)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Leave(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestJoinFailsWithoutWhatItNeedsAndMayBeTriedAgain(t *testing.T) {
	s := startServer(t)
	for name, a := range map[string]*Adapter{
		"no connection": {Name: "a"},
		"no name":       {Conn: connect(t, s)},
		"bad prefix":    {Conn: connect(t, s), Name: "a", Prefix: "not a subject"},
	} {
		if err := a.Join(pubsubtest.Receiver(func(string, []byte) {})); err == nil {
			t.Errorf("%s: joined", name)
		}
		a.Conn, a.Name, a.Prefix = connect(t, s), "a", prefix()
		join(t, a, func(string, []byte) {})
	}
}

func TestMessageThatNoServerTakesIsRefused(t *testing.T) {
	s := startServer(t)
	a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: prefix()}
	join(t, a, func(string, []byte) {})
	if err := a.Broadcast("t", make([]byte, a.Conn.MaxPayload())); !errors.Is(err, nats.ErrMaxPayload) {
		t.Errorf("broadcast of too much: %v, want ErrMaxPayload", err)
	}
}

// A server that takes nothing keeps nobody waiting: the queue fills up.
func TestQueueOfANodeThatIsCutOffOverflows(t *testing.T) {
	s := startServer(t)
	a := &Adapter{
		Conn: connect(t, s, nats.ReconnectBufSize(-1)), Name: "a", Prefix: prefix(), QueueLimit: 5,
	}
	// A queue whose other end is not being emptied.
	a.now = a.newMembership(nil)
	for i := range 4 {
		if err := a.Broadcast("t", nil); err != nil {
			t.Errorf("broadcast %d: %v", i, err)
		}
	}
	if err := a.Broadcast("t", nil); !errors.Is(err, pubsub.ErrOverloaded) {
		t.Errorf("broadcast: %v, want ErrOverloaded", err)
	}
	if err := a.Send("b", "t", nil); !errors.Is(err, pubsub.ErrOverloaded) {
		t.Errorf("send: %v, want ErrOverloaded", err)
	}
}

// A node whose server is away for a while is a member again when that is back.
func TestNodeIsBackWhenItsServerIs(t *testing.T) {
	s := startServer(t)
	back := make(chan struct{}, 2)
	again := nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} })
	subjects := prefix()
	got := make(chan string, 100)
	a := &Adapter{Conn: connect(t, s, again, nats.ReconnectWait(1), nats.MaxReconnects(-1)), Name: "a", Prefix: subjects}
	b := &Adapter{Conn: connect(t, s, again, nats.ReconnectWait(1), nats.MaxReconnects(-1)), Name: "b", Prefix: subjects}
	join(t, a, func(string, []byte) {})
	join(t, b, func(topic string, data []byte) { got <- topic + " " + string(data) })
	// Not the server, which would come back on another port.
	for _, conn := range []*nats.Conn{a.Conn, b.Conn} {
		if err := conn.ForceReconnect(); err != nil {
			t.Fatal(err)
		}
		await(t, back)
		if err := conn.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Broadcast("t", []byte("x")); err != nil {
		t.Error(err)
	}
	if err := a.Send("b", "t", []byte("y")); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"t x", "t y"} {
		if m := await(t, got); m != want {
			t.Errorf("received %q, want %q", m, want)
		}
	}
}

// What somebody else publishes on the subjects does no harm.
func TestForeignMessagesAreLoggedAndDropped(t *testing.T) {
	s := startServer(t)
	var log bytes.Buffer
	got := make(chan string, 1)
	a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: prefix(), Logger: slog.New(slog.NewTextHandler(&log, nil))}
	if err := a.Join(pubsubtest.Receiver(func(topic string, _ []byte) { got <- topic })); err != nil {
		t.Fatal(err)
	}
	const topic = "t"
	long := subjectOf(a, strings.Repeat("b", maxName+1), topic)
	if err := a.Conn.Publish(long, frame{incarnation: 1, topic: "long"}.append(nil)); err != nil {
		t.Fatal(err)
	}
	for _, data := range [][]byte{nil, {200}, frame{incarnation: 1, topic: topic}.append(nil)} {
		if err := a.Conn.Publish(subjectOf(a, "b", topic), data); err != nil {
			t.Fatal(err)
		}
	}
	if m := await(t, got); m != topic {
		t.Errorf("received %q", m)
	}
	if err := a.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "not an adapter's message"); n != 3 {
		t.Errorf("logged:\n%s", &log)
	}
}
