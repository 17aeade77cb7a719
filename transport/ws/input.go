package ws

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/transport/ws/internal/schema"
)

// InputError says what is wrong with what a client has sent. It is made to be sent
// back: as the payload of [Error] or [Refuse] it reaches the client as
//
//	{"reason": "invalid payload", "fields": {"body": "is missing", "user.age": "must be an integer, not a string"}}
type InputError struct {
	// Reason is "invalid payload" if it is empty.
	Reason string
	// Fields says what is wrong with which field. A field within another one is
	// written "user.age", whichever element it is of if user is an array. Of what is
	// found when decoding, no more than 16 are listed.
	Fields map[string]string
}

// Invalid returns the [InputError] of one field, for a Validate or a handler that
// found a problem with it:
//
//	return ws.Invalid("body", "is longer than 1000 characters")
func Invalid(field, problem string) error {
	return &InputError{Fields: map[string]string{field: problem}}
}

func (e InputError) reason() string {
	if e.Reason == "" {
		return "invalid payload"
	}
	return e.Reason
}

// Error lists all that is wrong.
func (e *InputError) Error() string {
	var s strings.Builder
	s.WriteString("ws: " + e.reason())
	separator := ": "
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		s.WriteString(separator + field + " " + e.Fields[field])
		separator = ", "
	}
	return s.String()
}

// MarshalJSON implements [json.Marshaler].
func (e InputError) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Reason string            `json:"reason"`
		Fields map[string]string `json:"fields,omitempty"`
	}{e.reason(), e.Fields})
}

// Validator is an input that knows more about itself than its types say. Validate
// is called when the input is decoded and complete. The text of its error is sent to
// the client; use [Invalid], or an [InputError] for several fields, to say which field
// it is about.
type Validator interface {
	Validate() error
}

// Decode decodes a JSON payload into a T and validates it: [On] does so for events,
// Decode is for the payload of a Join, which may return its error as it is:
//
//	in, err := ws.Decode[Credentials](payload)
//	if err != nil {
//		return nil, err
//	}
//
// Decoding follows [json.Unmarshal], and three rules on top of it. What a struct
// names must be there: a field that is missing, or null, is an error unless it is a
// pointer or tagged omitempty or omitzero. The same goes for structs within it, and in
// its arrays and maps. Further fields are ignored, so that clients may be newer than
// the server; see [OnStrict]. At last comes T's Validate, if it is a [Validator].
//
// The error is an [*InputError].
func Decode[T any](in Payload) (T, error) {
	var v T
	err := decode(schema.For[T](), in, &v, false)
	return v, err
}

// decode decodes in into v, a pointer to the type of s. Its errors are InputErrors.
func decode(s *schema.Schema, in Payload, v any, strict bool) error {
	if in.IsBinary() {
		return &InputError{Reason: "payload must be JSON, not binary"}
	}
	if m := s.Decode(in.Bytes(), v, strict); m != nil {
		if m.Fields != nil {
			return &InputError{Fields: m.Fields}
		}
		return &InputError{Reason: "payload " + m.Reason}
	}
	if v, ok := validator(v); ok {
		if err := v.Validate(); err != nil {
			return asInputError(err)
		}
	}
	return nil
}

// validator returns what the input that v points to validates itself by. The input may be
// a pointer, which has been decoded to nil or to one.
func validator(v any) (Validator, bool) {
	if p := reflect.ValueOf(v).Elem(); p.Kind() == reflect.Pointer && !p.IsNil() {
		return validator(p.Interface())
	}
	found, ok := v.(Validator)
	return found, ok
}

// asInputError returns what the client is told about an error of Validate.
func asInputError(err error) error {
	if e, ok := errors.AsType[*InputError](err); ok {
		return e
	}
	return &InputError{Reason: err.Error()}
}
