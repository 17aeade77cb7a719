package wsclient

import (
	"context"
	"crypto/sha1"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/coder/websocket"
)

// What coder.go relies on, by its numbers. If one of these fails after an update of the
// library, coder.go is to be thought over.

// line is a Transport whose upgraded connection is one end of a pipe.
type line struct {
	status  int // of the answer
	request *http.Request
	end     io.ReadWriteCloser
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	l.request = r
	key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return &http.Response{StatusCode: l.status, Body: l.end, Request: r, Header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
		"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(key[:])},
	}}, nil
}

// opened dials by way of wrap, and returns the server's end as well.
func opened(t *testing.T, wrap func(*http.Client) *http.Client) (ws *websocket.Conn, server net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	ws, _, err := websocket.Dial(t.Context(), "ws://memory/", &websocket.DialOptions{
		HTTPClient: wrap(&http.Client{Transport: &line{status: http.StatusSwitchingProtocols, end: near}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow(); far.Close() })
	return ws, far
}

func asItIs(c *http.Client) *http.Client { return c }

// 1 and 2.
func TestLibraryTakesTheBodyForTheConnection(t *testing.T) {
	for _, status := range []int{http.StatusSwitchingProtocols, http.StatusForbidden} {
		near, far := net.Pipe()
		far.Close()
		l := &line{status: status, end: near}
		ws, resp, err := websocket.Dial(t.Context(), "ws://memory/socket?a=b", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: l}, Subprotocols: []string{"phoenix", "token"},
		})
		if resp == nil || resp.StatusCode != status || (err == nil) != (status == http.StatusSwitchingProtocols) {
			t.Fatalf("status %d: %v, %v", status, resp, err)
		}
		if h := l.request.Header; h.Get("Sec-WebSocket-Protocol") != "phoenix,token" || len(h.Values("Sec-WebSocket-Extensions")) > 0 {
			t.Errorf("the request has %v", h)
		}
		if err == nil {
			ws.CloseNow()
			if _, err := near.Write(nil); err != io.ErrClosedPipe {
				t.Errorf("the body is not closed: %v", err)
			}
		}
	}
}

// 3.
func TestLibraryTakesEOFForTheEndOfAMessage(t *testing.T) {
	for name, x := range map[string]struct {
		wrap func(*http.Client) *http.Client
		want string
	}{
		"as it is":    {asItIs, "ab"},
		"without EOF": {withoutEOF, ""},
	} {
		t.Run(name, func(t *testing.T) {
			ws, server := opened(t, x.wrap)
			go func() {
				server.Write([]byte{0x01, 2, 'a', 'b'}) // a part of a text
				server.Close()
			}()
			_, data, err := ws.Read(t.Context())
			if whole := err == nil; whole != (x.want != "") || whole && string(data) != x.want {
				t.Errorf("read %q, %v", data, err)
			}
		})
	}
}

// 4.
func TestLibraryDeliversNothingOfWhatIsTooLong(t *testing.T) {
	for length, fits := range map[int]bool{100: true, 101: false} {
		ws, server := opened(t, withoutEOF)
		ws.SetReadLimit(100)
		go io.Copy(io.Discard, server)
		go server.Write(append([]byte{0x81, byte(length)}, strings.Repeat("x", length)...))
		if _, data, err := ws.Read(t.Context()); (err == nil) != fits || fits && len(data) != length {
			t.Errorf("%d bytes: read %d, %v", length, len(data), err)
		}
	}
}

// 5.
func TestLibraryEndsWithTheContextOfARead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ws, server := opened(t, withoutEOF)
		go io.Copy(io.Discard, server)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() {
			_, _, err := ws.Read(ctx)
			ended <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-ended; err == nil {
			t.Error("the read goes on")
		}
		synctest.Wait()
		if err := ws.Write(t.Context(), websocket.MessageText, []byte("a")); err == nil {
			t.Error("the connection goes on")
		}
	})
}

// 6.
func TestLibraryAnswersPingsWhileItReads(t *testing.T) {
	ws, server := opened(t, withoutEOF)
	ended := make(chan error, 1)
	go func() {
		_, _, err := ws.Read(t.Context())
		ended <- err
	}()
	if _, err := server.Write([]byte{0x89, 1, 'p'}); err != nil {
		t.Fatal(err)
	}
	var pong [7]byte // two of the head, four of the key
	if _, err := io.ReadFull(server, pong[:]); err != nil || pong[0] != 0x8a || pong[6]^pong[2] != 'p' {
		t.Errorf("answered %x, %v", pong, err)
	}
	server.Close()
	if err := <-ended; err == nil {
		t.Error("the end of the connection is no error")
	}
}
