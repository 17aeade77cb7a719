package presence

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/internal/jsontext"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// encodeMeta returns the text of a JSON object, without refs: old ones that are still
// in it, say.
func encodeMeta(meta any) (string, error) {
	text, err := object(meta)
	if err != nil || !strings.Contains(text, `"phx_ref`) {
		return text, err
	}
	return without(text, "phx_ref", "phx_ref_prev")
}

// object returns v as the text of a JSON object, with nothing around it.
func object(v any) (string, error) {
	p, err := ws.JSON(v)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrMeta, err)
	}
	text := strings.Trim(string(p.Bytes()), " \t\r\n")
	if p.IsBinary() || !strings.HasPrefix(text, "{") || !json.Valid([]byte(text)) {
		return "", fmt.Errorf("%w, not %.40s", ErrMeta, text)
	}
	return text, nil
}

// without returns a JSON object without some fields.
func without(text string, names ...string) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return "", err
	}
	for _, name := range names {
		delete(fields, name)
	}
	rest, err := json.Marshal(fields)
	return string(rest), err
}

// appendMeta appends a meta as clients get it.
func appendMeta(b []byte, e *crdt.Entry) []byte {
	b = appendFields(append(b, '{'), e.Meta)
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, `"phx_ref":"`...)
	b = e.AppendRef(b)
	if prev := e.PrevRef(); prev != "" {
		b = append(b, `","phx_ref_prev":"`...)
		b = append(b, prev...)
	}
	return append(b, `"}`...)
}

// appendFields appends what is between the braces of an object.
func appendFields(b []byte, object string) []byte {
	return append(b, strings.TrimSpace(object[1:len(object)-1])...)
}

// appendEntries appends entries as an object of keys. Those of a key are together.
// What fetched has for a key comes to stand next to its metas.
func appendEntries(b []byte, entries []*crdt.Entry, fetched map[string]string) []byte {
	b = append(b, '{')
	for len(entries) > 0 {
		key := entries[0].Key
		b = append(jsontext.AppendString(b, key), `:{"metas":[`...)
		for len(entries) > 0 && entries[0].Key == key {
			b = append(appendMeta(b, entries[0]), ',')
			entries = entries[1:]
		}
		b[len(b)-1] = ']'
		if fields := fetched[key]; fields != "" {
			b = append(b, ',')
			b = append(b, fields...)
		}
		b = append(b, "},"...)
	}
	if b[len(b)-1] == ',' {
		b = b[:len(b)-1]
	}
	return append(b, '}')
}

// sizeOf is about how many bytes appendEntries will append.
func sizeOf(entries []*crdt.Entry, fetched map[string]string) int {
	n := 2
	for _, e := range entries {
		n += len(e.Key) + len(e.Meta) + 64
	}
	for _, fields := range fetched {
		n += len(fields) + 1
	}
	return n
}

// byKey brings the entries of a key together, in the order that they have.
func byKey(entries []*crdt.Entry) []*crdt.Entry {
	slices.SortStableFunc(entries, func(a, b *crdt.Entry) int { return strings.Compare(a.Key, b.Key) })
	return entries
}
