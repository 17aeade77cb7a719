package jsontext

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"
	"unicode/utf8"
)

func TestSkippedIsExactlyOneValue(t *testing.T) {
	for _, value := range []string{`0`, `-1.5e3`, `true`, `null`, `""`, `"a\"]\\"`, `[]`, `[1,[2,"]"]]`, `{"}":[{}]}`, "{ \"a\" :\n1 }"} {
		for _, after := range []string{`]`, `,1]`, " \t\r\n]"} {
			data := []byte("[ " + value + after)
			start := SkipSpace(data, 1)
			if end := SkipValue(data, start); string(data[start:end]) != value {
				t.Errorf("%s: skipped %q, want %q", data, data[start:end], value)
			}
		}
	}
}

// Members are those that encoding/json finds, of which it takes the last of a name.
func FuzzMembers(f *testing.F) {
	for _, seed := range []string{`{}`, ` { } `, `{"a":1}`, " {\t\"a\" : [1,{\"b\":\"}\"}] ,\n\"b\":null } ", `{"\u0061":"x","a":true}`, `[{"a":1}]`, `"{"`, `7`, `{"":-0}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !utf8.Valid(data) || !json.Valid(data) || bytes.ContainsAny(bytes.TrimSpace(data)[:1], "0123456789-tfn") {
			return
		}
		var want map[string]json.RawMessage
		if json.Unmarshal(data, &want) != nil {
			want = nil
		}
		got := map[string]json.RawMessage{}
		for name, value := range Members(data) {
			got[name] = value
		}
		if !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Errorf("%s: %q, want %q", data, got, want)
		}
	})
}

// What AppendString writes reads as what encoding/json writes.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "room:lobby", `a"b\c`, "é", "\xff", "<&>", "\x00\n", "\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, want string
		text := AppendString([]byte("x"), s)
		if err := json.Unmarshal(text[1:], &got); err != nil || text[0] != 'x' {
			t.Fatalf("%q: %v", text, err)
		}
		quoted, _ := json.Marshal(s)
		json.Unmarshal(quoted, &want)
		if got != want {
			t.Errorf("%q reads as %q, want %q", text, got, want)
		}
	})
}
