package ws_test

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
)

// rawClient is a connection without a WebSocket library.
type rawClient struct {
	*rawclient.Client
	t testing.TB
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
	c, resp, err := rawclient.Request(nc, "/socket/websocket?vsn=2.0.0", lines, follows)
	if err != nil {
		t.Fatal(err)
	}
	return &rawClient{c, t}, resp
}

func (c *rawClient) expect(want string) {
	c.t.Helper()
	_, got, err := c.ReadFrame()
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
	slow := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
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
		first, payload, err := slow.ReadFrame()
		if err != nil {
			break // it did not read soon enough for the close frame
		}
		if first == rawclient.Fin|rawclient.OpClose {
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

// OUT-8: the program hears that a client has been given up which takes nothing of what
// waits for it. Package netconn tests when that is.
func TestClientThatIsGivenUpIsDisconnected(t *testing.T) {
	ended := make(chan ws.Disconnected, 1)
	socket := rooms(nil)
	socket.WriteTimeout = 500 * time.Millisecond
	socket.Observe = func(e ws.Observation) {
		if e, ok := e.(ws.Disconnected); ok {
			ended <- e
		}
	}
	s := serve(t, socket)
	c := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.Conn.(*net.TCPConn).SetReadBuffer(64 << 10)            // or the kernel might take more and more
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
	c := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	ping := append([]byte{0x89, 0x80 | 125, 0, 0, 0, 0}, make([]byte, 125)...)
	pings := bytes.Repeat(ping, 500)
	sent := 0
	for ; sent < 2000; sent++ { // 130 MB
		if _, err := c.Write(pings); err != nil {
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
	c := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`))
	c.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	c.Write(rawclient.Text(`["1","2","room:a","wait",{}]`))
	<-log.entered

	echo := rawclient.Text(`["1","3","room:a","echo",{"x":"` + string(bytes.Repeat([]byte("x"), 8<<10)) + `"}]`)
	c.SetWriteDeadline(time.Now().Add(500 * time.Millisecond))
	sent := 0
	for ; sent < 20_000; sent++ { // 160 MB
		if _, err := c.Write(echo); err != nil {
			break
		}
	}
	if sent == 20_000 {
		t.Error("the server took it all")
	}
	close(log.release) // the connection goes on: what was held back is read now
	c.expect(`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`)
}
