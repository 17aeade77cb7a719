package jsontext

import (
	"bytes"
	"encoding/json"
	"iter"
)

// Members returns the names and values of a JSON object, in order; none of any other value. A
// name is without its quotes and escapes.
func Members(data []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		i := SkipSpace(data, 0)
		if data[i] != '{' {
			return
		}
		for i = SkipSpace(data, i+1); data[i] != '}'; {
			end := SkipValue(data, i)
			name := Text(data[i:end])
			i = SkipSpace(data, SkipSpace(data, end)+1) // behind the colon
			end = SkipValue(data, i)
			if !yield(name, data[i:end]) {
				return
			}
			if i = SkipSpace(data, end); data[i] == ',' {
				i = SkipSpace(data, i+1)
			}
		}
	}
}

// Text returns the text of a JSON string; "" of any other value.
func Text(value []byte) string {
	if value[0] != '"' {
		return ""
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : len(value)-1])
	}
	var s string
	json.Unmarshal(value, &s) // cannot fail for a string
	return s
}
