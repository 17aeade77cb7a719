package ws_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
)

// maskedText returns a client's text frame.
func maskedText(text string) []byte {
	var b bytes.Buffer
	b.WriteByte(0x81)
	switch n := len(text); {
	case n < 126:
		b.WriteByte(0x80 | byte(n))
	default:
		b.WriteByte(0x80 | 126)
		binary.Write(&b, binary.BigEndian, uint16(n))
	}
	b.Write([]byte{0, 0, 0, 0}) // a mask that changes nothing
	b.WriteString(text)
	return b.Bytes()
}

// rawClient is a connection without a WebSocket library.
type rawClient struct {
	t  testing.TB
	nc net.Conn
	r  *bufio.Reader
}

// rawHandshake sends the handshake and, in the same write, whatever follows.
func rawHandshake(t testing.TB, s *server, follows []byte) *rawClient {
	t.Helper()
	return rawHandshakeWith(t, s, "", follows)
}

// rawHandshakeWith is rawHandshake with further lines in the header.
func rawHandshakeWith(t testing.TB, s *server, lines string, follows []byte) *rawClient {
	t.Helper()
	c, resp := rawRequest(t, s, lines, follows)
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", resp.StatusCode)
	}
	return c
}

// rawRequest is rawHandshakeWith, whatever the answer.
func rawRequest(t testing.TB, s *server, lines string, follows []byte) (*rawClient, *http.Response) {
	t.Helper()
	var nc net.Conn
	var err error
	switch {
	case s.dialer != nil:
		nc, err = s.dialer(t.Context())
	case s.tls != nil:
		nc, err = tls.Dial("tcp", s.addr, s.tls)
	default:
		nc, err = net.Dial("tcp", s.addr)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(patience))
	request := "GET /socket/websocket?vsn=2.0.0 HTTP/1.1\r\nHost: " + s.addr +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" + lines + "\r\n"
	if _, err := nc.Write(append([]byte(request), follows...)); err != nil {
		t.Fatal(err)
	}
	c := &rawClient{t, nc, bufio.NewReader(nc)}
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c, resp
}

// readFrame reads one of the server's frames.
func (c *rawClient) readFrame() (opcode byte, payload []byte, err error) {
	first, payload, err := c.readWhole()
	return first & 0x0f, payload, err
}

// readWhole is readFrame with all of the first byte.
func (c *rawClient) readWhole() (first byte, payload []byte, err error) {
	var head [2]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var b [2]byte
		io.ReadFull(c.r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		io.ReadFull(c.r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return head[0], payload, err
}

// readText reads a frame as a text, such as "text:Hello", "pong:" or "close:1000 bye".
func (c *rawClient) readText() (string, error) {
	first, payload, err := c.readWhole()
	if err != nil {
		return "", err
	}
	if first&rsv1 != 0 {
		z := flate.NewReader(io.MultiReader(bytes.NewReader(payload), strings.NewReader(deflateTail)))
		if payload, err = io.ReadAll(z); err != nil {
			return "", err
		}
	}
	name := map[byte]string{0x1: "text:", 0x2: "binary:", 0x8: "close:", 0x9: "ping:", 0xa: "pong:"}[first&0x0f]
	if name == "close:" && len(payload) >= 2 {
		return strings.TrimSpace(fmt.Sprint(name, binary.BigEndian.Uint16(payload), " ", string(payload[2:]))), nil
	}
	return name + string(payload), nil
}

// The bits of a frame's first byte.
const (
	fin  = 0x80
	rsv1 = 0x40
)

// deflateTail ends a compressed message, for package flate.
const deflateTail = "\x00\x00\xff\xff\x01\x00\x00\xff\xff"

// maskedFrame returns a client's frame.
func maskedFrame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	key := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, key[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^key[i%4])
	}
	return b
}

// deflaters are compressors, which take long to make.
var deflaters = sync.Pool{New: func() any {
	w, _ := flate.NewWriter(nil, flate.BestSpeed)
	return w
}}

// maskedMessage returns a client's message in as many frames as there are parts.
func maskedMessage(opcode byte, deflated bool, parts ...string) (b []byte) {
	if deflated {
		var all bytes.Buffer
		w := deflaters.Get().(*flate.Writer)
		defer deflaters.Put(w)
		w.Reset(&all)
		w.Write([]byte(strings.Join(parts, "")))
		w.Flush()
		short := strings.TrimSuffix(all.String(), deflateTail[:4])
		for i := range parts {
			parts[i] = short[len(short)*i/len(parts) : len(short)*(i+1)/len(parts)]
		}
		opcode |= rsv1
	}
	for i, part := range parts {
		if i == len(parts)-1 {
			opcode |= fin
		}
		b = append(b, maskedFrame(opcode, part)...)
		opcode = 0
	}
	return b
}

func (c *rawClient) expect(want string) {
	c.t.Helper()
	_, got, err := c.readFrame()
	if err != nil || !sameJSON(got, want) {
		c.t.Fatalf("got  %q, %v\nwant %q", got, err, want)
	}
}

// OUT-8: a client that does not read is closed; the others get everything, at
// once.
func TestSlowConsumerIsClosed(t *testing.T) {
	socket := rooms(nil)
	socket.MaxQueue = 64 << 10
	s := serve(t, socket)
	fast := s.connect(t)
	fast.join("room:a")
	slow := rawHandshake(t, s, maskedText(`["1","1","room:a","phx_join",{}]`))
	slow.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)

	payload := map[string]string{"x": string(bytes.Repeat([]byte("x"), 32<<10))}
	for n := 0; s.Stats().SlowConsumers == 0; n++ {
		if n == 2000 { // 64 MiB, more than the kernel buffers
			t.Fatal("nobody is slow")
		}
		if err := s.Broadcast("room:a", "big", payload); err != nil {
			t.Fatal(err)
		}
		if _, _, err := fast.read(); err != nil {
			t.Fatal("the fast client:", err)
		}
	}
	fast.heartbeat()
	// Now it reads. It finds whole frames, and then the reason.
	for {
		opcode, payload, err := slow.readFrame()
		if err != nil {
			break // it did not read soon enough for the close frame
		}
		if opcode == 0x8 {
			if code := websocket.StatusCode(binary.BigEndian.Uint16(payload)); code != websocket.StatusPolicyViolation {
				t.Errorf("closed with %v, want 1008", code)
			}
			break
		}
	}
	if got := s.Stats().SlowConsumers; got != 1 {
		t.Errorf("%d slow consumers, want 1", got)
	}
}

// OUT-8: a client that takes nothing of what waits for it is given up, also if the
// queue is not full and nothing comes from it.
func TestClientThatTakesNothingIsGivenUp(t *testing.T) {
	ended := make(chan ws.Disconnected, 1)
	socket := rooms(nil)
	socket.WriteTimeout = 50 * time.Millisecond
	socket.Observe = func(e ws.Event) {
		if e, ok := e.(ws.Disconnected); ok {
			ended <- e
		}
	}
	s := serve(t, socket)
	c := rawHandshake(t, s, maskedText(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.nc.(*net.TCPConn).SetReadBuffer(64 << 10)              // or the kernel might take more and more
	payload := `{"x":"` + strings.Repeat("x", 32<<20) + `"}` // more than the kernel buffers
	if err := s.Broadcast("room:a", "big", ws.RawJSON([]byte(payload))); err != nil {
		t.Fatal(err)
	}
	select {
	case e := <-ended:
		if e.Code != websocket.StatusAbnormalClosure {
			t.Errorf("%+v", e)
		}
	case <-time.After(patience):
		t.Error("its session goes on")
	}
}

// A client that pings without end and does not read the pongs is cut off: they do
// not pile up.
func TestPingFloodIsCutOff(t *testing.T) {
	log := newRecord()
	socket := rooms(log)
	socket.MaxQueue = 1 << 10
	s := serve(t, socket)
	c := rawHandshake(t, s, maskedText(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	ping := append([]byte{0x89, 0x80 | 125, 0, 0, 0, 0}, make([]byte, 125)...)
	pings := bytes.Repeat(ping, 500)
	sent := 0
	for ; sent < 2000; sent++ { // 130 MB
		if _, err := c.nc.Write(pings); err != nil {
			break
		}
	}
	if sent == 2000 {
		t.Error("the server took them all")
	}
	if reason := <-log.terminated; reason != ws.Closed {
		t.Errorf("Terminate got %v, want Closed", reason)
	}
}

// A client that sends faster than its channel handles is made to wait by TCP, not
// by memory.
func TestFloodIsHeldBack(t *testing.T) {
	log := newRecord()
	s := serve(t, rooms(log))
	c := rawHandshake(t, s, maskedText(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.nc.Write(maskedText(`["1","2","room:a","wait",{}]`))
	<-log.entered

	echo := maskedText(`["1","3","room:a","echo",{"x":"` + string(bytes.Repeat([]byte("x"), 8<<10)) + `"}]`)
	c.nc.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	sent := 0
	for ; sent < 20_000; sent++ { // 160 MB
		if _, err := c.nc.Write(echo); err != nil {
			break
		}
	}
	if sent == 20_000 {
		t.Error("the server took it all")
	}
	close(log.release) // the connection goes on: what was held back is read now
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
}
