package wsclient_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/transport/ws/wsclient"
)

// cutter is a server that sends each connection a message with the number of that
// connection, then a piece of a further one, and ends.
type cutter struct {
	mu     sync.Mutex
	pieces [][]byte // one for each connection; after them one that stays
	next   int
}

func (s *cutter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	key := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		base64.StdEncoding.EncodeToString(key[:]))
	ref, err := joinRef(rw.Reader)
	if err != nil {
		return
	}
	s.mu.Lock()
	number := s.next
	s.next++
	s.mu.Unlock()
	nc.Write(plainFrame(0x81, fmt.Sprintf(`[%q,%q,"room:a","phx_reply",{"status":"ok","response":{}}]`, ref, ref)))
	nc.Write(plainFrame(0x82, broadcast(fmt.Sprint("connection ", number))))
	if number == len(s.pieces) {
		rw.ReadByte() // of its close frame
		return
	}
	nc.Write(s.pieces[number])
	nc.(interface{ CloseWrite() error }).CloseWrite()
	io.Copy(io.Discard, rw) // until the client has noticed
}

// joinRef reads a client's frame, a join, and returns its ref.
func joinRef(r *bufio.Reader) (ref string, err error) {
	var head [6]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	payload := make([]byte, head[1]&0x7f)
	if _, err := io.ReadFull(r, payload); err != nil {
		return "", err
	}
	for i := range payload {
		payload[i] ^= head[2+i%4]
	}
	var m []any
	if err := json.Unmarshal(payload, &m); err != nil {
		return "", err
	}
	return m[0].(string), nil
}

// plainFrame returns a server's frame.
func plainFrame(first byte, payload string) []byte {
	b := []byte{first, byte(len(payload))}
	if len(payload) > 125 {
		b = binary.BigEndian.AppendUint16([]byte{first, 126}, uint16(len(payload)))
	}
	return append(b, payload...)
}

// broadcast returns a binary message of the server: BIN-3.
func broadcast(data string) string { return "\x02\x06\x04room:anews" + data }

// A message that the server did not send to its end is not delivered, wherever it is
// cut: in one frame or in several, with TLS or without.
func TestCutMessageIsNotDelivered(t *testing.T) {
	text := broadcast(strings.Repeat("0123456789", 100))
	var whole, pieces [][]byte
	whole = append(whole,
		plainFrame(0x82, broadcast("abc")),
		slices.Concat(plainFrame(0x02, broadcast("abc")[:14]), plainFrame(0x00, ""), plainFrame(0x80, broadcast("abc")[14:])),
	)
	for _, b := range whole {
		for end := range len(b) + 1 {
			pieces = append(pieces, b[:end])
		}
	}
	large := slices.Concat(plainFrame(0x02, text[:500]), plainFrame(0x89, "ping"), plainFrame(0x80, text[500:]))
	whole = append(whole, large)
	for _, end := range []int{250, 503, 504, 512, 513, 514, 900, len(large) - 1, len(large)} {
		pieces = append(pieces, large[:end])
	}
	var want []string
	for i, p := range pieces {
		want = append(want, fmt.Sprint("connection ", i))
		if j := slices.IndexFunc(whole, func(w []byte) bool { return string(w) == string(p) }); j >= 0 {
			want = append(want, []string{"abc", "abc", text[len(broadcast("")):]}[j])
		}
	}
	want = append(want, fmt.Sprint("connection ", len(pieces)))

	for _, start := range []struct {
		name string
		do   func(*httptest.Server)
	}{{"TCP", (*httptest.Server).Start}, {"TLS", (*httptest.Server).StartTLS}} {
		t.Run(start.name, func(t *testing.T) {
			front := httptest.NewUnstartedServer(&cutter{pieces: pieces})
			start.do(front)
			t.Cleanup(front.Close)
			s := &server{http: front.Client()}
			got := make(chan string, len(want)+1)
			c := s.dial(t, func(o *wsclient.Config) {
				o.URL = front.URL + "/socket"
				o.ReconnectDelay = func(int) time.Duration { return 0 }
			})
			ch := c.Channel("room:a", nil)
			ch.On("news", func(m wsclient.Message) { got <- string(m.Payload.Bytes()) })
			mustJoin(t, ch)
			for i, w := range want {
				if g := soon(t, got); g != w {
					t.Fatalf("message %d is %.50q, want %.50q", i, g, w)
				}
			}
		})
	}
}
