package ws_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/transport/ws"
)

// The types that the tests of decoding decode into.
type (
	note struct {
		Body  string   `json:"body"`
		Likes int      `json:"likes,omitempty"`
		Mood  *string  `json:"mood"`
		Tags  []string `json:"tags,omitzero"`
	}
	person struct {
		Name string `json:"name"`
		Age  uint8  `json:"age"`
	}
	fussy struct{ Body string }
)

var errTooLong = errors.New("too long for us")

func (f *fussy) Validate() error {
	switch {
	case f.Body == "":
		return ws.Invalid("Body", "is empty")
	case len(f.Body) > 5:
		return errTooLong
	}
	return nil
}

func decodeAs[T any](p ws.Payload) error {
	_, err := ws.Decode[T](p)
	return err
}

func TestInputIsDecodedAndWhatIsWrongIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		decode func(ws.Payload) error
		in     string
		want   string // what the client gets; "" if all is well
	}{
		"complete":           {decodeAs[note], `{"body":"hi","likes":3,"mood":"good","tags":["a"]}`, ``},
		"missing":            {decodeAs[note], `{}`, `{"reason":"invalid payload","fields":{"body":"is missing"}}`},
		"wrong type":         {decodeAs[note], `{"body":17}`, `{"reason":"invalid payload","fields":{"body":"must be a string, not a number"}}`},
		"wrong and missing":  {decodeAs[note], `{"likes":"many"}`, `{"reason":"invalid payload","fields":{"body":"is missing","likes":"must be an integer, not a string"}}`},
		"array":              {decodeAs[note], ` [1] `, `{"reason":"payload must be an object, not an array"}`},
		"scalar":             {decodeAs[int], `"x"`, `{"reason":"payload must be an integer, not a string"}`},
		"any":                {decodeAs[any], `17`, ``},
		"nested":             {decodeAs[map[string]person], `{"a":{"age":300}}`, `{"reason":"invalid payload","fields":{"a.name":"is missing","a.age":"must be an integer from 0 to 255, not 300"}}`},
		"valid":              {decodeAs[fussy], `{"Body":"hi"}`, ``},
		"invalid, the field": {decodeAs[fussy], `{"Body":""}`, `{"reason":"invalid payload","fields":{"Body":"is empty"}}`},
		"invalid, otherwise": {decodeAs[fussy], `{"Body":"123456"}`, `{"reason":"too long for us"}`},
		"invalid, a pointer": {decodeAs[*fussy], `{"Body":""}`, `{"reason":"invalid payload","fields":{"Body":"is empty"}}`},
		"not validated":      {decodeAs[fussy], `{}`, `{"reason":"invalid payload","fields":{"Body":"is missing"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			payload, err := ws.JSON(json.RawMessage(c.in))
			if err != nil {
				t.Fatal(err)
			}
			err = c.decode(payload)
			if err == nil {
				if c.want != "" {
					t.Fatalf("decoded, want %s", c.want)
				}
				return
			}
			if _, ok := errors.AsType[*ws.InputError](err); !ok {
				t.Errorf("%T is no InputError", err)
			}
			if got, _ := json.Marshal(err); !sameJSON(got, c.want) {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestInputErrorReadsAsASentence(t *testing.T) {
	_, err := ws.Decode[person](ws.Payload{})
	const want = "ws: invalid payload: age is missing, name is missing"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	if err := decodeAs[person](ws.Binary(nil)); err == nil || err.Error() != "ws: payload must be JSON, not binary" {
		t.Errorf("binary: %v", err)
	}
	for _, text := range []string{``, `{"name"`, `[1,`, `nul`} {
		if err := decodeAs[person](ws.RawJSON([]byte(text))); err == nil || err.Error() != "ws: payload is not JSON" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// An answer must not be made large by what the client sends.
func TestInputErrorListsNoMoreProblemsThanIsOfUse(t *testing.T) {
	in := map[string]any{}
	for i := range 1000 {
		in[strings.Repeat("x", 1000)+string(rune('a'+i%26))+strings.Repeat("y", i)] = "no"
	}
	payload, _ := ws.JSON(in)
	_, err := ws.Decode[map[string]int](payload)
	invalid, ok := errors.AsType[*ws.InputError](err)
	if !ok || len(invalid.Fields) > 16 || len(err.Error()) > 16*200 {
		t.Errorf("%d fields, %d bytes", len(invalid.Fields), len(err.Error()))
	}
}
