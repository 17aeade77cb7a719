package etf

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"unicode/utf8"
)

// JSON returns a term as JSON: nil, true and false as what they are called there, other
// atoms and binaries as strings, lists and tuples as arrays, maps as objects whose keys are
// strings. It fails for a binary that is not UTF-8, and for a map that would have a key
// twice, as one with both :id and "id".
func JSON(t Term) ([]byte, error) { return appendJSON(nil, t) }

func appendJSON(dst []byte, t Term) ([]byte, error) {
	switch t := t.(type) {
	case int64:
		return strconv.AppendInt(dst, t, 10), nil
	case *big.Int:
		return t.Append(dst, 10), nil
	case float64:
		return appendValue(dst, t)
	case Atom:
		switch t {
		case "nil":
			return append(dst, "null"...), nil
		case "true", "false":
			return append(dst, t...), nil
		}
		return appendValue(dst, string(t))
	case Binary:
		if !utf8.Valid(t) {
			return nil, fmt.Errorf("%w: a binary that is not UTF-8", ErrFormat)
		}
		return appendValue(dst, string(t))
	case List:
		return appendArray(dst, t)
	case Tuple:
		return appendArray(dst, t)
	case Map:
		return appendObject(dst, t)
	}
	return nil, ErrFormat
}

func appendValue(dst []byte, v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(dst, text...), err
}

func appendArray(dst []byte, all []Term) (_ []byte, err error) {
	dst = append(dst, '[')
	for i, t := range all {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = appendJSON(dst, t); err != nil {
			return nil, err
		}
	}
	return append(dst, ']'), nil
}

func appendObject(dst []byte, m Map) (_ []byte, err error) {
	seen := make(map[string]bool, len(m))
	dst = append(dst, '{')
	for i, p := range m {
		if i > 0 {
			dst = append(dst, ',')
		}
		key, err := keyOf(p.Key)
		if err != nil {
			return nil, err
		}
		if seen[key] {
			return nil, fmt.Errorf("%w: a key twice", ErrFormat)
		}
		seen[key] = true
		if dst, err = appendValue(dst, key); err != nil {
			return nil, err
		}
		dst = append(dst, ':')
		if dst, err = appendJSON(dst, p.Value); err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

// keyOf returns the key of an object that stands for one of a map.
func keyOf(t Term) (string, error) {
	switch t := t.(type) {
	case Atom:
		return string(t), nil
	case Binary:
		if utf8.Valid(t) {
			return string(t), nil
		}
	case int64:
		return strconv.FormatInt(t, 10), nil
	}
	return "", fmt.Errorf("%w: a key that is no string", ErrFormat)
}
