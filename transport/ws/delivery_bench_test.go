package ws_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// The time of a broadcast until a client has it over TCP, as a ratio of a topic that is recorded
// to one that is not: one by one, which is what a client waits, and 100 at once. What only the
// broadcaster waits is in BenchmarkRecordedBroadcastRatio.
//
//	go test -run '^$' -bench RecordedDeliveryRatio ./transport/ws
func BenchmarkRecordedDeliveryRatio(b *testing.B) {
	text := map[string]string{"body": strings.Repeat("x", 200)}
	raw := ws.Binary([]byte(text["body"]))
	for _, test := range []struct {
		name    string
		payload any
		burst   int
	}{{"text", text, 1}, {"binary", raw, 1}, {"text/100", text, 100}, {"binary/100", raw, 100}} {
		b.Run(test.name, func(b *testing.B) {
			var took [2][]float64
			var ends [2]*server
			var clients [2]net.Conn
			buf := make([]byte, 1<<16)
			for i, h := range []*ws.History{nil, {}} {
				ends[i] = serve(b, recorded(h, newGuest))
				clients[i] = ends[i].bareConnect(b, buf)
				if _, err := clients[i].Write(rawclient.Text(`["1","1","room:a","phx_join",{"since":null}]`)); err != nil {
					b.Fatal(err)
				}
				awaitText(b, clients[i], `"status":"ok"`, buf)
			}
			n := 0
			for b.Loop() {
				for i, e := range ends {
					for range 20 {
						n++
						last := fmt.Sprintf("last%d", n)
						began := time.Now()
						for range test.burst - 1 {
							e.Broadcast("room:a", "news", test.payload)
						}
						e.Broadcast("room:a", last, test.payload)
						awaitText(b, clients[i], last, buf)
						took[i] = append(took[i], float64(time.Since(began).Nanoseconds())/float64(test.burst))
					}
				}
			}
			plain, recorded := median(took[0]), median(took[1])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(plain, "ns-unrecorded")
			b.ReportMetric(recorded, "ns-recorded")
			b.ReportMetric(recorded/plain, "ratio")
		})
	}
}

// awaitText reads until a text has come.
func awaitText(t testing.TB, r io.Reader, text string, buf []byte) {
	t.Helper()
	n := 0
	for {
		m, err := r.Read(buf[n:])
		if err != nil {
			t.Fatal(err)
		}
		n += m
		if bytes.Contains(buf[:n], []byte(text)) {
			return
		}
		keep := min(n, len(text)-1) // it may come in two pieces
		copy(buf, buf[n-keep:n])
		n = keep
	}
}
