package frame

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

func seed(f *testing.F) {
	for _, b := range [][]byte{
		rawclient.Frame(fin|opText, "Hello"),
		rawclient.Message(opText, false, "Hel", "lo"),
		rawclient.Message(opText, true, long, "a"),
		slices.Concat(rawclient.Frame(opText, "a"), rawclient.Frame(fin|opPing, "p"), rawclient.Frame(fin|opContinuation, "b"), rawclient.Frame(fin|opClose, "\x03\xe8")),
		rawclient.Frame(fin|rsv1|opText, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
		rawclient.Frame(fin|opBinary, strings.Repeat("x", 1<<16+1)),
	} {
		f.Add(b, uint64(1))
	}
}

// However the bytes come, they make the same frames.
func FuzzReader(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, sent []byte, cuts uint64) {
		whole, _ := read(limits, sent)
		pieces := cut(rand.New(rand.NewPCG(cuts, 0)), sent)
		pieced, _ := read(limits, pieces...)
		if !reflect.DeepEqual(whole, pieced) {
			t.Errorf("at once: %v\nin %d pieces: %v", whole, len(pieces), pieced)
		}
		for _, x := range whole.frames {
			if len(x.Payload) > limits.Message || x.Kind == Text && !utf8.Valid(x.Payload) || x.Kind > Binary && len(x.Payload) > maxControl {
				t.Errorf("delivered: %+v", x)
			}
		}
	})
}

// The messages are those that a library of good repute reads, but for texts that are
// not UTF-8, which it delivers.
func FuzzAgainstLibrary(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, sent []byte, _ uint64) {
		compare(t, sent, Limits{Message: limits.Message}, websocket.CompressionDisabled)
	})
}

// compare reads what was sent by the library as well.
func compare(t *testing.T, sent []byte, l Limits, mode websocket.CompressionMode) {
	t.Helper()
	ours, _ := read(l, sent)
	var got []string
	closed := false
	for _, f := range ours.frames {
		switch f.Kind {
		case Text, Binary:
			got = append(got, string(f.Payload))
		case Close:
			closed = true
		}
		if closed { // the library reads no further
			break
		}
	}
	want := byLibrary(t, sent, l, mode)
	stricter := ours.err == errText && len(got) <= len(want)
	if stricter {
		want = want[:len(got)]
	}
	if !slices.Equal(got, want) {
		t.Errorf("% x\nis read as      %q, %v\nby the library: %q", sent, got, ours.err, want)
	}
}

// errCut ends what byLibrary reads. The library would take io.EOF for the end of the
// message.
var errCut = errors.New("the connection is cut")

// script is a connection that comes with what a client sends, and is then cut.
type script struct {
	net.Conn
	in bytes.Reader
}

func (s *script) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	if err != nil {
		err = errCut
	}
	return n, err
}

func (s *script) Write(p []byte) (int, error)      { return len(p), nil }
func (s *script) Close() error                     { return nil }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) Header() http.Header              { return http.Header{} }
func (s *script) WriteHeader(int)                  {}
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }

func (s *script) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return s, bufio.NewReadWriter(bufio.NewReader(s), bufio.NewWriter(s)), nil
}

// byLibrary returns the messages that the library reads before the first error.
func byLibrary(t *testing.T, sent []byte, l Limits, mode websocket.CompressionMode) (messages []string) {
	t.Helper()
	s := new(script)
	s.in.Reset(sent)
	r := &http.Request{Method: http.MethodGet, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{
		"Connection":               {"Upgrade"},
		"Upgrade":                  {"websocket"},
		"Sec-Websocket-Version":    {"13"},
		"Sec-Websocket-Key":        {"AAAAAAAAAAAAAAAAAAAAAA=="},
		"Sec-Websocket-Extensions": {"permessage-deflate"},
	}}
	ws, err := websocket.Accept(s, r, &websocket.AcceptOptions{CompressionMode: mode})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(int64(l.Message))
	for {
		_, data, err := ws.Read(context.Background())
		if err != nil {
			return messages
		}
		messages = append(messages, string(data))
	}
}

// Messages of all kinds, in a row and cut somewhere, are read as by the library.
func TestAgainstLibrary(t *testing.T) {
	for i := range 300 {
		rnd := rand.New(rand.NewPCG(uint64(i), 3))
		var sent []byte
		for range 1 + rnd.IntN(5) {
			text := strings.Repeat("Hello κόσμε 😀 ", rnd.IntN(200))
			opcode := byte(opText + rnd.IntN(2))
			sent = append(sent, rawclient.Message(opcode, rnd.IntN(2) == 0, rawclient.Split(text, 1+rnd.IntN(4))...)...)
			if rnd.IntN(3) == 0 {
				sent = append(sent, rawclient.Frame(fin|opPing, "p")...)
			}
		}
		if rnd.IntN(2) == 0 {
			sent = sent[:rnd.IntN(len(sent))]
		}
		compare(t, sent, limits, websocket.CompressionNoContextTakeover)
		if t.Failed() {
			t.Fatal("seed ", i)
		}
	}
}
