package ws

import (
	"bytes"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/wire"
)

func TestSerializerIsChosenByVersion(t *testing.T) { // SER-1, SER-2, SER-3
	cases := map[string]wire.Serializer{
		"1.0.0": wire.V1{}, "1.0.7": wire.V1{}, "2.0.0": wire.V2{}, "2.0.12": wire.V2{},
		"": nil, "2.1.0": nil, "1.1.0": nil, "3.0.0": nil, "2": nil, "2.0": nil, "2.0.x": nil, "junk": nil, "2.0.0.0": nil,
	}
	for vsn, want := range cases {
		got, err := serializerFor([]wire.Serializer{wire.V1{}, wire.V2{}}, vsn)
		if got != want || (err == nil) != (want != nil) {
			t.Errorf("version %q: %T, %v; want %T", vsn, got, err, want)
		}
	}
}

func TestBroadcastIsEncodedOncePerEncoding(t *testing.T) { // OUT-3, SER-4
	var e Endpoint
	one, two := e.encodings.get(wire.V1{}, false), e.encodings.get(wire.V2{}, false)
	short := e.encodings.get(wire.V2{}, true)
	if e.encodings.get(wire.V2{}, false) != two || len(e.encodings) != 3 {
		t.Error("two sockets do not share an encoding")
	}
	b, err := e.newBroadcast("t", "e", map[string]string{"a": strings.Repeat("a", 1000)})
	if err != nil {
		t.Fatal(err)
	}
	frames := map[*byte]bool{}
	for range 2 {
		for _, enc := range []*encoding{one, two, short} {
			f, err := b.frame(enc)
			if err != nil {
				t.Fatal(err)
			}
			frames[&f.Bytes()[0]] = true
			if f.Len() < 1000 != enc.deflate {
				t.Errorf("%+v: %d bytes", enc, f.Len())
			}
		}
	}
	if len(frames) != 3 {
		t.Errorf("%d frames for 3 encodings", len(frames))
	}
}

// FuzzBroadcastOfANode checks that whatever another node sends is decoded or refused,
// and that what is decoded is what was encoded.
func FuzzBroadcastOfANode(f *testing.F) {
	var e Endpoint
	codec := broadcastCodec{&e}
	for _, p := range []Payload{{}, Binary([]byte("abc")), RawJSON([]byte(`{"a":1}`))} {
		b, _ := e.newBroadcast("t", "ev", p)
		data, _ := codec.Encode("t", b)
		f.Add(data)
	}
	f.Add([]byte{})
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := codec.Decode("t", data)
		if err != nil {
			return
		}
		again, err := codec.Encode("t", b)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := codec.Decode("t", again); err != nil || c.Event != b.Event || !bytes.Equal(c.Payload.Bytes(), b.Payload.Bytes()) || c.Payload.IsBinary() != b.Payload.IsBinary() {
			t.Fatalf("%q: %v, %v", data, c, err)
		}
	})
}
