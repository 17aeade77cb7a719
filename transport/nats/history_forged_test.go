package nats

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net"
	"net/url"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/transport/ws/history"
)

// deliveries is a follower.
type deliveries chan history.Record

func (d deliveries) Deliver(r history.Record) { d <- r }
func (d deliveries) Recheck()                 { d <- history.Record{} }

// Any node may record what it likes, with whatever headers: what the stream says of a message, it
// says behind those.
func TestForgedHeadersAreNotTheStreams(t *testing.T) {
	const sequence, last = "Nats-Sequence: 18446744073709551615\r\n", "Nats-Last-Sequence: 1\r\n"
	s := startServer(t)
	conn, streams := connect(t, s), 0
	for name, test := range map[string]struct {
		headers string
		hole    bool // the message cannot be read, and is lost
	}{
		"another sequence":     {sequence + last, false},
		"no sequence":          {"Nats-Sequence: none\r\nNats-Last-Sequence: none\r\nNats-Time-Stamp: never\r\n", false},
		"other spelling":       {"nats-sequence: 7\r\nNATS-SEQUENCE: 7\r\n", false},
		"a pending number":     {"Nats-Num-Pending: -1\r\n", false},
		"the status not found": {"Status: 404\r\nDescription: Not Found\r\n", false},
		"the status of an end": {"Status: 204\r\nNats-Num-Pending: 0\r\n", false},
		"no responders":        {"Status: 503\r\n", false},
		"an empty status":      {"Status:\r\n", false},
		"malformed":            {"nothing\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			streams++
			h := &History{Conn: conn, Stream: fmt.Sprint("forged-", streams)}
			came := make(deliveries, 10)
			stop, err := h.Follow(t.Context(), "a", came)
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			put := func(text string) {
				if err := h.Append(t.Context(), "a", "", []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			put("first")
			forge(t, s.ClientURL(), h.put("a"), test.headers)
			put("last")

			span, err := h.Since(t.Context(), "a", 0, 10)
			if err == nil {
				err = span.Check(0)
			}
			if err != nil {
				t.Fatal(err)
			}
			want, lost := "1 first,2 ,3 last,", uint64(0)
			if test.hole {
				want, lost = "1 first,3 last,", 2
			}
			if got := summary(span.Records); got != want || span.Lost != lost || span.Top != 3 {
				t.Errorf("%q up to %d, lost %d, want %q up to 3, lost %d", got, span.Top, span.Lost, want, lost)
			}
			if span, err = h.Since(t.Context(), "a", 1, 1); err != nil || span.Top != 2 || !span.More {
				t.Errorf("a part: %+v, %v", span, err)
			}
			for i, want := range []history.Record{{Offset: 1}, {Offset: 2, Previous: 1}, {Offset: 3, Previous: 2}} {
				if i == 1 && test.hole {
					want = history.Record{} // look yourself
				}
				if got := await(t, came); got.Offset != want.Offset || got.Previous != want.Previous {
					t.Errorf("told of %d behind %d, want %d behind %d", got.Offset, got.Previous, want.Offset, want.Previous)
				}
			}
		})
	}
}

func summary(records []history.Record) (s string) {
	for _, r := range records {
		s += fmt.Sprintf("%d %s,", r.Offset, r.Data)
	}
	return s
}

// forge publishes an empty message with such headers, as no client does.
func forge(t *testing.T, server, subject, headers string) {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	block := "NATS/1.0\r\n" + headers + "\r\n"
	fmt.Fprintf(conn, "CONNECT {\"headers\":true,\"verbose\":false}\r\nHPUB %s %d %d\r\n%s\r\nPING\r\n",
		subject, len(block), len(block), block)
	var got []byte
	for part := make([]byte, 4096); !bytes.Contains(got, []byte("PONG")); {
		n, err := conn.Read(part)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part[:n]...)
	}
}

// A follower may have been told anything: behind what the stream has there is nothing.
func TestNothingIsBehindAHistory(t *testing.T) {
	h := &History{Conn: connect(t, startServer(t))}
	if err := h.Append(t.Context(), "a", "", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, after := range []uint64{1, 2, math.MaxInt64, math.MaxUint64} {
		span, err := h.Since(t.Context(), "a", after, 10)
		if err == nil {
			err = span.Check(after)
		}
		if err != nil || span.Top != 1 || len(span.Records) > 0 {
			t.Errorf("behind %d: %+v, %v", after, span, err)
		}
	}
}

// An answer of which the connection has lost a part is none.
func TestATornAnswerIsAnError(t *testing.T) {
	conn := connect(t, startServer(t))
	h := &History{Conn: conn, Stream: "torn"}
	record := func(seq, previous string) *nats.Msg {
		return &nats.Msg{Data: []byte("x"), Header: nats.Header{
			"Nats-Sequence": {seq}, "Nats-Last-Sequence": {previous}, "Nats-Num-Pending": {"0"}, "Nats-Time-Stamp": {"2026-01-02T03:04:05Z"},
		}}
	}
	end := func(last string) *nats.Msg {
		return &nats.Msg{Header: nats.Header{"Status": {"204"}, "Nats-Num-Pending": {"0"}, "Nats-Last-Sequence": {last}}}
	}
	if err := h.begin(); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		answer []*nats.Msg
		whole  bool
	}{
		"whole":        {[]*nats.Msg{record("3", "0"), record("5", "3"), end("5")}, true},
		"no beginning": {[]*nats.Msg{record("5", "3"), end("5")}, false},
		"no middle":    {[]*nats.Msg{record("3", "0"), record("7", "5"), end("7")}, false},
		"no last one":  {[]*nats.Msg{record("3", "0"), end("5")}, false},
		"no record":    {[]*nats.Msg{end("5")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := conn.Subscribe("$JS.API.DIRECT.GET.torn", func(m *nats.Msg) {
				for _, answer := range test.answer {
					answer.Subject = m.Reply
					_ = conn.PublishMsg(answer)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			defer sub.Unsubscribe()
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			b, err := h.batch(ctx, "a", 0, 10)
			if whole := err == nil; whole != test.whole || whole && len(b.records) != 2 {
				t.Errorf("%d records, %v", len(b.records), err)
			}
		})
	}
}
