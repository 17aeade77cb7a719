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
