package presence

import (
	"maps"

	"github.com/troupe-go/troupe/transport/ws"
	"github.com/troupe-go/troupe/transport/ws/presence/internal/crdt"
)

// Entry is what is known about a key in a topic. It marshals to what clients get.
type Entry struct {
	// Metas are the presences of the key, in the order in which they came.
	Metas []Meta
	// Fields is the object that [Config].Fetch has returned for the key, or {}.
	Fields ws.Payload
}

// Meta is one presence.
type Meta struct {
	// Ref names the presence. After an update it is another, and PrevRef is the one
	// before; else PrevRef is empty.
	Ref, PrevRef string
	// Payload is the meta as clients get it: what was tracked, and the refs.
	Payload ws.Payload
}

// MarshalJSON implements [json.Marshaler].
func (m Meta) MarshalJSON() ([]byte, error) { return m.Payload.MarshalJSON() }

// MarshalJSON implements [json.Marshaler].
func (e Entry) MarshalJSON() ([]byte, error) {
	b := []byte(`{"metas":[`)
	for i, m := range e.Metas {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, m.Payload.Bytes()...)
	}
	b = append(b, ']')
	if fields := appendFields(nil, string(e.Fields.Bytes())); len(fields) > 0 {
		b = append(append(b, ','), fields...)
	}
	return append(b, '}'), nil
}

// Diff is what has changed in a topic at once.
type Diff struct {
	Topic string
	// Joins and Leaves are the presences that came and went, by key. One that was
	// updated is in both.
	Joins, Leaves map[string]Entry
	// Present is all that the keys of Joins and Leaves had right after the change.
	// A key that has left for good is not there. So a diff costs as much as its
	// keys have metas, for OnDiff; for nobody else.
	Present map[string]Entry
}

// entriesOf returns entries by key.
func entriesOf(entries []*crdt.Entry, fetched map[string]string) map[string]Entry {
	all := make(map[string]Entry)
	for _, e := range entries {
		entry, known := all[e.Key]
		if fields := fetched[e.Key]; !known && fields != "" {
			entry.Fields = ws.RawJSON([]byte("{" + fields + "}"))
		}
		entry.Metas = append(entry.Metas, Meta{e.Ref(), e.PrevRef(), ws.RawJSON(appendMeta(nil, e))})
		all[e.Key] = entry
	}
	return all
}

func presentIn(keys []crdt.Snapshot) map[string]Entry {
	all := make(map[string]Entry)
	for _, k := range keys {
		maps.Copy(all, entriesOf(k.Entries(), nil))
	}
	return all
}
