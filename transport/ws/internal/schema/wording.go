package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// problem says why a value could not be decoded. An error of a type's own method is
// not the client's to see.
func problem(err error) string {
	e, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return "is not valid"
	}
	return "must be " + wanted(e.Type) + ", not " + article(e.Value)
}

// wanted says what JSON a type is decoded from.
func wanted(t reflect.Type) string {
	switch kind := t.Kind(); kind {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int64:
		return "an integer"
	case reflect.Int8, reflect.Int16, reflect.Int32:
		return fmt.Sprintf("an integer of %d bits", t.Bits())
	case reflect.Uint, reflect.Uint64, reflect.Uintptr:
		return "an integer that is not negative"
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("an integer from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "a base64 string"
		}
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "something else"
}

// kindOf names the kind of a JSON value, in the words of encoding/json.
func kindOf(data []byte) string {
	switch data[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "bool"
	case 'n':
		return "null"
	}
	return "number"
}

// article writes what encoding/json found, such as "string" or "number 1.5", as a
// sentence has it.
func article(found string) string {
	if literal, ok := strings.CutPrefix(found, "number "); ok {
		return literal[:min(len(literal), 40)]
	}
	switch found {
	case "null":
		return "null"
	case "bool":
		return "a boolean"
	case "array", "object":
		return "an " + found
	}
	return "a " + found
}
