package wire

import (
	"encoding/json"
	"fmt"

	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
)

// splitArray returns the first len(parts) elements of a JSON array, undecoded.
// Further elements are ignored; fewer are an error, as is anything that is not JSON.
func splitArray(data []byte, parts [][]byte) error {
	if !json.Valid(data) {
		return fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	// The text is valid JSON, so it is enough to follow strings and nesting.
	i := jsontext.SkipSpace(data, 0)
	if data[i] != '[' {
		return fmt.Errorf("%w: not an array", ErrMalformed)
	}
	for n := range parts {
		start := jsontext.SkipSpace(data, i+1)
		if data[start] == ']' {
			return fmt.Errorf("%w: %d elements, want %d", ErrMalformed, n, len(parts))
		}
		i = jsontext.SkipValue(data, start)
		parts[n] = data[start:i]
		if i = jsontext.SkipSpace(data, i); data[i] == ']' && n < len(parts)-1 {
			return fmt.Errorf("%w: %d elements, want %d", ErrMalformed, n+1, len(parts))
		}
	}
	return nil
}

// unquote decodes a JSON string.
func unquote(data []byte) (string, error) {
	if len(data) >= 2 && data[0] == '"' {
		plain := true
		for _, b := range data[1 : len(data)-1] {
			if b == '\\' {
				plain = false
				break
			}
		}
		if plain {
			return string(data[1 : len(data)-1]), nil
		}
	}
	var s string
	if err := json.Unmarshal(data, &s); err != nil || data[0] != '"' {
		return "", fmt.Errorf("%w: %.40s is not a string", ErrMalformed, data)
	}
	return s, nil
}

// rawRef takes a reference as it is; only strings, numbers and null can be one.
func rawRef(data []byte) (string, error) {
	switch data[0] {
	case 'n':
		return "", nil
	case '{', '[', 't', 'f':
		return "", fmt.Errorf("%w: %.40s is not a ref", ErrMalformed, data)
	}
	return string(data), nil
}

func appendRef(dst []byte, ref string) []byte {
	if ref == "" {
		return append(dst, "null"...)
	}
	return append(dst, ref...)
}

// appendReply appends the payload of a phx_reply.
func appendReply(dst []byte, status string, response Payload) []byte {
	dst = append(dst, `{"status":`...)
	dst = jsontext.AppendString(dst, status)
	dst = append(dst, `,"response":`...)
	dst = append(dst, response.Bytes()...)
	return append(dst, '}')
}
