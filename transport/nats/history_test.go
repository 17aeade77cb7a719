package nats

import (
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/transport/ws/history"
	"github.com/troupe-go/troupe/transport/ws/history/historytest"
)

// A history on JetStream is a store.
func TestHistoryIsAStore(t *testing.T) {
	s := startServer(t)
	streams := 0
	historytest.Run(t, func(t *testing.T) historytest.Backend {
		streams++
		name := fmt.Sprint("history-", streams)
		return historytest.Backend{
			Open: func(t *testing.T) history.Store {
				return &History{Conn: connect(t, s, nats.NoEcho()), Stream: name, Size: historytest.Size}
			},
			Lose: func(t *testing.T) {
				js, err := jetstream.New(connect(t, s))
				if err != nil {
					t.Fatal(err)
				}
				if err := js.DeleteStream(t.Context(), name); err != nil {
					t.Fatal(err)
				}
			},
		}
	})
}

// A restart of NATS costs nothing that it has kept, and those that follow look for what came
// meanwhile.
func TestHistoryOutlivesARestartOfNATS(t *testing.T) {
	s := startLasting(t)
	h := &History{Conn: connect(t, s.Server, nats.MaxReconnects(-1))}
	if err := h.Append(t.Context(), "a", "", []byte("1")); err != nil {
		t.Fatal(err)
	}
	before, err := h.Since(t.Context(), "a", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	looks := make(chan struct{}, 10)
	unfollow, err := h.Follow(t.Context(), "a", tellRechecks(looks))
	if err != nil {
		t.Fatal(err)
	}
	defer unfollow()
	s.stop()
	s.start()
	await(t, looks)
	if err := h.Append(t.Context(), "a", "", []byte("2")); err != nil {
		t.Fatal(err)
	}
	after, err := h.Since(t.Context(), "a", before.Top, 10)
	if err != nil || after.Epoch != before.Epoch || after.Lost > before.Top || len(after.Records) != 1 {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
}

// tellRechecks is a [history.Follower] that tells of rechecks only.
type tellRechecks chan struct{}

func (tellRechecks) Deliver(history.Record) {}
func (c tellRechecks) Recheck()             { c <- struct{}{} }
