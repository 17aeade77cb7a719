package schema

import (
	"bytes"
	"encoding/json"
)

// Mismatch says how JSON is not what a type demands.
type Mismatch struct {
	Reason string            // of the whole, such as "must be an object, not an array"; "" if Fields says it
	Fields map[string]string // what is wrong, by the path of the field; at most 16
}

// Decode decodes data into v, a pointer to what s is the schema of, and returns how data
// is not what s demands, or nil. If strict, fields that the type does not have count as
// well. What v has got is of no use if there is a mismatch.
func (s *Schema) Decode(data []byte, v any, strict bool) *Mismatch {
	data = bytes.TrimSpace(data)
	if !json.Valid(data) {
		return &Mismatch{Reason: "is not JSON"}
	}
	if s.fields != nil && data[0] != '{' {
		return &Mismatch{Reason: "must be an object, not " + article(kindOf(data))}
	}
	err := json.Unmarshal(data, v)
	check := inspection{strict: strict, explain: err != nil}
	if data[0] == '{' || data[0] == '[' {
		check.value(s, data, 0)
	}
	switch {
	case check.problems != nil:
		return &Mismatch{Fields: check.problems}
	case err != nil:
		return &Mismatch{Reason: problem(err)}
	}
	return nil
}
