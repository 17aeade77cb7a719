package ws_test

import (
	"context"
	"testing"

	"github.com/coder/websocket"
)

// WIRE-10, CONN-11: invalid UTF-8 in the middle of a fragmented message, and in a
// message of version 1, ends that connection.
func TestInvalidUTF8(t *testing.T) {
	s := serve(t, rooms(nil))
	c := s.connect(t)
	w, err := c.conn.Writer(context.Background(), websocket.MessageText)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`[null,"1","room:a","e`, "\xc3", `x",{}]`} {
		w.Write([]byte(part))
	}
	w.Close()
	c.expectClose(websocket.StatusInvalidFramePayloadData)
	old, _, err := s.dial(t, "/socket", nil)
	if err != nil {
		t.Fatal(err)
	}
	old.send("{\"topic\":\"room:a\",\"event\":\"\xff\",\"payload\":{},\"ref\":\"1\"}")
	old.expectClose(websocket.StatusInvalidFramePayloadData)
}
