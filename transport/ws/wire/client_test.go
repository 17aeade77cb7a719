package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestClientDecodes(t *testing.T) {
	good := []struct {
		name, data string
		binary     bool
		want       Message // payload apart
		status     string
		load       string
	}{
		{"push, WIRE-3", `["1",null,"room:a","x",{"n":1}]`, false,
			Message{JoinRef: `"1"`, Topic: "room:a", Event: "x"}, "", `{"n":1}`},
		{"broadcast, WIRE-4", ` [ null , null , "room:a" , "x" , {} ] `, false,
			Message{Topic: "room:a", Event: "x"}, "", `{}`},
		{"reply, WIRE-2", `["1","2","room:a","phx_reply",{"status":"ok","response":[1]}]`, false,
			Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "room:a", Event: "phx_reply"}, "ok", `[1]`},
		{"reply without a response", `["1","2","room:a","phx_reply",{"status":""}]`, false,
			Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "room:a", Event: "phx_reply"}, "", `{}`},
		{"numbers as refs, WIRE-6", `[1,-2,"a","x",{}]`, false,
			Message{JoinRef: `"1"`, Ref: `"-2"`, Topic: "a", Event: "x"}, "", `{}`},
		{"escaped ref", `["\u0031","a\"b","a","x",{}]`, false,
			Message{JoinRef: `"1"`, Ref: `"a\"b"`, Topic: "a", Event: "x"}, "", `{}`},
		{"more elements, WIRE-1", `[null,null,"\u00e9","x",{},6]`, false,
			Message{Topic: "é", Event: "x"}, "", `{}`},
		{"binary push, BIN-1", "\x00\x01\x06\x011room:ax\x00\xff", true,
			Message{JoinRef: `"1"`, Topic: "room:a", Event: "x"}, "", "\x00\xff"},
		{"binary reply", "\x01\x01\x01\x06\x0212room:aokabc", true,
			Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "room:a", Event: "phx_reply"}, "ok", "abc"},
		{"binary broadcast, empty", "\x02\x06\x01room:ax", true,
			Message{Topic: "room:a", Event: "x"}, "", ""},
	}
	for _, c := range good {
		got, err := Client{}.Decode([]byte(c.data), c.binary)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if load := got.Payload; string(load.Bytes()) != c.load || load.IsBinary() != c.binary || got.Status != c.status {
			t.Errorf("%s: status %q, payload %q, want %q, %q", c.name, got.Status, load.Bytes(), c.status, c.load)
		}
		if got.JoinRef != c.want.JoinRef || got.Ref != c.want.Ref || got.Topic != c.want.Topic || got.Event != c.want.Event {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestClientRefusesWhatIsNotTheProtocol(t *testing.T) {
	for _, c := range []struct {
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
	} {
		if m, err := (Client{}).Decode([]byte(c.data), c.binary); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: got %+v, %v", c.data, m, err)
		}
	}
}

func TestClientEncodes(t *testing.T) {
	for _, c := range []struct {
		m    Message
		want string
	}{
		{Message{JoinRef: `"1"`, Ref: `"2"`, Topic: "room:\"é", Event: "x"}, `["1","2","room:\"é","x",{}]`},
		{Message{Ref: `"2"`, Topic: "phoenix", Event: "heartbeat", Payload: RawJSON([]byte(`{"n":1}`))}, `[null,"2","phoenix","heartbeat",{"n":1}]`},
		{Message{JoinRef: `"1"`, Ref: `"22"`, Topic: "a", Event: "xyz", Payload: Binary([]byte("\x00\xff"))}, "\x00\x01\x02\x01\x03122axyz\x00\xff"},
		{Message{Topic: "a", Event: "x", Payload: Binary(nil)}, "\x00\x00\x00\x01\x01ax"}, // BIN-7
	} {
		got, binary, err := Client{}.Append(nil, c.m)
		if err != nil || string(got) != c.want || binary != c.m.Payload.IsBinary() {
			t.Errorf("got %q, binary %v, %v, want %q", got, binary, err, c.want)
		}
	}
	long := Message{Topic: strings.Repeat("x", MaxField+1), Event: "x", Payload: Binary(nil)}
	if _, _, err := (Client{}).Append(nil, long); err == nil {
		t.Error("a topic of 256 bytes was encoded") // BIN-5
	}
}

// What one half writes, the other half reads as the same message.
func FuzzBothHalvesAgree(f *testing.F) {
	f.Add("1", "2", "room:a", "new_msg", `{"n":1}`, "ok")
	f.Add("", "", "é\"\\", "", "\x00\xff", "")
	f.Fuzz(func(t *testing.T, joinRef, ref, topic, event, load, status string) {
		for _, s := range []*string{&joinRef, &ref, &topic, &event, &status} {
			*s = strings.ToValidUTF8((*s)[:min(len(*s), 100)], "?")
		}
		if event == EventReply || event == EventJoin {
			return // the one has a status, the other may get its ref for a join ref
		}
		for _, payload := range []Payload{{}, Binary([]byte(load)), rawIfValid(load)} {
			m := Message{JoinRef: Ref(joinRef), Ref: Ref(ref), Topic: topic, Event: event, Payload: payload}
			up, binary, err := Client{}.Append(nil, m)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := (V2{}).Decode(up, binary); err != nil || !same(got, m) {
				t.Errorf("the server reads %+v, %v, of %+v", got, err, m)
			}
			down, binary, err := V2{}.AppendReply(nil, m, status)
			if err != nil {
				t.Fatal(err)
			}
			m.Event = EventReply
			if got, err := (Client{}).Decode(down, binary); err != nil || !same(got.Message, m) || got.Status != status {
				t.Errorf("the client reads %+v, %v, of %+v, %q", got, err, m, status)
			}
		}
	})
}

func rawIfValid(text string) Payload {
	if !json.Valid([]byte(text)) || !utf8.ValidString(text) {
		return Payload{}
	}
	return RawJSON(bytes.TrimSpace([]byte(text)))
}

func same(a, b Message) bool {
	return a.JoinRef == b.JoinRef && a.Ref == b.Ref && a.Topic == b.Topic && a.Event == b.Event &&
		bytes.Equal(a.Payload.Bytes(), b.Payload.Bytes()) && a.Payload.IsBinary() == b.Payload.IsBinary()
}

// Whatever a server sends, Decode neither panics nor makes up a payload that is not JSON.
func FuzzDecodeOfAClient(f *testing.F) {
	for _, seed := range []string{
		`["1","2","room:a","phx_reply",{"status":"ok","response":{}}]`,
		`[null,null,"room:a","x",{"n":12345678901234567890}]`,
		"\x00\x01\x06\x011room:ax\x00\xff", "\x01\x01\x01\x06\x0212room:aokabc", "\x02\x06\x01room:ax",
	} {
		f.Add([]byte(seed), false)
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, binary bool) {
		m, err := Client{}.Decode(data, binary)
		switch {
		case err != nil:
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("error is not ErrMalformed: %v", err)
			}
		case m.Payload.IsBinary() != binary:
			t.Error("JSON and binary are mixed up")
		case !binary && !json.Valid(m.Payload.Bytes()):
			t.Errorf("payload %q", m.Payload.Bytes())
		}
	})
}
