package ws_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/rawclient"
	"github.com/troupe-go/troupe/transport/ws/wire"
)

// dull is a text that is worth compressing.
var dull = strings.Repeat("all work and no play ", 1000)

// connectCompressed opens a connection that has compression, if the server does.
func (s *server) connectCompressed(t testing.TB) (*client, *http.Response) {
	t.Helper()
	c, resp, err := s.dial(t, "/socket?vsn=2.0.0", http.Header{"X-Compress": {"yes"}})
	if err != nil {
		t.Fatal(err)
	}
	return c, resp
}

// CONN-10, CONN-11: compressed messages both ways, whole and in fragments, and
// plain ones to those that did not ask.
func TestCompressedMessages(t *testing.T) {
	socket := rooms(nil)
	socket.Compress = true
	s := serve(t, socket)
	packed, resp := s.connectCompressed(t)
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); !strings.Contains(got, "permessage-deflate; client_no_context_takeover; server_no_context_takeover") {
		t.Errorf("negotiated %q", got)
	}
	plain := s.connect(t)
	other := rawHandshake(t, s, rawclient.Text(`["1","1","room:a","phx_join",{}]`)) // sees what is on the wire
	other.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	packed.join("room:a")
	plain.join("room:a")

	want := fmt.Sprintf(`[null,null,"room:a","shout",{"x":%q}]`, dull)
	ok := `["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`
	packed.send(fmt.Sprintf(`["1","2","room:a","shout",{"x":%q}]`, dull))
	packed.expect(want, ok)
	plain.expect(want)
	other.expect(want)

	w, err := packed.conn.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`["1","2","room:a","shout",{"x":"`, dull[:9000], dull[9000:], `"}]`} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	packed.expect(want, ok)
	plain.expect(want)

	packed.sendBinary("\x00\x01\x01\x06\x0412room:aecho" + dull)
	packed.expect("\x01\x01\x01\x06\x0212room:aok" + dull)
	packed.send(`["1","3","room:a","echo",{"short":1}]`)
	packed.expect(`["1","3","room:a","phx_reply",{"status":"ok","response":{"short":1}}]`)
	packed.heartbeat()
}

func TestCompressionIsOffByDefault(t *testing.T) { // CONN-10
	s := serve(t, rooms(nil))
	c, resp := s.connectCompressed(t)
	if got := resp.Header.Get("Sec-WebSocket-Extensions"); got != "" {
		t.Errorf("negotiated %q", got)
	}
	c.join("room:a")
	c.send(fmt.Sprintf(`["1","2","room:a","echo",{"x":%q}]`, dull))
	c.expect(fmt.Sprintf(`["1","2","room:a","phx_reply",{"status":"ok","response":{"x":%q}}]`, dull))
}

// CONN-9: the limit holds for what a message is decompressed to.
func TestCompressedBombIsTooLarge(t *testing.T) {
	socket := rooms(nil)
	socket.Compress = true
	socket.MaxMessageSize = 1 << 16
	s := serve(t, socket)
	bystander, _ := s.connectCompressed(t)
	bystander.join("room:a")
	c, _ := s.connectCompressed(t)
	c.join("room:a")
	c.send(`["1","2","room:a","echo",{"x":"` + strings.Repeat("0", 8<<20) + `"}]`) // 8 KiB on the wire
	c.expectClose(websocket.StatusMessageTooBig)
	bystander.heartbeat()
}

// A compressed message on a connection that has not negotiated it is an error of
// the protocol.
func TestUnexpectedCompressionEndsTheConnection(t *testing.T) {
	s := serve(t, rooms(nil))
	frame := rawclient.Text(`["1","1","room:a","phx_join",{}]`)
	frame[0] |= 0x40
	c := rawHandshake(t, s, frame)
	first, payload, err := c.ReadFrame()
	if err != nil || first != rawclient.Fin|rawclient.OpClose || int(payload[0])<<8|int(payload[1]) != int(websocket.StatusProtocolError) {
		t.Errorf("got first byte %#x, % x, %v; want a close with 1002", first, payload, err)
	}
}

// semicolons is a serializer of one's own: event;topic;ref;payload.
type semicolons struct{}

func (semicolons) Version() string { return "3.1.4" }

func (semicolons) Decode(data []byte, binary bool) (wire.Message, error) {
	parts := strings.SplitN(string(data), ";", 4)
	if len(parts) < 4 {
		return wire.Message{}, fmt.Errorf("%d parts", len(parts))
	}
	payload := ws.Binary([]byte(parts[3]))
	return wire.Message{Event: parts[0], Topic: parts[1], JoinRef: "1", Ref: parts[2], Payload: payload}, nil
}

func (semicolons) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	return fmt.Appendf(buf, "%s;%s;%s;%s", m.Event, m.Topic, m.Ref, m.Payload.Bytes()), false, nil
}

func (semicolons) AppendReply(buf []byte, m wire.Message, status string) ([]byte, bool, error) {
	return fmt.Appendf(buf, "%s;%s;%s;%s", status, m.Topic, m.Ref, m.Payload.Bytes()), false, nil
}

func TestSerializerOfOnesOwn(t *testing.T) { // SER-1, SER-4
	socket := rooms(nil)
	socket.Serializers = []wire.Serializer{semicolons{}, wire.V2{}}
	s := serve(t, socket)
	other := s.connect(t)
	other.join("room:a")
	c, _, err := s.dial(t, "/socket?vsn=3.1.5", nil)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want string) {
		t.Helper()
		if _, got, err := c.read(); err != nil || string(got) != want {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
	c.send("phx_join;room:a;1;")
	expect("ok;room:a;1;{}")
	c.send("shout;room:a;2;hello")
	expect("shout;room:a;;hello")
	expect("ok;room:a;2;{}")
	other.expect("\x02\x06\x05room:ashouthello")
	c.send("what?")
	c.expectClose(websocket.StatusInvalidFramePayloadData)
	for _, vsn := range []string{"", "?vsn=1.0.0", "?vsn=3.1.3", "?vsn=3.2.4"} {
		if _, resp, err := s.dial(t, "/socket"+vsn, nil); err == nil || resp.StatusCode != 403 {
			t.Errorf("%q: %v", vsn, resp)
		}
	}
}

// fragile is a serializer that panics.
type fragile struct{ wire.V2 }

func (fragile) Append(buf []byte, m wire.Message) ([]byte, bool, error) {
	if m.Event == "shout" {
		panic("serializer")
	}
	return wire.V2{}.Append(buf, m)
}

// SER-4: a broadcast that a serializer panics on reaches none of its clients, and does
// them no harm; others get it.
func TestPanicOfASerializerIsContained(t *testing.T) {
	socket, other := polling(nil), rooms(nil)
	socket.Serializers = []wire.Serializer{fragile{}}
	other.Path = "/other"
	s := serve(t, socket, other)
	a, b, poll := s.connect(t), s.connect(t), s.pollClient(t, "")
	plain, _, err := s.dial(t, "/other?vsn=2.0.0", nil)
	if err != nil {
		t.Fatal(err)
	}
	clients := []*client{a, b, plain}
	for _, c := range clients {
		c.join("room:a")
	}
	poll.open()
	poll.post(`["1","1","room:a","phx_join",{}]`)
	poll.expect(`["1","1","room:a","phx_reply",{"status":"ok","response":{}}]`)
	for _, event := range []string{"shout", "say"} {
		if err := s.Broadcast("room:a", event, nil); err != nil {
			t.Error(err)
		}
	}
	plain.expect(`[null,null,"room:a","shout",{}]`)
	for _, c := range clients {
		c.expect(`[null,null,"room:a","say",{}]`)
	}
	poll.expect(`[null,null,"room:a","say",{}]`)
	if got := s.Stats().Dropped; got != 3 {
		t.Errorf("%d dropped, want 3", got)
	}
}
