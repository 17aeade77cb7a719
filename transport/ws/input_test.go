package ws_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

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
	order struct {
		stamped
		User   person            `json:"user"`
		Items  []item            `json:"items"`
		Prices map[string]price  `json:"prices,omitempty"`
		Next   *order            `json:"next"`
		Raw    json.RawMessage   `json:"raw,omitempty"`
		Extra  map[string]string `json:"-"`
	}
	stamped struct {
		At    time.Time `json:"at"`
		Likes string    `json:"user"` // hidden by order's
	}
	person struct {
		Name string `json:"name"`
		Age  uint8  `json:"age"`
	}
	item struct {
		Count int    `json:"count"`
		Code  []byte `json:"code,omitempty"`
		Big   int64  `json:"big,string,omitempty"`
	}
	price float64

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

const goodOrder = `{"at":"2026-01-02T03:04:05Z","user":{"name":"ann","age":7},"items":[{"count":1}]}`

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
		"complete":             {decodeAs[note], `{"body":"hi","likes":3,"mood":"good","tags":["a"]}`, ``},
		"optional left out":    {decodeAs[note], `{"body":"hi"}`, ``},
		"optional null":        {decodeAs[note], `{"body":"hi","mood":null}`, ``},
		"zero is there":        {decodeAs[note], `{"body":""}`, ``},
		"unknown is ignored":   {decodeAs[note], `{"body":"hi","new":{"in":["version 3"]}}`, ``},
		"folded, as json does": {decodeAs[note], `{"Body":"hi"}`, ``},
		"escaped key":          {decodeAs[note], `{"b\u006fdy":"hi"}`, ``},
		"key in two escapes":   {decodeAs[map[string]int], `{"\ud83d\ude00\ud83d\n\"\/\u00e9":"x"}`, `{"reason":"invalid payload","fields":{"\ud83d\ude00\ufffd\n\"/\u00e9":"must be an integer, not a string"}}`},
		"missing":              {decodeAs[note], `{}`, `{"reason":"invalid payload","fields":{"body":"is missing"}}`},
		"null":                 {decodeAs[note], `{"body":null}`, `{"reason":"invalid payload","fields":{"body":"is missing"}}`},
		"wrong type":           {decodeAs[note], `{"body":17}`, `{"reason":"invalid payload","fields":{"body":"must be a string, not a number"}}`},
		"wrong and missing":    {decodeAs[note], `{"likes":"many"}`, `{"reason":"invalid payload","fields":{"body":"is missing","likes":"must be an integer, not a string"}}`},
		"not an integer":       {decodeAs[note], `{"body":"","likes":1.5}`, `{"reason":"invalid payload","fields":{"likes":"must be an integer, not 1.5"}}`},
		"element":              {decodeAs[note], `{"body":"","tags":["a",false]}`, `{"reason":"invalid payload","fields":{"tags":"must be a string, not a boolean"}}`},
		"not an array":         {decodeAs[note], `{"body":"","tags":{"a":1}}`, `{"reason":"invalid payload","fields":{"tags":"must be an array, not an object"}}`},
		"array":                {decodeAs[note], ` [1] `, `{"reason":"payload must be an object, not an array"}`},
		"text":                 {decodeAs[note], `"hi"`, `{"reason":"payload must be an object, not a string"}`},
		"nothing":              {decodeAs[*note], `null`, `{"reason":"payload must be an object, not null"}`},
		"scalar":               {decodeAs[int], `"x"`, `{"reason":"payload must be an integer, not a string"}`},
		"any":                  {decodeAs[any], `17`, ``},
		"map":                  {decodeAs[map[string]int], `{"a":1,"b":"2"}`, `{"reason":"invalid payload","fields":{"b":"must be an integer, not a string"}}`},
		"nested, complete":     {decodeAs[order], goodOrder, ``},
		"nested": {decodeAs[order], `{"at":"yesterday","user":{"age":300},"items":[{"count":1},{"code":"?"}],"prices":{"tea":"dear"}}`,
			`{"reason":"invalid payload","fields":{"at":"is not valid","user.name":"is missing","user.age":"must be an integer from 0 to 255, not 300",
			"items.count":"is missing","items.code":"is not valid","prices.tea":"must be a number, not a string"}}`},
		"recursive": {decodeAs[order], `{"at":"2026-01-02T03:04:05Z","user":{"name":"ann","age":7},"items":[],"next":` +
			strings.Replace(goodOrder, `"name":"ann",`, ``, 1) + `}`, `{"reason":"invalid payload","fields":{"next.user.name":"is missing"}}`},
		"quoted number":      {decodeAs[item], `{"count":1,"big":"12345678901234567"}`, ``},
		"bad beside quoted":  {decodeAs[item], `{"count":"x","big":"12345678901234567"}`, `{"reason":"invalid payload","fields":{"count":"must be an integer, not a string"}}`},
		"bytes":              {decodeAs[item], `{"count":1,"code":7}`, `{"reason":"invalid payload","fields":{"code":"must be a base64 string, not a number"}}`},
		"valid":              {decodeAs[fussy], `{"Body":"hi"}`, ``},
		"invalid, the field": {decodeAs[fussy], `{"Body":""}`, `{"reason":"invalid payload","fields":{"Body":"is empty"}}`},
		"invalid, otherwise": {decodeAs[fussy], `{"Body":"123456"}`, `{"reason":"too long for us"}`},
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

// A type that contains itself must not be looked at for ever.
func TestRecursiveTypesHaveAShape(t *testing.T) {
	type Tree struct {
		*Tree
		Kids []Tree `json:"kids,omitempty"`
		Name string `json:"name"`
	}
	if err := decodeAs[Tree](ws.Payload{}); err == nil || !strings.Contains(err.Error(), "name is missing") {
		t.Error(err)
	}
	payload, _ := ws.JSON(json.RawMessage(`{"name":"a","kids":[{"name":"b","kids":[{}]}]}`))
	if err := decodeAs[Tree](payload); err == nil || !strings.Contains(err.Error(), "kids.kids.name is missing") {
		t.Error(err)
	}
}

// FuzzDecode tries to make the inspection of payloads disagree with encoding/json, or
// run past the end.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{goodOrder, `{"items":[{"count":1},null],"next":{}}`, `{"a\"":[}`, `[[1],[2,"]"]]`, `"{"`, ` {} `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if !json.Valid([]byte(in)) {
			return
		}
		payload, err := ws.JSON(json.RawMessage(in))
		if err != nil {
			t.Skip(err)
		}
		var plain order
		bad := payload.Decode(&plain)
		if _, err := ws.Decode[order](payload); err == nil && bad != nil {
			t.Errorf("decoded, although %v", bad)
		}
		ws.Decode[map[string][]order](payload)
		ws.Decode[[]note](payload)
	})
}
