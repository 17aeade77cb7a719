package wire

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

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
			if m, err := c.ser.Decode([]byte(c.in), c.binary); !errors.Is(err, ErrMalformed) {
				t.Errorf("got %+v, %v; want ErrMalformed", m, err)
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
	cases := []struct {
		name   string
		make   func() ([]byte, bool, error)
		want   string
		binary bool
	}{
		{"push, WIRE-3", func() ([]byte, bool, error) {
			return V2{}.Append(nil, Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: payload})
		}, `["1",null,"t","e",{"a":1}]`, false},
		{"broadcast, WIRE-4", func() ([]byte, bool, error) {
			return V2{}.Append(nil, Message{Topic: "t", Event: "e", Payload: payload})
		}, `[null,null,"t","e",{"a":1}]`, false},
		{"close, WIRE-5", func() ([]byte, bool, error) {
			return V2{}.Append(nil, Message{JoinRef: "1", Ref: "1", Topic: "t", Event: "phx_close"})
		}, `[1,1,"t","phx_close",{}]`, false},
		{"reply, WIRE-2", func() ([]byte, bool, error) {
			return V2{}.AppendReply(nil, Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "é\""}, "ok")
		}, `["1","2","é\"","phx_reply",{"status":"ok","response":{}}]`, false},
		{"binary push, BIN-1", func() ([]byte, bool, error) {
			return V2{}.Append(nil, Message{JoinRef: `"12"`, Topic: "t", Event: "ev", Payload: bin})
		}, "\x00\x02\x01\x0212tev\x01\x02", true},
		{"binary reply, BIN-3", func() ([]byte, bool, error) {
			return V2{}.AppendReply(nil, Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Payload: bin}, "ok")
		}, "\x01\x01\x01\x01\x0212tok\x01\x02", true},
		{"binary broadcast", func() ([]byte, bool, error) { return V2{}.Append(nil, Message{Topic: "t", Event: "ev", Payload: bin}) }, "\x02\x01\x02tev\x01\x02", true},
		{"v1 push, V1-2", func() ([]byte, bool, error) {
			return V1{}.Append(nil, Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: payload})
		}, `{"topic":"t","event":"e","ref":null,"payload":{"a":1}}`, false},
		{"v1 reply", func() ([]byte, bool, error) {
			return V1{}.AppendReply(nil, Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Payload: payload}, "ok")
		}, `{"topic":"t","event":"phx_reply","ref":"2","payload":{"status":"ok","response":{"a":1}}}`, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, binary, err := c.make()
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want || binary != c.binary {
				t.Errorf("got %q, binary %v; want %q", got, binary, c.want)
			}
		})
	}
}

func TestEncodeRefusesWhatDoesNotFit(t *testing.T) { // BIN-5, BIN-6, V1-3
	long := strings.Repeat("x", 256)
	if _, _, err := (V2{}).Append(nil, Message{Topic: long, Event: "e", Payload: Binary(nil)}); err == nil {
		t.Error("a topic of 256 bytes was put into a binary frame")
	}
	if _, _, err := (V1{}).Append(nil, Message{Topic: "t", Event: "e", Payload: Binary(nil)}); !errors.Is(err, ErrNoBinary) {
		t.Errorf("binary for version 1: %v", err)
	}
	if _, _, err := (V1{}).AppendReply(nil, Message{Topic: "t", Payload: Binary(nil)}, "ok"); !errors.Is(err, ErrNoBinary) {
		t.Errorf("binary reply for version 1: %v", err)
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
		if _, _, err := (V2{}).Append(nil, m); err != nil {
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
			if !errors.Is(err, ErrMalformed) {
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
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		if out, _, err := (V1{}).Append(nil, m); err != nil || !json.Valid(out) {
			t.Fatalf("%q: %q, %v", data, out, err)
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
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for range b.N {
		if _, _, err := (V2{}).AppendReply(buf, m, "ok"); err != nil {
			b.Fatal(err)
		}
	}
}
