//go:build unix

package nats

import (
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/actor"
	"github.com/troupe-go/troupe/registry/pubsub"
	"github.com/troupe-go/troupe/supervisor"
)

// raw is a codec of a program's own.
type raw struct{}

func (raw) Encode(_ string, msg []byte) ([]byte, error)  { return msg, nil }
func (raw) Decode(_ string, data []byte) ([]byte, error) { return data, nil }

// window has a sender wait for its receiver, so that nothing is lost for want of room.
type window struct {
	sent     int64
	received atomic.Int64
	wake     chan struct{} // has one when the receiver has caught up
	mark     atomic.Int64  // which the sender waits for
}

const windowSize = 512

func newWindow() *window { return &window{wake: make(chan struct{}, 1)} }

func (w *window) got() {
	if w.received.Add(1) == w.mark.Load() {
		wake(w.wake)
	}
}

// run sends n messages, and returns how long it took until all had been received.
func (w *window) run(b *testing.B, n int, send func() error) time.Duration {
	began := time.Now()
	for n > 0 {
		burst := min(n, windowSize/2)
		for range burst {
			if err := send(); err != nil {
				b.Fatal(err)
			}
		}
		n -= burst
		w.sent += int64(burst)
		w.await(b, w.sent-windowSize/2)
	}
	w.await(b, w.sent)
	return time.Since(began)
}

// await waits until n have been received. It may be woken by what it has waited for before.
func (w *window) await(b *testing.B, n int64) {
	w.mark.Store(n)
	for w.received.Load() < n {
		select {
		case <-w.wake:
		case <-time.After(patience):
			b.Fatalf("%d of %d messages have come", w.received.Load(), w.sent)
		}
	}
}

// benchNode returns a node that runs, and a PubSub in its cluster.
func benchNode[T any](b *testing.B, url, name string, codec pubsub.Codec[T]) (*Node, *pubsub.PubSub[T]) {
	n, err := patiently(b, Config{URL: url, Name: name, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(n.Close) // after the shutdown of its system
	ps := new(pubsub.PubSub[T])
	if _, err := supervisor.Start(newSystem(b), supervisor.Spec{Children: []supervisor.Child{n.Child()}}); err != nil {
		b.Fatal(err)
	}
	if err := ps.Connect(n.Cluster(), "rooms", codec); err != nil {
		b.Fatal(err)
	}
	return n, ps
}

// The messages a second that get from a broadcast on one node to a subscriber on another one, as
// a ratio to those that get from one bare connection to another one, in one run: rounds of the
// two take turns. Either waits for its receiver, so that what is sent is received.
//
//	go test -run '^$' -bench BroadcastRatio -benchtime 30x .
func BenchmarkBroadcastRatio(b *testing.B) {
	for _, size := range []int{64, 1024} {
		name := strconv.Itoa(size)
		b.Run("Bytes/"+name, func(b *testing.B) { compareBroadcasts(b, pubsub.Bytes{}, make([]byte, size), size) })
		b.Run("own/"+name, func(b *testing.B) { compareBroadcasts(b, raw{}, make([]byte, size), size) })
		b.Run("JSON/"+name, func(b *testing.B) {
			compareBroadcasts(b, pubsub.JSON[string]{}, strings.Repeat("x", size-2), size)
		})
	}
}

func compareBroadcasts[T any](b *testing.B, codec pubsub.Codec[T], msg T, size int) {
	s := startServer(b)
	sender, from := benchNode(b, s.ClientURL(), "from", codec)
	receiver, to := benchNode(b, s.ClientURL(), "to", codec)
	w := newWindow()
	owner, err := actor.Spawn(newSystem(b), actor.Func(func(*actor.Context[string], string) error { return nil }))
	if err != nil {
		b.Fatal(err)
	}
	if err := to.Subscribe(owner.PID(), "t", deliver[T](func(T) { w.got() })); err != nil {
		b.Fatal(err)
	}
	const unwanted = 100
	for came := uint64(unwanted); came >= unwanted; { // what nobody wants there goes there all the same
		before := receiver.conn.Stats().InMsgs
		for range unwanted {
			if err := from.Broadcast("nobody's", msg); err != nil {
				b.Fatal(err)
			}
		}
		for waiting := int64(1); waiting > 0; waiting = sender.Stats().WaitingBytes { // topics take turns
			if err := sender.conn.Flush(); err != nil {
				b.Fatal(err)
			}
		}
		w.run(b, 1, func() error { return from.Broadcast("t", msg) })
		came = receiver.conn.Stats().InMsgs - before // and beats between
	}
	send := connect(b, s, nats.NoEcho())
	receive := connect(b, s, nats.NoEcho())
	bare := newWindow()
	if _, err := receive.Subscribe("bare", func(*nats.Msg) { bare.got() }); err != nil {
		b.Fatal(err)
	}
	if err := receive.Flush(); err != nil {
		b.Fatal(err)
	}
	const round = 10_000
	data := make([]byte, size)
	var ours, theirs, oursCPU, theirsCPU time.Duration
	one := func() {
		c := processorTime(b)
		ours += w.run(b, round, func() error { return from.Broadcast("t", msg) })
		oursCPU += processorTime(b) - c
	}
	other := func() {
		c := processorTime(b)
		theirs += bare.run(b, round, func() error { return send.Publish("bare", data) })
		theirsCPU += processorTime(b) - c
	}
	b.ResetTimer()
	for i := range b.N {
		if i%2 == 0 {
			one()
			other()
		} else {
			other()
			one()
		}
	}
	n := float64(round * b.N)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(theirs)/float64(ours), "speed-ratio")
	b.ReportMetric(float64(theirs)/n, "ns-bare")
	b.ReportMetric(float64(oursCPU)/float64(theirsCPU), "cpu-ratio")
	b.ReportMetric(float64(theirsCPU)/n, "cpu-ns-bare")
}
