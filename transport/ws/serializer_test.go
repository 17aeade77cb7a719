package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws/internal/frame"
)

func TestSerializerIsChosenByVersion(t *testing.T) { // SER-1, SER-2, SER-3
	cases := map[string]Serializer{
		"1.0.0": V1{}, "1.0.7": V1{}, "2.0.0": V2{}, "2.0.12": V2{},
		"": nil, "2.1.0": nil, "1.1.0": nil, "3.0.0": nil, "2": nil, "2.0": nil, "2.0.x": nil, "junk": nil, "2.0.0.0": nil,
	}
	for vsn, want := range cases {
		got, err := serializerFor([]Serializer{V1{}, V2{}}, vsn)
		if got != want || (err == nil) != (want != nil) {
			t.Errorf("version %q: %T, %v; want %T", vsn, got, err, want)
		}
	}
}

var text1, text2 = &encoding{Serializer: V1{}}, &encoding{Serializer: V2{}}

func TestDecode(t *testing.T) {
	cases := []struct {
		name string
		ser  Serializer
		in   string
		want Message // payload apart
		load string
	}{
		{"v2", V2{}, `["1","2","room:a","ev",{"a":1}]`, Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "room:a", Event: "ev"}, `{"a":1}`},
		{"null refs", V2{}, `[null,null,"t","e",{}]`, Message{Topic: "t", Event: "e"}, `{}`},
		{"numbers as refs, WIRE-6", V2{}, `[1,2,"t","e",{}]`, Message{JoinRef: "1", Ref: "2", Topic: "t", Event: "e"}, `{}`},
		{"more elements, WIRE-1", V2{}, `[null,"2","t","e",{},"x",[1]]`, Message{Ref: `"2"`, Topic: "t", Event: "e"}, `{}`},
		{"space", V2{}, " [ null , \"2\" ,\n\"t\",\t\"e\" , [ 1 , {\"]\":\"[\"} ] ] ", Message{Ref: `"2"`, Topic: "t", Event: "e"}, `[ 1 , {"]":"["} ]`},
		{"escapes", V2{}, `[null,"2","a\"b\\","\u00e9",{"k":"\"]"}]`, Message{Ref: `"2"`, Topic: `a"b\`, Event: "é"}, `{"k":"\"]"}`},
		{"big integers, WIRE-8", V2{}, `[null,"2","t","e",{"n":12345678901234567890123}]`, Message{Ref: `"2"`, Topic: "t", Event: "e"}, `{"n":12345678901234567890123}`},
		{"scalar payload", V2{}, `[null,"2","t","e",17]`, Message{Ref: `"2"`, Topic: "t", Event: "e"}, `17`},
		{"join without join_ref, JOIN-1", V2{}, `[null,"2","t","phx_join",{}]`, Message{JoinRef: `"2"`, Ref: `"2"`, Topic: "t", Event: "phx_join"}, `{}`},
		{"v1, V1-1", V1{}, `{"topic":"t","event":"e","payload":{"a":[1]},"ref":"2","join_ref":"1"}`, Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Event: "e"}, `{"a":[1]}`},
		{"v1 null ref", V1{}, `{"topic":"t","event":"e","payload":{},"ref":null}`, Message{Topic: "t", Event: "e"}, `{}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.ser.Decode([]byte(c.in), false)
			if err != nil {
				t.Fatal(err)
			}
			if load := string(got.Payload.Bytes()); load != c.load || got.Payload.IsBinary() {
				t.Errorf("payload %s, want %s", load, c.load)
			}
			got.Payload = Payload{}
			if got.Topic != c.want.Topic || got.Event != c.want.Event || got.Ref != c.want.Ref || got.JoinRef != c.want.JoinRef {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestDecodeRefusesWhatIsNotTheProtocol(t *testing.T) { // WIRE-1, WIRE-10, BIN-4, V1-1
	cases := []struct {
		name   string
		ser    Serializer
		in     string
		binary bool
	}{
		{"empty", V2{}, ``, false},
		{"space only", V2{}, ` `, false},
		{"scalar", V2{}, `1`, false},
		{"object", V2{}, `{"topic":"t"}`, false},
		{"no elements", V2{}, `[]`, false},
		{"four elements", V2{}, `[null,"1","t","e"]`, false},
		{"cut off", V2{}, `[null,"1","t","e",{`, false},
		{"topic is a number", V2{}, `[null,"1",1,"e",{}]`, false},
		{"topic is null", V2{}, `[null,"1",null,"e",{}]`, false},
		{"event is an object", V2{}, `[null,"1","t",{},{}]`, false},
		{"ref is an object", V2{}, `[null,{},"t","e",{}]`, false},
		{"invalid UTF-8", V2{}, "[null,\"1\",\"\xff\",\"e\",{}]", false},
		{"trailing text", V2{}, `[null,"1","t","e",{}] x`, false},
		{"binary: empty", V2{}, "", true},
		{"binary: unknown kind", V2{}, "\x07\x00\x00\x00\x00", true},
		{"binary: sizes overrun", V2{}, "\x00\x01\x01\x05\x05abcd", true},
		{"binary: no sizes", V2{}, "\x00\x01", true},
		{"v1: array", V1{}, `[null,"1","t","e",{}]`, false},
		{"v1: no ref", V1{}, `{"topic":"t","event":"e","payload":{}}`, false},
		{"v1: no payload", V1{}, `{"topic":"t","event":"e","ref":"1"}`, false},
		{"v1: topic is null", V1{}, `{"topic":null,"event":"e","payload":{},"ref":"1"}`, false},
		{"v1: binary", V1{}, "\x00\x00\x00\x00\x00", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if m, err := c.ser.Decode([]byte(c.in), c.binary); !errors.Is(err, errMalformed) {
				t.Errorf("got %+v, %v; want errMalformed", m, err)
			}
		})
	}
}

func TestDecodeBinaryPush(t *testing.T) { // BIN-1, BIN-2
	m, err := V2{}.Decode([]byte("\x00\x01\x02\x04\x0212"+"3"+"t:ab"+"ev"+"\x01\x02"), true)
	if err != nil {
		t.Fatal(err)
	}
	if m.JoinRef != `"1"` || m.Ref != `"23"` || m.Topic != "t:ab" || m.Event != "ev" {
		t.Errorf("got %+v", m)
	}
	if !m.Payload.IsBinary() || string(m.Payload.Bytes()) != "\x01\x02" {
		t.Errorf("payload %v", m.Payload)
	}
}

func TestEncode(t *testing.T) {
	payload := Payload{data: []byte(`{"a":1}`)}
	bin := Binary([]byte{1, 2})
	msg := func(s *encoding, m Message) (frame.Sealed, error) { return s.encode(m) }
	cases := []struct {
		name   string
		make   func() (frame.Sealed, error)
		want   string
		binary bool
	}{
		{"push, WIRE-3", func() (frame.Sealed, error) {
			return msg(text2, Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: payload})
		}, `["1",null,"t","e",{"a":1}]`, false},
		{"broadcast, WIRE-4", func() (frame.Sealed, error) { return msg(text2, Message{Topic: "t", Event: "e", Payload: payload}) }, `[null,null,"t","e",{"a":1}]`, false},
		{"close, WIRE-5", func() (frame.Sealed, error) {
			return msg(text2, Message{JoinRef: "1", Ref: "1", Topic: "t", Event: "phx_close"})
		}, `[1,1,"t","phx_close",{}]`, false},
		{"reply, WIRE-2", func() (frame.Sealed, error) {
			return text2.encodeReply(Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "é\""}, "ok")
		}, `["1","2","é\"","phx_reply",{"status":"ok","response":{}}]`, false},
		{"binary push, BIN-1", func() (frame.Sealed, error) {
			return msg(text2, Message{JoinRef: `"12"`, Topic: "t", Event: "ev", Payload: bin})
		}, "\x00\x02\x01\x0212tev\x01\x02", true},
		{"binary reply, BIN-3", func() (frame.Sealed, error) {
			return text2.encodeReply(Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Payload: bin}, "ok")
		}, "\x01\x01\x01\x01\x0212tok\x01\x02", true},
		{"binary broadcast", func() (frame.Sealed, error) { return msg(text2, Message{Topic: "t", Event: "ev", Payload: bin}) }, "\x02\x01\x02tev\x01\x02", true},
		{"v1 push, V1-2", func() (frame.Sealed, error) {
			return msg(text1, Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: payload})
		}, `{"topic":"t","event":"e","ref":null,"payload":{"a":1}}`, false},
		{"v1 reply", func() (frame.Sealed, error) {
			return text1.encodeReply(Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Payload: payload}, "ok")
		}, `{"topic":"t","event":"phx_reply","ref":"2","payload":{"status":"ok","response":{"a":1}}}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			f, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			if got := string(f.Payload()); got != c.want || f.Binary() != c.binary {
				t.Errorf("got %q, binary %v; want %q", got, f.Binary(), c.want)
			}
		})
	}
}

func TestEncodeRefusesWhatDoesNotFit(t *testing.T) { // BIN-5, BIN-6, V1-3
	long := strings.Repeat("x", 256)
	if _, err := text2.encode(Message{Topic: long, Event: "e", Payload: Binary(nil)}); err == nil {
		t.Error("a topic of 256 bytes was put into a binary frame")
	}
	if _, err := text1.encode(Message{Topic: "t", Event: "e", Payload: Binary(nil)}); !errors.Is(err, errNoBinary) {
		t.Errorf("binary for version 1: %v", err)
	}
	if _, err := text1.encodeReply(Message{Topic: "t", Payload: Binary(nil)}, "ok"); !errors.Is(err, errNoBinary) {
		t.Errorf("binary reply for version 1: %v", err)
	}
}

func TestBroadcastIsEncodedOncePerEncoding(t *testing.T) { // OUT-3, SER-4
	var e Endpoint
	one, two := e.encodings.get(V1{}, false), e.encodings.get(V2{}, false)
	short := e.encodings.get(V2{}, true)
	if e.encodings.get(V2{}, false) != two || len(e.encodings) != 3 {
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

func TestOutgoingPayloadsAreObjects(t *testing.T) { // WIRE-9, CLI-11
	for _, ok := range []any{nil, map[string]int{}, struct{ A int }{1}, Binary(nil), Payload{}, json.RawMessage(` {"a":1}`), Reason("x")} {
		if _, err := outgoing(ok); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for _, bad := range []any{1, "text", []int{1}, true, json.RawMessage("null")} {
		if _, err := outgoing(bad); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: %v, want ErrPayload", bad, err)
		}
	}
	if _, err := outgoing(func() {}); err == nil {
		t.Error("a func was marshalled")
	}
}

func TestPayload(t *testing.T) {
	var zero Payload
	if got := string(zero.Bytes()); got != "{}" {
		t.Errorf("zero payload is %s", got)
	}
	p, err := JSON(map[string]int{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	var v struct{ N int }
	if err := p.Decode(&v); err != nil || v.N != 1 {
		t.Errorf("decoded %+v, %v", v, err)
	}
	if err := Binary([]byte("{}")).Decode(&v); err == nil {
		t.Error("binary was decoded as JSON")
	}
	if out, err := json.Marshal(map[string]Payload{"p": p}); err != nil || string(out) != `{"p":{"n":1}}` {
		t.Errorf("as part of another: %s, %v", out, err)
	}
}

// FuzzDecodeV2 checks the hand-written splitter against encoding/json.
func FuzzDecodeV2(f *testing.F) {
	for _, s := range []string{
		`["1","2","room:a","ev",{"a":1}]`, `[null,null,"t","e",[1,{"]":"["}]]`, `[1,2,"a\"b","é",17,{}]`,
		`[]`, `[null,"1","t","e"]`, `{}`, "", " ", `[null,"1","t","e",{}] `, `[1e5,-0.1,"","",null]`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := V2{}.Decode(data, false)
		var want []json.RawMessage
		valid := json.Unmarshal(data, &want) == nil && len(want) >= 5
		if err == nil && !valid {
			t.Fatalf("decoded what encoding/json does not: %q", data)
		}
		if err != nil {
			return
		}
		var topic, event string
		if json.Unmarshal(want[2], &topic) != nil || json.Unmarshal(want[3], &event) != nil {
			t.Fatalf("topic or event of %q is no string", data)
		}
		if m.Topic != topic || m.Event != event || string(m.Payload.Bytes()) != string(want[4]) {
			t.Fatalf("%q: got %+v", data, m)
		}
		if _, err := text2.encode(m); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzDecodeV2Binary(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x04\x02123t:abev\x01\x02"))
	f.Add([]byte("\x00\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := V2{}.Decode(data, true)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatal(err)
			}
			return
		}
		total := 5 + len(m.Topic) + len(m.Event) + len(m.Payload.Bytes())
		if total > len(data) {
			t.Fatalf("%d bytes out of %d", total, len(data))
		}
	})
}

func FuzzDecodeV1(f *testing.F) {
	f.Add([]byte(`{"topic":"t","event":"e","payload":{"a":[1]},"ref":"2","join_ref":"1"}`))
	f.Add([]byte(`{"topic":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := V1{}.Decode(data, false)
		if err != nil {
			if !errors.Is(err, errMalformed) {
				t.Fatal(err)
			}
			return
		}
		if out, err := text1.encode(m); err != nil || !json.Valid(out.Payload()) {
			t.Fatalf("%q: %q, %v", data, out.Payload(), err)
		}
	})
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
		if c, err := codec.Decode("t", again); err != nil || c.Event != b.Event || !bytes.Equal(c.Payload.Bytes(), b.Payload.Bytes()) || c.Payload.binary != b.Payload.binary {
			t.Fatalf("%q: %v, %v", data, c, err)
		}
	})
}

func BenchmarkDecodeV2(b *testing.B) {
	in := []byte(`["4","17","room:lobby","new_msg",{"body":"hello, world","user":"ann"}]`)
	b.ReportAllocs()
	for range b.N {
		if _, err := (V2{}).Decode(in, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodeReplyV2(b *testing.B) {
	m := Message{JoinRef: `"4"`, Ref: `"17"`, Topic: "room:lobby", Payload: Payload{data: []byte(`{"body":"hello, world"}`)}}
	b.ReportAllocs()
	for range b.N {
		if _, err := text2.encodeReply(m, "ok"); err != nil {
			b.Fatal(err)
		}
	}
}
