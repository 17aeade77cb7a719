package wsclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
)

func TestDecode(t *testing.T) {
	good := []struct {
		name, data string
		binary     bool
		want       message
	}{
		{"push, WIRE-3", `["1",null,"room:a","x",{"n":1}]`, false,
			message{joinRef: "1", topic: "room:a", event: "x", payload: Payload{data: []byte(`{"n":1}`)}}},
		{"broadcast, WIRE-4", ` [ null , null , "room:a" , "x" , {} ] `, false,
			message{topic: "room:a", event: "x", payload: Payload{data: []byte(`{}`)}}},
		{"reply, WIRE-2", `["1","2","room:a","phx_reply",{"status":"ok","response":[1]}]`, false,
			message{joinRef: "1", ref: "2", topic: "room:a", event: "phx_reply", status: "ok", payload: Payload{data: []byte(`[1]`)}}},
		{"reply without a response", `["1","2","room:a","phx_reply",{"status":""}]`, false,
			message{joinRef: "1", ref: "2", topic: "room:a", event: "phx_reply"}},
		{"numbers as refs, WIRE-6", `[1,-2,"a","x",{}]`, false,
			message{joinRef: "1", ref: "-2", topic: "a", event: "x", payload: Payload{data: []byte(`{}`)}}},
		{"more elements, WIRE-1", `[null,null,"\u00e9","x",{},6]`, false,
			message{topic: "é", event: "x", payload: Payload{data: []byte(`{}`)}}},
		{"binary push, BIN-1", "\x00\x01\x06\x011room:ax\x00\xff", true,
			message{joinRef: "1", topic: "room:a", event: "x", payload: Binary([]byte("\x00\xff"))}},
		{"binary reply", "\x01\x01\x01\x06\x0212room:aokabc", true,
			message{joinRef: "1", ref: "2", topic: "room:a", event: "phx_reply", status: "ok", payload: Binary([]byte("abc"))}},
		{"binary broadcast, empty", "\x02\x06\x01room:ax", true,
			message{topic: "room:a", event: "x", payload: Binary([]byte{})}},
	}
	for _, c := range good {
		got, err := decode([]byte(c.data), c.binary)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		same := bytes.Equal(got.payload.data, c.want.payload.data) && got.payload.binary == c.want.payload.binary
		got.payload, c.want.payload = Payload{}, Payload{}
		if !same || !equal(got, c.want) {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
	bad := []struct {
		data   string
		binary bool
	}{
		{"", false}, {"{", false}, {"{}", false}, {"null", false}, {"7", false}, {`"x"`, false}, {"[]", false},
		{`["1","2","a","x"]`, false},
		{`[{},"2","a","x",{}]`, false},
		{`["1",true,"a","x",{}]`, false},
		{`["1","2",null,"x",{}]`, false},
		{`["1","2","a",3,{}]`, false},
		{`["1","2","a","phx_reply",null]`, false},
		{`["1","2","a","phx_reply",{"response":{}}]`, false},
		{`["1","2","a","phx_reply",{"status":1}]`, false},
		{"", true}, {"\x00", true}, {"\x00\x01\x01", true}, {"\x02\xff\x01ab", true}, {"\x03abcdef", true}, {"\xffabcdef", true},
	}
	for _, c := range bad {
		if m, err := decode([]byte(c.data), c.binary); !errors.Is(err, errMalformed) {
			t.Errorf("%q: got %+v, %v", c.data, m, err)
		}
	}
}

func equal(a, b message) bool {
	return a.joinRef == b.joinRef && a.ref == b.ref && a.topic == b.topic && a.event == b.event && a.status == b.status
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		m    message
		want string
	}{
		{message{joinRef: "1", ref: "2", topic: "room:\"é", event: "x"}, `["1","2","room:\"é","x",{}]`},
		{message{ref: "2", topic: "phoenix", event: "heartbeat", payload: Payload{data: []byte(`{"n":1}`)}}, `[null,"2","phoenix","heartbeat",{"n":1}]`},
		{message{joinRef: "1", ref: "22", topic: "a", event: "xyz", payload: Binary([]byte("\x00\xff"))}, "\x00\x01\x02\x01\x03122axyz\x00\xff"},
		{message{topic: "a", event: "x", payload: Binary(nil)}, "\x00\x00\x00\x01\x01ax"}, // BIN-7
	} {
		got, err := c.m.encode()
		if err != nil || string(got) != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
	long := message{topic: string(make([]byte, 256)), event: "x", payload: Binary(nil)}
	if _, err := long.encode(); err == nil {
		t.Error("a topic of 256 bytes was encoded") // BIN-5
	}
}

// Whatever a server sends, decode neither panics nor makes up a payload that is not
// JSON.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
		`[null,null,"room:a","x",{"n":12345678901234567890}]`,
		"\x00\x01\x06\x011room:ax\x00\xff", "\x01\x01\x01\x06\x0212room:aokabc", "\x02\x06\x01room:ax",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		m, err := decode(data, binary)
		switch {
		case err != nil:
			if !errors.Is(err, errMalformed) {
				t.Errorf("error is not errMalformed: %v", err)
			}
		case m.payload.binary != binary:
			t.Error("JSON and binary are mixed up")
		case !binary && !json.Valid(m.payload.Bytes()):
			t.Errorf("payload %q", m.payload.Bytes())
		}
	})
}
