package ws_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// OUT-2: to this node's members, as it was encoded.
func TestLocalBroadcast(t *testing.T) {
	s := serve(t, rooms(nil))
	c := s.connect(t)
	c.join("room:a")
	if err := s.LocalBroadcast("room:a", "news", ws.RawJSON([]byte(`{"n":1}`))); err != nil {
		t.Fatal(err)
	}
	c.expect(`[null,null,"room:a","news",{"n":1}]`)
	if err := s.LocalBroadcast("room:a", "news", "text"); !errors.Is(err, ws.ErrPayload) {
		t.Errorf("a broadcast of a string: %v, want ErrPayload", err)
	}
}
