package wsclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Payload is what a message carries: JSON, not decoded, or bytes. The zero Payload is
// an empty JSON object. A Payload is never changed; it may be kept and sent on.
type Payload struct {
	data   []byte // JSON text, or the bytes; nil and not binary: {}
	binary bool
}

// Binary is the payload of a binary message, an ArrayBuffer of the JavaScript client.
// The caller must not change data afterwards.
func Binary(data []byte) Payload { return Payload{data, true} }

// IsBinary reports whether the payload is bytes and not JSON.
func (p Payload) IsBinary() bool { return p.binary }

// Bytes returns the payload as it travels: JSON text, or the bytes. The caller must
// not change them.
func (p Payload) Bytes() []byte {
	if p.data == nil && !p.binary {
		return []byte("{}")
	}
	return p.data
}

// Decode unmarshals a JSON payload into v, as [json.Unmarshal] does. It fails for a
// binary payload. Numbers that float64 cannot hold survive in fields of an integer
// type, [json.Number] or [json.RawMessage].
func (p Payload) Decode(v any) error {
	if p.binary {
		return errors.New("wsclient: decode: payload is binary")
	}
	if err := json.Unmarshal(p.Bytes(), v); err != nil {
		return fmt.Errorf("wsclient: decode: %w", err)
	}
	return nil
}

// String returns JSON text as it is, and the length of a binary payload.
func (p Payload) String() string {
	if p.binary {
		return fmt.Sprintf("%d bytes", len(p.data))
	}
	return string(p.Bytes())
}

// MarshalJSON returns a JSON payload as it is, so that it can be part of another, and
// bytes as a base64 string.
func (p Payload) MarshalJSON() ([]byte, error) {
	if p.binary {
		return json.Marshal(p.data)
	}
	return p.Bytes(), nil
}

// outgoing returns v as the payload of a push or a join. The server's handlers, and
// other clients if it is broadcast, read fields from it, hence an object.
func outgoing(v any) (Payload, error) {
	switch v := v.(type) {
	case nil:
		return Payload{}, nil
	case Payload:
		if v.binary || v.data == nil {
			return v, nil
		}
	}
	data, err := json.Marshal(v)
	if err != nil {
		return Payload{}, fmt.Errorf("payload: %w", err)
	}
	if !bytes.HasPrefix(data, []byte("{")) {
		return Payload{}, fmt.Errorf("%w, not %.40s", ErrPayload, data)
	}
	return Payload{data: data}, nil
}
