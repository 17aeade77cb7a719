package schema

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// inspection compares JSON with a schema. The JSON is valid: json.Unmarshal has seen it.
type inspection struct {
	strict   bool // fields that the type does not have are a problem
	explain  bool // look for the values that cannot be decoded
	problems map[string]string
	reports  int // of problems; some may have been of one path

	// path is where it looks: the names of fields, and of a map's keys. An array's
	// elements have the path of the array, as in the errors of encoding/json.
	path [][]byte
}

// The answer to a bad payload must not be large because the payload is, nor take long:
// after so many reports the inspection is over.
const (
	maxReports = 16
	maxPath    = 100 // bytes
)

func (c *inspection) isOver() bool { return c.reports == maxReports }

func (c *inspection) report(problem string) {
	if c.isOver() {
		return
	}
	c.reports++
	if c.problems == nil {
		c.problems = map[string]string{}
	}
	c.problems[c.where()] = problem
}

// where returns the path as the client gets it. It does not read more of the path than
// that.
func (c *inspection) where() string {
	var path []byte
	for i, name := range c.path {
		if i > 0 {
			path = append(path, '.')
		}
		name = unescaped(nil, name)
		if path = append(path, name[:min(len(name), maxPath)]...); len(path) >= maxPath {
			path = path[:maxPath]
			break
		}
	}
	return strings.ToValidUTF8(string(path), "")
}

// at looks at a value that is further in.
func (c *inspection) at(name []byte, s *Schema, data []byte, i int) int {
	if data[i] != s.opens && !c.explain { // as most are: no need to remember where
		return jsontext.SkipValue(data, i)
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

// value looks at the value that starts at data[i] and returns the index behind it, or
// any index if the inspection is over. It reads each byte a few times at most, however
// deep the nesting.
func (c *inspection) value(s *Schema, data []byte, i int) int {
	switch {
	case data[i] != s.opens:
	case s.fields != nil:
		return c.object(s, data, i)
	default:
		return c.elements(s, data, i)
	}
	end := jsontext.SkipValue(data, i)
	if c.explain && len(c.path) > 0 && !s.fits(data[i:end]) {
		if err := json.Unmarshal(data[i:end], reflect.New(s.typ).Interface()); err != nil {
			c.report(problem(err))
		}
	}
	return end
}

// object looks at an object for a struct.
func (c *inspection) object(s *Schema, data []byte, i int) int {
	var few [32]bool
	seen, left := few[:], s.mandatory
	if len(s.fields) > len(seen) {
		seen = make([]bool, len(s.fields))
	}
	i = jsontext.SkipSpace(data, i+1)
	for data[i] != '}' {
		key, start := member(data, i)
		n := s.find(key)
		switch {
		case n < 0:
			if c.strict {
				c.reportAt(key, "is unknown")
			}
			i = jsontext.SkipValue(data, start)
		case data[start] == 'n' && s.fields[n].required: // null
			i = jsontext.SkipValue(data, start)
		default:
			if f := &s.fields[n]; f.required && !seen[n] {
				left--
			}
			seen[n] = true
			if s.fields[n].quoted {
				i = jsontext.SkipValue(data, start)
			} else {
				i = c.at(s.fields[n].name, s.fields[n].Schema, data, start)
			}
		}
		if c.isOver() {
			return i
		}
		i = next(data, i)
	}
	for n := 0; left > 0; n++ {
		if f := &s.fields[n]; f.required && !seen[n] {
			left--
			c.reportAt(f.name, "is missing")
		}
	}
	return i + 1
}

// elements looks at each element of an array, or each value of an object for a map.
func (c *inspection) elements(s *Schema, data []byte, i int) int {
	isObject := data[i] == '{'
	i = jsontext.SkipSpace(data, i+1)
	for data[i] != ']' && data[i] != '}' {
		if isObject {
			key, start := member(data, i)
			i = c.at(key, s.elem, data, start)
		} else {
			i = c.value(s.elem, data, i)
		}
		if c.isOver() {
			return i
		}
		i = next(data, i)
	}
	return i + 1
}

// member returns the key that starts at data[i], and the index of its value. A key with
// escapes is returned as it is, in quotes: to decode them takes long, and is seldom of
// use. No other name begins with a quote.
func member(data []byte, i int) (key []byte, value int) {
	end := jsontext.SkipValue(data, i)
	key = data[i+1 : end-1]
	if bytes.IndexByte(key, '\\') >= 0 {
		key = data[i:end]
	}
	colon := jsontext.SkipSpace(data, end)
	return key, jsontext.SkipSpace(data, colon+1)
}

// unescaped returns a key that member has returned without its escapes, in b if it has
// any and there is room.
func unescaped(b, key []byte) []byte {
	if len(key) == 0 || key[0] != '"' {
		return key
	}
	for key = key[1 : len(key)-1]; len(key) > 0; {
		if key[0] != '\\' {
			b, key = append(b, key[0]), key[1:]
			continue
		}
		escape := key[1]
		key = key[2:]
		if i := strings.IndexByte("bfnrt", escape); i >= 0 {
			b = append(b, "\b\f\n\r\t"[i])
		} else if escape != 'u' {
			b = append(b, escape)
		} else {
			var r rune
			r, key = codeUnit(key), key[4:]
			if utf16.IsSurrogate(r) && len(key) >= 6 && key[0] == '\\' && key[1] == 'u' {
				if both := utf16.DecodeRune(r, codeUnit(key[2:])); both != utf8.RuneError {
					r, key = both, key[6:]
				}
			}
			b = utf8.AppendRune(b, r) // half a pair becomes U+FFFD
		}
	}
	return b
}

// codeUnit returns the number that four digits are.
func codeUnit(digits []byte) rune {
	var n [2]byte
	hex.Decode(n[:], digits[:4]) // are valid
	return rune(n[0])<<8 | rune(n[1])
}

// next returns the index of what follows a member or an element that ends at i: the
// next one, or the end of them all.
func next(data []byte, i int) int {
	if i = jsontext.SkipSpace(data, i); data[i] == ',' {
		return jsontext.SkipSpace(data, i+1)
	}
	return i
}
