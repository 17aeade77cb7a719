package schema

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Schema is what JSON for a Go type looks like, as far as json.Unmarshal does not
// insist on it by itself. It never changes; [For] makes it.
type Schema struct {
	typ    reflect.Type
	opens  byte    // what the JSON begins with, if there is more to look at: { or [
	fields []field // of a struct; nil: not a struct
	elem   *Schema // of an array's elements or a map's values; nil: neither

	named, folded map[string]int // the fields by name, and by name without case
	longest       int            // name
	mandatory     int            // fields

	kind reflect.Kind // of a value that json.Unmarshal itself decodes; Invalid: of another
	bits int          // of a number
}

// field is a field of an object.
type field struct {
	name     []byte
	required bool
	quoted   bool // has the option "string"
	*Schema
}

var schemas sync.Map // reflect.Type → *Schema

// For returns the schema of T. It is made once for each type.
func For[T any]() *Schema {
	t := reflect.TypeFor[T]()
	if s, ok := schemas.Load(t); ok {
		return s.(*Schema)
	}
	s, _ := schemas.LoadOrStore(t, newSchema(t, map[reflect.Type]*Schema{}))
	return s.(*Schema)
}

var (
	jsonUnmarshaler = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()
)

// newSchema returns the schema of t. Those in done are made, or being made: a type may
// contain itself.
func newSchema(t reflect.Type, done map[reflect.Type]*Schema) *Schema {
	if s := done[t]; s != nil {
		return s
	}
	s := &Schema{typ: t}
	done[t] = s
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := reflect.PointerTo(t); p.Implements(jsonUnmarshaler) || p.Implements(textUnmarshaler) {
		return s // knows how to read itself
	}
	if t != reflect.TypeFor[json.Number]() { // which is a string that must be a number
		s.kind = t.Kind()
	}
	switch t.Kind() {
	case reflect.Struct:
		s.opens, s.fields = '{', []field{}
		s.addFields(t, done)
		s.index()
	case reflect.Map:
		s.opens, s.elem = '{', newSchema(t.Elem(), done)
	case reflect.Slice, reflect.Array:
		s.opens, s.elem = '[', newSchema(t.Elem(), done)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr,
		reflect.Float32, reflect.Float64:
		s.bits = t.Bits()
	}
	return s
}

// addFields adds the fields of a struct by the rules of encoding/json: those of its
// embedded structs are its own, unless they are hidden by a field further out.
func (s *Schema) addFields(t reflect.Type, done map[reflect.Type]*Schema) {
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
				Schema: newSchema(f.Type, done),
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

// index makes what find looks into. Of names that differ in case only, json.Unmarshal
// takes the first.
func (s *Schema) index() {
	s.named, s.folded = make(map[string]int), make(map[string]int)
	for i := range s.fields {
		f := &s.fields[i]
		s.named[string(f.name)] = i
		folded := string(appendFolded(nil, f.name))
		if _, taken := s.folded[folded]; !taken {
			s.folded[folded] = i
		}
		s.longest = max(s.longest, len(f.name))
		if f.required {
			s.mandatory++
		}
	}
}

// find returns the index of the field that json.Unmarshal takes for the key, or -1.
// It takes the same time however many fields there are, and however long the key is.
func (s *Schema) find(key []byte) int {
	if i, ok := s.named[string(key)]; ok {
		return i
	}
	if len(key) > 2+len(`\u0000`)*utf8.UTFMax*s.longest {
		return -1
	}
	var room [2][64]byte // on the stack
	key = unescaped(room[0][:0], key)
	if i, ok := s.named[string(key)]; ok {
		return i
	}
	if i, ok := s.folded[string(appendFolded(room[1][:0], key))]; ok {
		return i
	}
	return -1
}

// appendFolded appends a name so that all that are equal but for their case become the
// same: each rune as the least of those that fold to it.
func appendFolded(b, name []byte) []byte {
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		name = name[n:]
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		b = utf8.AppendRune(b, least)
	}
	return b
}

// fits reports whether a value can be decoded for sure, as far as that can be told at
// a glance: as most can, also beside one that cannot.
func (s *Schema) fits(value []byte) bool {
	if value[0] == 'n' { // null
		return s.kind != reflect.Invalid
	}
	var err error
	switch s.kind {
	case reflect.String:
		return value[0] == '"'
	case reflect.Bool:
		return value[0] == 't' || value[0] == 'f'
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(string(value), 10, s.bits)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		_, err = strconv.ParseUint(string(value), 10, s.bits)
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(string(value), s.bits)
	default:
		return false
	}
	return err == nil
}
