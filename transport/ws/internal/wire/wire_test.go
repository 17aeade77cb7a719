package wire

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
		want       Message
	}{
		{"push, WIRE-3", `["1",null,"room:a","x",{"n":1}]`, false,
			Message{JoinRef: "1", Topic: "room:a", Event: "x", Data: []byte(`{"n":1}`)}},
		{"broadcast, WIRE-4", ` [ null , null , "room:a" , "x" , {} ] `, false,
			Message{Topic: "room:a", Event: "x", Data: []byte(`{}`)}},
		{"reply, WIRE-2", `["1","2","room:a","phx_reply",{"status":"ok","response":[1]}]`, false,
			Message{JoinRef: "1", Ref: "2", Topic: "room:a", Event: "phx_reply", Status: "ok", Data: []byte(`[1]`)}},
		{"reply without a response", `["1","2","room:a","phx_reply",{"status":""}]`, false,
			Message{JoinRef: "1", Ref: "2", Topic: "room:a", Event: "phx_reply"}},
		{"numbers as refs, WIRE-6", `[1,-2,"a","x",{}]`, false,
			Message{JoinRef: "1", Ref: "-2", Topic: "a", Event: "x", Data: []byte(`{}`)}},
		{"more elements, WIRE-1", `[null,null,"\u00e9","x",{},6]`, false,
			Message{Topic: "é", Event: "x", Data: []byte(`{}`)}},
		{"binary push, BIN-1", "\x00\x01\x06\x011room:ax\x00\xff", true,
			Message{JoinRef: "1", Topic: "room:a", Event: "x", Data: []byte("\x00\xff"), Binary: true}},
		{"binary reply", "\x01\x01\x01\x06\x0212room:aokabc", true,
			Message{JoinRef: "1", Ref: "2", Topic: "room:a", Event: "phx_reply", Status: "ok", Data: []byte("abc"), Binary: true}},
		{"binary broadcast, empty", "\x02\x06\x01room:ax", true,
			Message{Topic: "room:a", Event: "x", Binary: true}},
	}
	for _, c := range good {
		got, err := Decode([]byte(c.data), c.binary)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		same := bytes.Equal(got.Data, c.want.Data) && got.Binary == c.want.Binary
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
		if m, err := Decode([]byte(c.data), c.binary); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %+v, %v", c.data, m, err)
		}
	}
}

func equal(a, b Message) bool {
	return a.JoinRef == b.JoinRef && a.Ref == b.Ref && a.Topic == b.Topic && a.Event == b.Event && a.Status == b.Status
}

func TestEncode(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Message{JoinRef: "1", Ref: "2", Topic: "room:\"é", Event: "x"}, `["1","2","room:\"é","x",{}]`},
		{Message{Ref: "2", Topic: "phoenix", Event: "heartbeat", Data: []byte(`{"n":1}`)}, `[null,"2","phoenix","heartbeat",{"n":1}]`},
		{Message{JoinRef: "1", Ref: "22", Topic: "a", Event: "xyz", Data: []byte("\x00\xff"), Binary: true}, "\x00\x01\x02\x01\x03122axyz\x00\xff"},
		{Message{Topic: "a", Event: "x", Binary: true}, "\x00\x00\x00\x01\x01ax"}, // BIN-7
	} {
		got, err := c.m.Encode()
		if err != nil || string(got) != c.want {
			t.Errorf("got %q, %v, want %q", got, err, c.want)
		}
	}
	long := Message{Topic: string(make([]byte, 256)), Event: "x", Binary: true}
	if _, err := long.Encode(); err == nil {
		t.Error("a topic of 256 bytes was encoded") // BIN-5
	}
}

// Whatever a server sends, Decode neither panics nor makes up a payload that is not
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
		m, err := Decode(data, binary)
		switch {
		case err != nil:
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("error is not ErrMalformed: %v", err)
			}
		case m.Binary != binary:
			t.Error("JSON and binary are mixed up")
		case !binary && !json.Valid(m.JSON()):
			t.Errorf("payload %q", m.JSON())
		}
	})
}
