package schema

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
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
)

const goodOrder = `{"at":"2026-01-02T03:04:05Z","user":{"name":"ann","age":7},"items":[{"count":1}]}`

func decodeAs[T any](in string) *Mismatch {
	var v T
	return For[T]().Decode([]byte(in), &v, false)
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for name, c := range map[string]struct {
		decode func(string) *Mismatch
		in     string
		want   string // "" if all is well
	}{
		"complete":             {decodeAs[note], `{"body":"hi","likes":3,"mood":"good","tags":["a"]}`, ``},
		"optional left out":    {decodeAs[note], `{"body":"hi"}`, ``},
		"optional null":        {decodeAs[note], `{"body":"hi","mood":null}`, ``},
		"zero is there":        {decodeAs[note], `{"body":""}`, ``},
		"unknown is ignored":   {decodeAs[note], `{"body":"hi","new":{"in":["version 3"]}}`, ``},
		"folded, as json does": {decodeAs[note], `{"Body":"hi"}`, ``},
		"escaped key":          {decodeAs[note], `{"b\u006fdy":"hi"}`, ``},
		"key in two escapes":   {decodeAs[map[string]int], `{"\ud83d\ude00\ud83d\n\"\/\u00e9":"x"}`, `{"fields":{"\ud83d\ude00\ufffd\n\"/\u00e9":"must be an integer, not a string"}}`},
		"missing":              {decodeAs[note], `{}`, `{"fields":{"body":"is missing"}}`},
		"null":                 {decodeAs[note], `{"body":null}`, `{"fields":{"body":"is missing"}}`},
		"wrong type":           {decodeAs[note], `{"body":17}`, `{"fields":{"body":"must be a string, not a number"}}`},
		"wrong and missing":    {decodeAs[note], `{"likes":"many"}`, `{"fields":{"body":"is missing","likes":"must be an integer, not a string"}}`},
		"not an integer":       {decodeAs[note], `{"body":"","likes":1.5}`, `{"fields":{"likes":"must be an integer, not 1.5"}}`},
		"element":              {decodeAs[note], `{"body":"","tags":["a",false]}`, `{"fields":{"tags":"must be a string, not a boolean"}}`},
		"not an array":         {decodeAs[note], `{"body":"","tags":{"a":1}}`, `{"fields":{"tags":"must be an array, not an object"}}`},
		"array":                {decodeAs[note], ` [1] `, `{"reason":"must be an object, not an array"}`},
		"text":                 {decodeAs[note], `"hi"`, `{"reason":"must be an object, not a string"}`},
		"nothing":              {decodeAs[*note], `null`, `{"reason":"must be an object, not null"}`},
		"scalar":               {decodeAs[int], `"x"`, `{"reason":"must be an integer, not a string"}`},
		"any":                  {decodeAs[any], `17`, ``},
		"map":                  {decodeAs[map[string]int], `{"a":1,"b":"2"}`, `{"fields":{"b":"must be an integer, not a string"}}`},
		"nested, complete":     {decodeAs[order], goodOrder, ``},
		"nested": {decodeAs[order], `{"at":"yesterday","user":{"age":300},"items":[{"count":1},{"code":"?"}],"prices":{"tea":"dear"}}`,
			`{"fields":{"at":"is not valid","user.name":"is missing","user.age":"must be an integer from 0 to 255, not 300",
			"items.count":"is missing","items.code":"is not valid","prices.tea":"must be a number, not a string"}}`},
		"recursive": {decodeAs[order], `{"at":"2026-01-02T03:04:05Z","user":{"name":"ann","age":7},"items":[],"next":` +
			strings.Replace(goodOrder, `"name":"ann",`, ``, 1) + `}`, `{"fields":{"next.user.name":"is missing"}}`},
		"quoted number":     {decodeAs[item], `{"count":1,"big":"12345678901234567"}`, ``},
		"bad beside quoted": {decodeAs[item], `{"count":"x","big":"12345678901234567"}`, `{"fields":{"count":"must be an integer, not a string"}}`},
		"bytes":             {decodeAs[item], `{"count":1,"code":7}`, `{"fields":{"code":"must be a base64 string, not a number"}}`},
		"not JSON, empty":   {decodeAs[person], ``, `{"reason":"is not JSON"}`},
		"not JSON, cut":     {decodeAs[person], `{"name"`, `{"reason":"is not JSON"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := c.decode(c.in), (*Mismatch)(nil)
			if c.want != "" {
				if err := json.Unmarshal([]byte(c.want), &want); err != nil {
					t.Fatal(err)
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// A type that contains itself must not be looked at for ever.
func TestRecursiveTypesHaveASchema(t *testing.T) {
	type Tree struct {
		*Tree
		Kids []Tree `json:"kids,omitempty"`
		Name string `json:"name"`
	}
	if err := decodeAs[Tree](`{}`); err == nil || err.Fields["name"] != "is missing" {
		t.Error(err)
	}
	if err := decodeAs[Tree](`{"name":"a","kids":[{"name":"b","kids":[{}]}]}`); err == nil || err.Fields["kids.kids.name"] != "is missing" {
		t.Error(err)
	}
}

// FuzzDecode tries to make the inspection of JSON disagree with encoding/json, or run
// past the end.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{goodOrder, `{"items":[{"count":1},null],"next":{}}`, `{"a\"":[}`, `[[1],[2,"]"]]`, `"{"`, ` {} `} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var plain order
		bad := json.Unmarshal([]byte(in), &plain)
		if decodeAs[order](in) == nil && bad != nil {
			t.Errorf("decoded, although %v", bad)
		}
		decodeAs[map[string][]order](in)
		decodeAs[[]note](in)
	})
}
