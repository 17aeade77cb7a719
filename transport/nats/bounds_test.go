package nats

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/registry/pubsub"
)

// bounds are what may wait of one topic, of messages of a size.
var bounds = []struct {
	name         string
	limit, bytes int // of the adapter
	size, most   int
}{
	{"in bytes by default", 0, 0, 1 << 20 * 9 / 10, 14},
	{"in bytes as they are set", 0, 1 << 20, 100_000, 8},
	{"a message that is larger", 0, 1000, 100_000, 1},
	{"in number", 20, 0, 10, 16},
}

// logLines gets the first lines of a log.
type logLines chan string

func (l logLines) Write(b []byte) (int, error) {
	select {
	case l <- string(b):
	default:
	}
	return len(b), nil
}

// sluice is a connection to a server that takes nothing while it is shut.
type sluice struct {
	net.Conn
	shut    atomic.Bool
	waiting chan struct{} // gets one when the first write waits
	open    chan struct{}
}

// Dial implements [nats.CustomDialer].
func (s *sluice) Dial(network, address string) (c net.Conn, err error) {
	s.Conn, err = net.Dial(network, address)
	return s, err
}

func (s *sluice) Write(b []byte) (int, error) {
	if s.shut.Load() {
		select {
		case s.waiting <- struct{}{}:
		default:
		}
		<-s.open
	}
	return s.Conn.Write(b)
}

// OUT-8, for nodes: what waits for a server that takes nothing is bounded in bytes as
// well as in number. What does not fit is refused, and what was accepted goes out.
func TestWhatWaitsToBeSentIsBounded(t *testing.T) {
	s := startServer(t)
	for _, c := range bounds {
		t.Run(c.name, func(t *testing.T) {
			gate := &sluice{waiting: make(chan struct{}, 1), open: make(chan struct{})}
			subjects := prefix()
			a := &Adapter{
				Conn: connect(t, s, nats.SetCustomDialer(gate)), Name: "a", Prefix: subjects,
				QueueLimit: c.limit, QueueBytes: c.bytes,
			}
			b := &Adapter{Conn: connect(t, s), Name: "b", Prefix: subjects, QueueBytes: 1 << 30}
			got := make(chan string, 200)
			join(t, b, func(_ string, data []byte) { got <- string(data[:1]) })
			join(t, a, func(string, []byte) {})
			gate.shut.Store(true)
			// The first message is in the connection, which keeps the sender waiting.
			if err := a.Broadcast("t", bytes.Repeat([]byte("x"), 100_000)); err != nil {
				t.Fatal(err)
			}
			await(t, gate.waiting)
			sent := 0
			for i := range 100 {
				send := a.Broadcast
				if i%2 == 0 {
					send = func(topic string, data []byte) error { return a.Send("b", topic, data) }
				}
				if err := send("t", bytes.Repeat([]byte("x"), c.size)); err == nil {
					sent++
				} else if !errors.Is(err, pubsub.ErrOverloaded) {
					t.Fatal(err)
				}
			}
			// The first one counts as well, in bytes.
			if sent > c.most || sent < c.most-2 {
				t.Errorf("%d messages were taken, want %d", sent, c.most)
			}
			gate.shut.Store(false)
			close(gate.open)
			for range 1 + sent {
				await(t, got)
			}
			// There is room when the last one has gone, which b may know before a.
			for a.Broadcast("t", []byte("y")) != nil {
				if err := a.Conn.Flush(); err != nil {
					t.Fatal(err)
				}
			}
			if m := await(t, got); m != "y" {
				t.Errorf("received %q behind what was accepted", m)
			}
		})
	}
}

// OUT-8, for nodes: what waits for a subscriber that takes its time is bounded likewise.
// What does not fit is dropped and logged, and nobody else feels it.
func TestWhatWaitsToBeReceivedIsBounded(t *testing.T) {
	const slow, other, total = "t", "u", 100
	if shardOf(slow) == shardOf(other) {
		t.Fatal("the topics must be in two parts")
	}
	s := startServer(t)
	for _, c := range bounds {
		for _, headers := range []bool{false, true} {
			t.Run(fmt.Sprint(c.name, ", headers: ", headers), func(t *testing.T) {
				log := make(logLines, 1)
				a := &Adapter{
					Conn: connect(t, s), Name: "a", Prefix: prefix(),
					Logger:     slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn})),
					QueueLimit: c.limit, QueueBytes: c.bytes,
				}
				first, release := make(chan struct{}), make(chan struct{})
				received, passed, end := 0, make(chan struct{}, total), make(chan int, 1)
				join(t, a, func(topic string, data []byte) {
					switch {
					case topic == other:
						passed <- struct{}{}
					case string(data) == "end":
						select {
						case end <- received:
						default: // another one, which there was room for before it was taken
						}
					default:
						if received++; received == 1 {
							close(first)
							<-release
						}
					}
				})
				conn := connect(t, s)
				publish := func(topic string, data []byte) {
					m := nats.NewMsg(subjectOf(a, "b", topic))
					m.Data = frame{incarnation: 1, topic: topic, data: data}.append(nil)
					if headers { // no node does that
						m.Header.Set("x", "y")
					}
					if err := conn.PublishMsg(m); err != nil {
						t.Fatal(err)
					}
				}
				publish(slow, make([]byte, c.size))
				await(t, first)
				for range total - 1 {
					publish(slow, make([]byte, c.size))
					publish(other, nil)
					await(t, passed) // and all before it has come
				}
				close(release)
				for len(end) == 0 { // it is dropped like the others until there is room
					publish(slow, []byte("end"))
					publish(other, nil)
					await(t, passed)
				}
				// In number, the one that is being received does not count.
				if n := await(t, end); n > c.most+1 || n < c.most-1 {
					t.Errorf("%d messages were received, want %d", n, c.most)
				}
				if line := await(t, log); !strings.Contains(line, "lost=") {
					t.Errorf("logged: %s", line)
				}
			})
		}
	}
}

// What is not an adapter's message is held only as far as it is counted.
func TestHeadersDoNotEscapeTheBound(t *testing.T) {
	s := startServer(t)
	a := &Adapter{Conn: connect(t, s), Name: "a", Prefix: prefix()}
	sub, err := a.Conn.SubscribeSync(subjectOf(a, "b", "t"))
	if err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg(sub.Subject)
	m.Header.Set("x", strings.Repeat("x", 100_000))
	m.Data = frame{topic: "t", data: []byte("data")}.append(nil)
	if err := a.Conn.PublishMsg(m); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := sub.NextMsgWithContext(ctx)
	if err != nil {
		t.Fatal(err)
	}
	f, err := decode(got.Data)
	if err != nil {
		t.Fatal(err)
	}
	p := packetOf(got, f.topic, f.data, "b", time.Now())
	if string(p.data) != "data" || &p.data[0] == &f.data[0] {
		t.Errorf("the packet %q holds the memory of a message of %d bytes", p.data, got.Size())
	}
}

// To choose a name to ask for, of an actor or a node, is not to choose how long a subject
// becomes: for one that is too long the server ends the connection.
func TestNoNameEndsTheConnection(t *testing.T) {
	s := startServer(t)
	n := newNode(t, s, prefix(), "a", NamesConfig{})
	ref, _ := n.listener(t)
	long := strings.Repeat("x", 5000)
	n.expectNobody(t, long)
	if _, err := n.Register(t.Context(), long, ref); err == nil {
		t.Error("registered under a name of 5,000 bytes")
	}
	n.register(t, long[:maxActorName], ref)
	if _, err := n.Lookup(t.Context(), long[:maxActorName]); err != nil {
		t.Error(err)
	}
	if err := n.ps.DirectBroadcast(long, "t", "x"); !errors.Is(err, pubsub.ErrNoNode) {
		t.Errorf("to a node of 5,000 bytes: %v, want ErrNoNode", err)
	}
	forged := fmt.Sprintf(`{"node":%q,"id":"1","lease":1}`, long)
	if _, err := n.kv(t).Put(t.Context(), keyOf("forged"), []byte(forged)); err != nil {
		t.Fatal(err)
	}
	if r, err := n.Lookup(t.Context(), "forged"); err == nil {
		t.Errorf("found on a node of %d bytes", len(r.Node))
	}
	o := &Observers{Conn: n.conn, Name: "a"}
	if _, err := o.Ask(t.Context(), long, nil); !errors.Is(err, ErrNoConnection) {
		t.Errorf("asked a node of 5,000 bytes: %v, want ErrNoConnection", err)
	}
	if err := n.conn.Flush(); err != nil || n.conn.Stats().Reconnects > 0 {
		t.Errorf("the connection has ended %d times, %v", n.conn.Stats().Reconnects, err)
	}
}
