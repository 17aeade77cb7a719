package wire

import (
	"encoding/json"
	"errors"
	"testing"
)

func TestObjectsAreWhatIsSent(t *testing.T) { // WIRE-9, CLI-11
	for _, ok := range []any{nil, map[string]int{}, struct{ A int }{1}, Binary(nil), Payload{}, json.RawMessage(` {"a":1}`)} {
		if _, err := Object(ok); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
	}
	for _, bad := range []any{1, "text", []int{1}, true, json.RawMessage("null")} {
		if _, err := Object(bad); !errors.Is(err, ErrPayload) {
			t.Errorf("%v: %v, want ErrPayload", bad, err)
		}
	}
	if _, err := Object(func() {}); err == nil {
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
	if text := p.String(); text != `{"n":1}` {
		t.Errorf("as text: %s", text)
	}
	if text := Binary([]byte("abc")).String(); text != "3 bytes" {
		t.Errorf("binary as text: %s", text)
	}
	if out, err := json.Marshal(map[string]Payload{"p": p}); err != nil || string(out) != `{"p":{"n":1}}` {
		t.Errorf("as part of another: %s, %v", out, err)
	}
}
