package ws

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// shape is what JSON for a Go type looks like, as far as json.Unmarshal does not
// insist on it by itself. It is made once for each type.
type shape struct {
	typ    reflect.Type
	opens  byte    // what the JSON begins with, if there is more to look at: { or [
	fields []field // of a struct; nil: not a struct
	elem   *shape  // of an array's elements or a map's values; nil: neither
}

// field is a field of an object.
type field struct {
	name     []byte
	required bool
	quoted   bool // has the option "string"
	*shape
}

var shapes sync.Map // reflect.Type → *shape

func shapeFor[T any]() *shape {
	t := reflect.TypeFor[T]()
	if s, ok := shapes.Load(t); ok {
		return s.(*shape)
	}
	s, _ := shapes.LoadOrStore(t, newShape(t, map[reflect.Type]*shape{}))
	return s.(*shape)
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
)

// newShape returns the shape of t. Those in done are made, or being made: a type may
// contain itself.
func newShape(t reflect.Type, done map[reflect.Type]*shape) *shape {
	if s := done[t]; s != nil {
		return s
	}
	s := &shape{typ: t}
	done[t] = s
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return s // knows how to read itself
	}
	switch t.Kind() {
	case reflect.Struct:
		s.opens, s.fields = '{', []field{}
		s.addFields(t, done)
	case reflect.Map:
		s.opens, s.elem = '{', newShape(t.Elem(), done)
	case reflect.Slice, reflect.Array:
		s.opens, s.elem = '[', newShape(t.Elem(), done)
	}
	return s
}

// addFields adds the fields of a struct by the rules of encoding/json: those of its
// embedded structs are its own, unless they are hidden by a field further out.
func (s *shape) addFields(t reflect.Type, done map[reflect.Type]*shape) {
	type level struct {
		t        reflect.Type
		optional bool // behind a pointer
	}
	met := map[reflect.Type]bool{}
	for levels := []level{{t, false}}; len(levels) > 0; levels = levels[1:] {
		l := levels[0]
		if met[l.t] {
			continue
		}
		met[l.t] = true
		for i := range l.t.NumField() {
			f := l.t.Field(i)
			name, rest, _ := strings.Cut(f.Tag.Get("json"), ",")
			isPointer := f.Type.Kind() == reflect.Pointer
			switch embedded := structOf(f.Type); {
			case f.Tag.Get("json") == "-":
				continue
			case f.Anonymous && name == "" && embedded != nil:
				levels = append(levels, level{embedded, l.optional || isPointer})
				continue
			case !f.IsExported():
				continue
			case name == "":
				name = f.Name
			}
			if slices.ContainsFunc(s.fields, func(g field) bool { return string(g.name) == name }) {
				continue
			}
			options := strings.Split(rest, ",")
			s.fields = append(s.fields, field{
				name: []byte(name),
				required: !l.optional && !isPointer &&
					!slices.Contains(options, "omitempty") && !slices.Contains(options, "omitzero"),
				quoted: slices.Contains(options, "string"),
				shape:  newShape(f.Type, done),
			})
		}
	}
}

// structOf returns t, or what t points to, if that is a struct; otherwise nil.
func structOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	return t
}

// find returns the index of the field that json.Unmarshal takes for the key, or -1.
func (s *shape) find(key []byte) int {
	for i := range s.fields {
		if bytes.Equal(s.fields[i].name, key) {
			return i
		}
	}
	for i := range s.fields {
		if bytes.EqualFold(s.fields[i].name, key) {
			return i
		}
	}
	return -1
}

// inspection compares JSON with a shape. The JSON is valid: json.Unmarshal has seen it.
type inspection struct {
	strict   bool // fields that the type does not have are a problem
	explain  bool // look for the values that cannot be decoded
	problems map[string]string

	// path is where it looks: the names of fields, and of a map's keys. An array's
	// elements have the path of the array, as in the errors of encoding/json.
	path [][]byte
}

// The answer to a bad payload must not be large because the payload is.
const (
	maxProblems = 16
	maxPath     = 100 // bytes
)

func (c *inspection) report(problem string) {
	if c.problems == nil {
		c.problems = map[string]string{}
	}
	if len(c.problems) < maxProblems {
		path := bytes.Join(c.path, []byte{'.'})
		c.problems[string(path[:min(len(path), maxPath)])] = problem
	}
}

// at looks at a value that is further in.
func (c *inspection) at(name []byte, s *shape, data []byte, i int) int {
	if data[i] != s.opens && !c.explain { // as most are: no need to remember where
		return skipValue(data, i)
	}
	c.path = append(c.path, name)
	i = c.value(s, data, i)
	c.path = c.path[:len(c.path)-1]
	return i
}

func (c *inspection) reportAt(name []byte, problem string) {
	c.path = append(c.path, name)
	c.report(problem)
	c.path = c.path[:len(c.path)-1]
}

// value looks at the value that starts at data[i] and returns the index behind it.
// It reads each byte once, however deep the nesting.
func (c *inspection) value(s *shape, data []byte, i int) int {
	switch {
	case data[i] != s.opens:
	case s.fields != nil:
		return c.object(s, data, i)
	default:
		return c.elements(s, data, i)
	}
	end := skipValue(data, i)
	if c.explain && len(c.path) > 0 {
		if err := json.Unmarshal(data[i:end], reflect.New(s.typ).Interface()); err != nil {
			c.report(problem(err))
		}
	}
	return end
}

// object looks at an object for a struct.
func (c *inspection) object(s *shape, data []byte, i int) int {
	var few [32]bool
	seen := few[:]
	if len(s.fields) > len(seen) {
		seen = make([]bool, len(s.fields))
	}
	i = skipSpace(data, i+1)
	for data[i] != '}' {
		key, start := member(data, i)
		n := s.find(key)
		switch {
		case n < 0:
			if c.strict {
				c.reportAt(key, "is unknown")
			}
			i = skipValue(data, start)
		case data[start] == 'n' && s.fields[n].required: // null
			i = skipValue(data, start)
		case s.fields[n].quoted:
			seen[n] = true
			i = skipValue(data, start)
		default:
			seen[n] = true
			i = c.at(s.fields[n].name, s.fields[n].shape, data, start)
		}
		i = next(data, i)
	}
	for n := range s.fields {
		if f := &s.fields[n]; f.required && !seen[n] {
			c.reportAt(f.name, "is missing")
		}
	}
	return i + 1
}

// elements looks at each element of an array, or each value of an object for a map.
func (c *inspection) elements(s *shape, data []byte, i int) int {
	isObject := data[i] == '{'
	i = skipSpace(data, i+1)
	for data[i] != ']' && data[i] != '}' {
		if isObject {
			key, start := member(data, i)
			i = c.at(key, s.elem, data, start)
		} else {
			i = c.value(s.elem, data, i)
		}
		i = next(data, i)
	}
	return i + 1
}

// member returns the key that starts at data[i], and the index of its value.
func member(data []byte, i int) (key []byte, value int) {
	end := skipValue(data, i)
	key = data[i+1 : end-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		var s string
		json.Unmarshal(data[i:end], &s) // is valid
		key = []byte(s)
	}
	colon := skipSpace(data, end)
	return key, skipSpace(data, colon+1)
}

// next returns the index of what follows a member or an element that ends at i: the
// next one, or the end of them all.
func next(data []byte, i int) int {
	if i = skipSpace(data, i); data[i] == ',' {
		return skipSpace(data, i+1)
	}
	return i
}

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
